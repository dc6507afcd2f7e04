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
    Held,
    Layer,
    Movement,
    movements,
    statements_of,
    uncovered,
)
from iam.features.configuration.rules.scene import Scene, principals_of, text_of
from iam.features.configuration.rules.shapes import PRINCIPALS, Item, Key, Kind, State
from iam_policy import DocumentKind

_TAG_KEYS: Final = ("principaltag/", "resourcetag/")
_GUARDRAILS: Final = {"scp": DocumentKind.SCP, "rcp": DocumentKind.RCP}


def find_movements(before: Scene, after: Scene) -> Iterator[Movement]:
    """Everything that anybody gains or loses; nothing twice."""
    was, is_now = before.state, after.state
    changed = set(_differing(was, is_now, Kind.POLICY))
    for key in _holding(was, is_now, changed, Kind.GROUP):
        yield from _of_group(before, after, key)
    joining = set(_joining(was, is_now))
    for key in sorted({*_holding(was, is_now, changed, *PRINCIPALS), *joining}):
        yield from _of_principal(before, after, key)
    for key in _differing(was, is_now, Kind.RESOURCE_POLICY):
        yield from _of_document(was, is_now, key, "document", Layer.RESOURCE)
    for key in _differing(was, is_now, Kind.ROLE):
        yield from _of_document(was, is_now, key, "trust_policy", Layer.TRUST)
        yield from _of_sessions(was, is_now, key)
    yield from _of_guardrails(was, is_now)
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


def _of_group(before: Scene, after: Scene, key: Key) -> Iterator[Movement]:
    had, has = _own(before, key), _own(after, key)
    if [one.document for one in had] != [one.document for one in has]:
        yield from movements(
            _named(before, after, key), Layer.IDENTITY, before.held(had), after.held(has)
        )


def _of_principal(before: Scene, after: Scene, key: Key) -> Iterator[Movement]:
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
        for held in uncovered(after.held(comes), all_before):
            yield Movement(subject, Layer.IDENTITY, held.allows, held)
        for held in uncovered(before.held(goes), all_after):
            yield Movement(subject, Layer.IDENTITY, not held.allows, held)
    yield from _of_boundary(before, after, key, subject)


def _of_boundary(before: Scene, after: Scene, key: Key, subject: str) -> Iterator[Movement]:
    was, is_now = before.state.items.get(key), after.state.items.get(key)
    if was is None or is_now is None:
        return  # who is new has nothing yet, and who is gone nothing any more
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
        yield from movements(subject, Layer.BOUNDARY, some, others)


def _of_document(
    before: State, after: State, key: Key, attribute: str, layer: Layer
) -> Iterator[Movement]:
    kind = DocumentKind.TRUST if layer is Layer.TRUST else DocumentKind.RESOURCE
    found: list[Sequence[Held]] = []
    for state in (before, after):
        item = state.items.get(key)
        document = None if item is None else text_of(item.attributes[attribute])
        found.append(() if document is None else _in(str(item), document, kind))
    item = after.items.get(key) or before.items[key]
    subject = str(item) if layer is Layer.TRUST else item.name
    yield from movements(subject, layer, *found)


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


def _of_guardrails(before: State, after: State) -> Iterator[Movement]:
    """What is at each level, all together: one that is attached beside another adds to it."""
    had, has = _levels(before), _levels(after)
    for level in sorted(had.keys() | has.keys()):
        kind, target = level
        yield from movements(
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
    """Tags give something where policies decide by them: carefully, any policy by any tag."""
    changed = [
        item
        for item in (*principals_of(after), *after.of(Kind.POLICY))
        if (was := before.items.get(item.key)) is not None
        and was.attributes["tags"] != item.attributes["tags"]
    ]
    if changed and any(map(_decides_by_tags, chain(before.items.values(), after.items.values()))):
        for item in changed:
            reason = "its tags change, and policies decide by tags"
            yield Movement(str(item), Layer.IDENTITY, gains=True, reason=reason)


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
