"""Who gains and who loses by a plan, statement by statement; and so whether it widens access.

A plan widens access when anybody may gain by it. It is told from what is written, not from
examples, and carefully: an Allow that comes and is not covered by one that was there, a Deny or a
guardrail's Deny that goes, a permissions boundary that is lifted or reaches further, a role that
more may assume or for longer, tags that policies decide by. That something else still stands in the
way does not count: it may be gone tomorrow.

Names, descriptions, owners, audiences and action catalogues decide nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Final

from iam.authz.holders import Source
from iam.features.configuration.rules.grants import (
    Comparison,
    Held,
    Layer,
    Movement,
    statements_of,
)
from iam.features.configuration.rules.scene import Scene, principals_of, text_of
from iam.features.configuration.rules.shapes import (
    PRINCIPALS,
    Attributes,
    Item,
    Key,
    Kind,
    State,
)
from iam_policy import DocumentKind

_TAG_KEYS: Final = ("principaltag/", "resourcetag/")
_GUARDRAILS: Final = {"scp": DocumentKind.SCP, "rcp": DocumentKind.RCP}


def find_movements(before: Scene, after: Scene) -> Iterator[Movement | None]:
    """Everything that anybody gains or loses; nothing twice. `None` is what was looked at in vain.

    It may take seconds: who calls it may let others have their turn in between.
    """
    was, is_now, comparison = before.state, after.state, Comparison()
    changed = set(_differing(was, is_now, Kind.POLICY))
    for key in _holding(was, is_now, changed, Kind.GROUP):
        yield from _of_group(before, after, key, comparison)
    joining = set(_joining(was, is_now))
    for key in sorted({*_holding(was, is_now, changed, *PRINCIPALS), *joining}):
        yield from _of_principal(before, after, key, comparison)
    for key in _differing(was, is_now, Kind.RESOURCE_POLICY):
        yield from _of_document(was, is_now, key, Layer.RESOURCE, comparison)
    for key in _differing(was, is_now, Kind.ROLE):
        yield from _of_document(was, is_now, key, Layer.TRUST, comparison)
        yield from _of_sessions(was, is_now, key)
    yield from _of_guardrails(was, is_now, comparison)
    yield from _of_tags(was, is_now)


def _differing(before: State, after: State, *kinds: Kind) -> list[Key]:
    """The keys of what is not the same in both states."""
    both = sorted({item.key for item in chain(before.of(*kinds), after.of(*kinds))})
    return [key for key in both if before.items.get(key) != after.items.get(key)]


def _holding(before: State, after: State, changed: set[Key], *kinds: Kind) -> list[Key]:
    """The keys of those that differ, or hold a policy that does."""
    keys = set(_differing(before, after, *kinds))
    for item in chain(before.of(*kinds), after.of(*kinds)):
        held = [*item.attributes["policies"], item.attributes.get("permissions_boundary") or ""]
        if any(Key.of(Kind.POLICY, name) in changed for name in held):
            keys.add(item.key)
    return sorted(keys)


def _joining(before: State, after: State) -> Iterator[Key]:
    """The keys of those who come into a group, or leave one."""
    for key in _differing(before, after, Kind.GROUP):
        members = [
            set() if (group := state.items.get(key)) is None else set(group.attributes["members"])
            for state in (before, after)
        ]
        for text in members[0] ^ members[1]:
            kind, _, name = text.partition("/")
            yield Key.of(Kind(kind), name)


def _of_group(
    before: Scene, after: Scene, key: Key, comparison: Comparison
) -> Iterator[Movement | None]:
    had, has = _own(before, key), _own(after, key)
    if [one.document for one in had] != [one.document for one in has]:
        yield from comparison.movements(
            _named(before, after, key), Layer.IDENTITY, before.held(had), after.held(has)
        )


def _of_principal(
    before: Scene, after: Scene, key: Key, comparison: Comparison
) -> Iterator[Movement | None]:
    subject = _named(before, after, key)
    had, has = _own(before, key), _own(after, key)
    was_in, is_in = _groups(before, key), _groups(after, key)
    moved = [one.document for one in had] != [one.document for one in has]
    if moved or was_in.keys() != is_in.keys():
        # What a group gains is told of the group, and all that a new one has is: of a member only
        # what it came to, or left, in a group that stays.
        comes = [*has, *_carried(after, is_in, _stay(before, is_in.keys() - was_in.keys()))]
        goes = [*had, *_carried(before, was_in, _stay(after, was_in.keys() - is_in.keys()))]
        all_before = before.held([*had, *_carried(before, was_in, was_in.keys())])
        all_after = after.held([*has, *_carried(after, is_in, is_in.keys())])
        for held in comparison.uncovered(after.held(comes), all_before):
            yield None if held is None else Movement(subject, Layer.IDENTITY, held.allows, held)
        for held in comparison.uncovered(before.held(goes), all_after):
            yield None if held is None else Movement(subject, Layer.IDENTITY, not held.allows, held)
    yield from _of_boundary(before, after, key, comparison)


def _of_boundary(
    before: Scene, after: Scene, key: Key, comparison: Comparison
) -> Iterator[Movement | None]:
    was, is_now = before.state.items.get(key), after.state.items.get(key)
    if was is None or is_now is None:
        return  # who is new has nothing yet, and who is gone nothing any more
    subject = str(is_now)
    had, has = before.boundary(was), after.boundary(is_now)
    if had is None and has is None:
        return
    if has is None and had is not None:
        reason = f"its permissions boundary `{_short(had)}` is lifted"
        yield Movement(subject, Layer.BOUNDARY, gains=True, reason=reason)
    elif had is None and has is not None:
        reason = f"`{_short(has)}` becomes its permissions boundary"
        yield Movement(subject, Layer.BOUNDARY, gains=False, reason=reason)
    elif had is not None and has is not None and had.document != has.document:
        kind = DocumentKind.BOUNDARY
        some, others = statements_of(had, kind), statements_of(has, kind)
        yield from comparison.movements(subject, Layer.BOUNDARY, some, others)


def _of_document(
    before: State, after: State, key: Key, layer: Layer, comparison: Comparison
) -> Iterator[Movement | None]:
    kind = DocumentKind.TRUST if layer is Layer.TRUST else DocumentKind.RESOURCE
    attribute = "trust_policy" if layer is Layer.TRUST else "document"
    found: list[Sequence[Held]] = []
    for state in (before, after):
        item = state.items.get(key)
        document = None if item is None else text_of(item.attributes[attribute])
        found.append(() if document is None else _in(str(item), document, kind))
    item = after.items.get(key) or before.items[key]
    subject = str(item) if layer is Layer.TRUST else item.name
    yield from comparison.movements(subject, layer, *found)


def _in(label: str, document: str, kind: DocumentKind) -> tuple[Held, ...]:
    return statements_of(Source(label, document), kind)


def _of_sessions(before: State, after: State, key: Key) -> Iterator[Movement]:
    was, is_now = before.items.get(key), after.items.get(key)
    if was is None or is_now is None:
        return
    lasted, lasts = (one.attributes["max_session_seconds"] for one in (was, is_now))
    if lasts != lasted:
        reason = f"sessions of it may last {lasts} seconds instead of {lasted}"
        yield Movement(str(is_now), Layer.TRUST, lasts > lasted, reason=reason)


def _of_guardrails(
    before: State, after: State, comparison: Comparison
) -> Iterator[Movement | None]:
    """What is at each level, all together: one that is attached beside another adds to it."""
    had, has = _levels(before), _levels(after)
    for level in sorted(had.keys() | has.keys()):
        kind, target = level
        yield from comparison.movements(
            f"everybody in {target}" if kind == "scp" else f"resources of {target}",
            Layer.GUARDRAIL,
            had.get(level, []),
            has.get(level, []),
        )


def _levels(state: State) -> dict[tuple[str, str], list[Held]]:
    found: dict[tuple[str, str], list[Held]] = {}
    for item in state.of(Kind.GUARDRAIL):
        kind = item.name.partition("/")[0]
        held = _in(str(item), text_of(item.attributes["document"]), _GUARDRAILS[kind])
        for target in item.attributes["targets"]:
            found.setdefault((kind, target), []).extend(held)
    return found


def _of_tags(before: State, after: State) -> Iterator[Movement]:
    """Tags give something where policies decide by them: carefully, any policy by any tag.

    Who is new may come with tags that the policy of a resource or role waits for.
    """
    changed = [
        item
        for item in (*principals_of(after), *after.of(Kind.POLICY))
        if _tags(before.items.get(item.key)) != item.attributes["tags"]
        and (item.kind in PRINCIPALS or item.key in before.items)
    ]
    if changed and any(map(_decides_by_tags, chain(before.items.values(), after.items.values()))):
        for item in changed:
            verb = "change" if item.key in before.items else "are new"
            reason = f"its tags {verb}, and policies decide by tags"
            yield Movement(str(item), Layer.IDENTITY, gains=True, reason=reason)


def _tags(item: Item | None) -> Attributes:
    found: Attributes = {} if item is None else item.attributes["tags"]
    return found


def _decides_by_tags(item: Item) -> bool:
    text = text_of(item.attributes).casefold()
    return any(key in text for key in _TAG_KEYS)


def _own(scene: Scene, key: Key) -> list[Source]:
    item = scene.state.items.get(key)
    return [] if item is None else list(scene.own_sources(item))


def _groups(scene: Scene, key: Key) -> dict[Key, Item]:
    item = scene.state.items.get(key)
    return {} if item is None else {group.key: group for group in scene.groups_of(item)}


def _carried(scene: Scene, groups: dict[Key, Item], keys: Iterable[Key]) -> list[Source]:
    return [source for key in sorted(keys) for source in scene.own_sources(groups[key])]


def _stay(scene: Scene, groups: AbstractSet[Key]) -> list[Key]:
    return [key for key in groups if key in scene.state.items]


def _named(before: Scene, after: Scene, key: Key) -> str:
    return str(after.state.items.get(key) or before.state.items[key])


def _short(source: Source) -> str:
    return source.label.rpartition("/")[2]
