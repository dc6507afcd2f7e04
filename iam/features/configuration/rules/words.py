"""A plan in words: what is made, changed and deleted, and who gains and loses what."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from iam.features.configuration.rules.effects import Effect
from iam.features.configuration.rules.grants import Held, Layer, Movement
from iam.features.configuration.rules.planning import Change, Step, Verb

_NOTHING: Final = "no request was found that is decided otherwise"
_FEW: Final = 4
_VERBS: Final = {Verb.CREATE: "create", Verb.UPDATE: "change", Verb.DELETE: "delete"}


def step_words(step: Step) -> tuple[str, ...]:
    """What a step does: a headline, and a line for each thing that changes."""
    head = f"{_VERBS[step.verb]} {step.item}"
    if step.verb is Verb.CREATE:
        told = (line for one in step.changes for line in _made(one))
    else:
        told = (line for one in step.changes for line in _changed(one))
    return (head, *told)


def effect_words(effect: Effect) -> tuple[str, ...]:
    """Who gains or loses what, and an example."""
    movement = effect.movement
    lines = [_headline(effect)]
    if effect.example is not None:
        one = effect.example
        lines.append(
            f"for example {one.principal}: {one.action} on {one.resource}: "
            f"{one.before} -> {one.after}"
        )
    elif movement.held is not None:
        lines.append(_without_example(effect))
    return tuple(lines)


def _headline(effect: Effect) -> str:
    movement, held = effect.movement, effect.movement.held
    if movement.layer is Layer.TRUST and held is not None:
        may = "may" if movement.gains else "may no longer"
        told = f"{_principals(held)} {may} use {_listed(held.listed('Action'))}"
        return f"{told} on {movement.subject}{_under(held)}"
    verb = "gains" if movement.gains else "loses"
    return f"{_subject(effect)} {verb}: {_what(movement)}"


def _subject(effect: Effect) -> str:
    movement = effect.movement
    if movement.layer is Layer.RESOURCE and movement.held is not None:
        return _principals(movement.held)
    if movement.subject.startswith("group/"):
        count = effect.concerned
        return f"{movement.subject} ({count} member{'' if count == 1 else 's'})"
    return movement.subject


def _what(movement: Movement) -> str:
    if movement.held is None:
        return movement.reason
    held = movement.held
    told = _statement(held)
    if movement.layer is Layer.BOUNDARY:
        told = f"its permissions boundary {'lets' if held.allows else 'denies'} {told}"
        return told if movement.gains is held.allows else f"no longer: {told}"
    if not held.allows:
        denies = "no longer denies" if movement.gains else "denies"
        return f"{told}, which {_short(held.policy)} {denies}"
    is_told_of_group = held.group in {None, movement.subject}
    through = "" if is_told_of_group else f" through {held.group}"
    return f"{told} by {_short(held.policy)}{through}"


def _statement(held: Held) -> str:
    excepted = held.listed("NotAction")
    told = f"all but {_listed(excepted)}" if excepted else _listed(held.listed("Action"))
    if others := held.listed("NotResource"):
        told += f" on all but {_listed(others)}"
    elif resources := held.listed("Resource"):
        told += f" on {_listed(resources)}"
    return told + _under(held)


def _under(held: Held) -> str:
    """Under which conditions a statement applies."""
    conditions: Mapping[str, Any] = held.written.get("Condition") or {}
    told = " and ".join(
        f"{key} {operator} {_listed(values if isinstance(values, list) else [values])}"
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )
    return f" if {told}" if told else ""


def _principals(held: Held) -> str:
    principal = held.written.get("Principal") or held.written.get("NotPrincipal")
    if isinstance(principal, str):
        named = [principal]
    else:
        values = [one if isinstance(one, list) else [one] for one in (principal or {}).values()]
        named = [_short(one) for some in values for one in some]
    told = "everybody" if named == ["*"] else _listed(named)
    return f"everybody but {told}" if "NotPrincipal" in held.written else told


def _without_example(effect: Effect) -> str:
    if not effect.concerned:
        return "nobody of this account is concerned now"
    if not effect.is_examined:
        return "the plan is too large to look for a request that is decided otherwise"
    if effect.movement.gains:
        return f"{_NOTHING}: it is allowed already, or a limit stands in the way"
    return _NOTHING


def _made(change: Change) -> Iterator[str]:
    yield f"{_name(change.attribute)}: {_value(change.after)}"


def _changed(change: Change) -> Iterator[str]:
    name, before, after = _name(change.attribute), change.before, change.after
    if isinstance(before, list) and isinstance(after, list):
        yield from (f"{name}: - {one}" for one in before if one not in after)
        yield from (f"{name}: + {one}" for one in after if one not in before)
    elif change.attribute in {"tags", "inline_policies"}:
        yield from _members(name, before or {}, after)
    else:
        yield f"{name}: {_value(before)} -> {_value(after)}"


def _members(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            yield f"{name} {key}: {_value(before.get(key))} -> {_value(after.get(key))}"


def _name(attribute: str) -> str:
    return attribute.replace("_", " ")


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value) or "(none)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text or "(none)"


def _listed(values: Sequence[str]) -> str:
    told = ", ".join(map(str, values[:_FEW]))
    more = len(values) - _FEW
    return f"{told} and {more} more" if more > 0 else told


def _short(label: str) -> str:
    """`policy/read-invoices` for its ARN; ARNs of other services as they are."""
    head, _, resource = label.partition("::")
    if head.endswith(":iam") and ":" in resource:
        return resource.partition(":")[2]
    return label
