"""What stands around a principal's own policies: guardrails, and the policy of the resource.

Facts know no tables: `read_surroundings.py` reads these values from the database, `snapshots.py`
keeps them in memory. Of a level at which nothing but `FullAccess` stands nothing is kept, so that
it costs nothing either.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from iam_policy import EMPTY, DocumentKind, PolicySet, build_set, compile_stored

INSTALLATION: Final = "installation"
"""The level above all accounts."""
MAX_DEPTH: Final = 8
"""How many `/` the resource part of an ARN with a policy may have."""

_SEGMENTS: Final = 6
_FULL_ACCESS: Final = "FullAccess"
# Service, region and account of a shipped policy's ARN. The account is `SHIPPED_ACCOUNT` of the
# models, and the name above its `FULL_ACCESS`, repeated because facts know no tables; tests
# compare them.
_SHIPPED: Final = ("iam", "", "iam")
_ASSUMING: Final = frozenset({
    "sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity",
    "sts:setsourceidentity", "sts:tagsession",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one decision takes into account beside the principal.

    Attributes:
        scps: The guardrails of the caller's account, one set a level; see `iam_policy.Layers`.
        rcps: The guardrails of the account that owns the resource.
        resource: The policies of the resource and of what it is below; or a role's trust policy.
        is_required: That policy must allow, whatever others say: nobody assumes a role otherwise.
    """

    scps: tuple[PolicySet, ...] = ()
    rcps: tuple[PolicySet, ...] = ()
    resource: PolicySet | None = None
    is_required: bool = False

    def with_policy(self, policy: PolicySet | None, *, is_required: bool = False) -> "Surroundings":
        """The same guardrails around another resource."""
        if policy is None and not is_required:
            return self
        return Surroundings(self.scps, self.rcps, policy, is_required)


NOTHING: Final = Surroundings()


class Attached(NamedTuple):
    """One guardrail at one level, as it is read.

    Attributes:
        kind: `scp` or `rcp`.
        level: `installation`, or `account/` and a name.
        name: The guardrail's name.
        label: Its ARN.
        document: Its text.
    """

    kind: str
    level: str
    name: str
    label: str
    document: str


class Guardrails:
    """The guardrails of the accounts that were read."""

    def __init__(self, attached: Iterable[Attached]) -> None:
        levels: dict[tuple[str, str], list[Attached]] = {}
        for one in attached:
            levels.setdefault((one.kind, one.level), []).append(one)
        top_scps = _binding_scps(levels.pop(("scp", INSTALLATION), []))
        self._top_rcps = _binding_rcps(levels.pop(("rcp", INSTALLATION), []))
        # An account without any guardrail for its principals has lost `FullAccess`, too.
        self._bare = (*top_scps, EMPTY)
        self._scps: dict[str, tuple[PolicySet, ...]] = {}
        self._rcps: dict[str, tuple[PolicySet, ...]] = {}
        for (kind, level), found in levels.items():
            account = level.partition("/")[2]
            if kind == "scp":
                self._scps[account] = (*top_scps, *_binding_scps(found))
            else:
                self._rcps[account] = (*self._top_rcps, *_binding_rcps(found))

    def around(self, account: str, owner: str) -> Surroundings:
        """What binds a principal of `account` on a resource of the account `owner`."""
        scps = self._scps.get(account, self._bare)
        rcps = self._rcps.get(owner, self._top_rcps)
        return Surroundings(scps, rcps) if scps or rcps else NOTHING


def policy_set(documents: Iterable[tuple[str, str]], kind: DocumentKind) -> PolicySet:
    """Index documents, given as (label, text).

    A stored document that is defective denies, and the decision says so. Whoever has the same
    documents shares one set: principals are many, and most have what their groups have.
    """
    key = (kind, tuple(documents))
    found = _shared_sets.get(key)
    if found is None:
        found = build_set([(label, compile_stored(text, kind)) for label, text in key[1]])
        _shared_sets[key] = found
    return found


# Only as long as somebody has it: what policies said before they were changed is not kept.
_shared_sets: Final = WeakValueDictionary[
    tuple[DocumentKind, tuple[tuple[str, str], ...]], PolicySet
]()


def resource_set(documents: Mapping[str, str]) -> PolicySet | None:
    """The policies of a resource and of what is above it, by ARN; `None` if there is none."""
    return policy_set(documents.items(), DocumentKind.RESOURCE) if documents else None


def owning_account(resource: str, account: str) -> str:
    """The account that owns a resource: the one its ARN names, or else the caller's.

    So each account has a policy of its own for what no account is named in, which nobody else's
    principals ever meet. A shipped policy counts as part of whichever account uses it.
    """
    parts = resource.split(":", _SEGMENTS - 1)
    if len(parts) < _SEGMENTS or not parts[4]:
        return account
    return account if _is_shipped(parts) else parts[4]


def at_or_above(resource: str) -> Iterator[str]:
    """The ARNs whose policy reaches this resource: its own, and each that a `/` of it ends.

    As with AWS's buckets: the policy of `store` speaks about `store/2026/may`, too.
    """
    head = resource.split(":", _SEGMENTS - 1)
    if len(head) == _SEGMENTS:
        place = len(resource) - len(head[-1])
        for _ in range(MAX_DEPTH + 1):
            place = resource.find("/", place) + 1
            if not place:
                break
            yield resource[: place - 1]
        else:
            return  # too deep to have a policy of its own
    yield resource


def is_assuming(action: str) -> bool:
    """Whether a role's trust policy decides about this action, in place of a resource policy."""
    return action[:4].lower() == "sts:" and action.lower() in _ASSUMING


def _is_shipped(parts: list[str]) -> bool:
    return (*parts[2:5],) == _SHIPPED and parts[-1].startswith("policy/")


def _binding_scps(found: list[Attached]) -> tuple[PolicySet, ...]:
    """The level as the engine takes it: `()` if it lets everything pass."""
    if len(found) == 1 and found[0].name == _FULL_ACCESS:
        return ()
    return (_set(found, DocumentKind.SCP),)


def _binding_rcps(found: list[Attached]) -> tuple[PolicySet, ...]:
    """The same for resources, where `FullAccess` is at every level, attached or not."""
    others = [one for one in found if one.name != _FULL_ACCESS]
    return (_set([_ALL_RESOURCES, *others], DocumentKind.RCP),) if others else ()


def _set(found: list[Attached], kind: DocumentKind) -> PolicySet:
    return policy_set([(one.label, one.document) for one in found], kind)


_ALL_RESOURCES: Final = Attached(
    "rcp",
    "",
    _FULL_ACCESS,
    _FULL_ACCESS,
    '{"Version":"2012-10-17","Statement":'
    '[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}',
)
