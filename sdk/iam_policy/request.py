"""What is asked: who wants to do what, on which resource, under which circumstances."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from iam_policy.names import SEGMENTS
from iam_policy.values import quick_value
from iam_policy.variables import ContextValue, Env

_SESSIONS = ("assumed-role/", "federated-user/")


class Context(dict[str, ContextValue]):
    """Condition keys in lower case. Give one to many requests, and it is folded only once.

    It is a value: nobody changes one that was given away.

    Attributes:
        is_ambiguous: Two keys differed only in case, which makes every decision fail closed.
    """

    is_ambiguous = False

    def __init__(self, keys: Mapping[str, ContextValue] | None = None) -> None:
        if keys:
            for key, value in keys.items():
                self[key.lower()] = value
            if len(self) != len(keys):
                self.is_ambiguous = True

    @classmethod
    def joined(cls, *contexts: "Context") -> "Context":
        """Return the keys of all; where several have one, it is the last one's."""
        joined = cls()
        for context in contexts:
            joined.update(context)
            if context.is_ambiguous:
                joined.is_ambiguous = True
        return joined

    def over(self, others: Mapping[str, ContextValue]) -> "Context":
        """Return these keys and the others; where both have one, it is this context's."""
        joined = Context()
        if len(others) > len(self):
            joined.update(others if isinstance(others, Context) else Context(others))
            joined.update(self)
        else:  # the larger goes in first: into an empty table it is copied as a whole
            joined.update(self)
            for key, value in others.items():
                joined.setdefault(key.lower(), value)
        if self.is_ambiguous or _is_ambiguous(others):
            joined.is_ambiguous = True
        return joined


def _is_ambiguous(keys: Mapping[str, ContextValue]) -> bool:
    if isinstance(keys, Context):
        return keys.is_ambiguous
    return len({*map(str.lower, keys)}) != len(keys)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        arn: The caller's ARN; None for an anonymous caller; a bare host name for an AWS service
            principal (simulation only).
        account: The account of the caller; None for anonymous callers and service principals.
        id: The immutable id by which stored policies name the caller. For a session it is the id
            of the role (or user) it was issued for, not the session's own.
        role_arn: For a role session, the ARN of its role with the path. Without it the role is
            recognised by account and last part of its name.
        user_arn: For a federated-user session, the ARN of the user who asked for it.
        is_federated: The caller comes from outside through an identity provider, and ``arn`` is
            the provider's; only ``Federated`` and ``*`` name it.
        is_root: It is the account itself, ``arn:partition:iam::account:root``.
        is_session: Its ARN is that of a role session or a federated-user session.
        is_outsider: It belongs to no account that could limit it: an anonymous caller or an AWS
            service principal.
    """

    arn: str | None
    account: str | None
    id: str | None = None
    role_arn: str | None = None
    user_arn: str | None = None
    is_federated: bool = False
    is_root: bool = field(init=False, repr=False, compare=False)
    is_session: bool = field(init=False, repr=False, compare=False)
    is_outsider: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Say once what many decisions about this caller ask."""
        arn = self.arn or ""
        nobody = self.account is None and not arn.startswith("arn:")
        object.__setattr__(self, "is_root", arn.endswith(":root") and is_root_arn(arn))
        object.__setattr__(self, "is_session", is_session_arn(arn))
        object.__setattr__(self, "is_outsider", nobody)


@quick_value
class Request:
    """One question to the engine.

    Attributes:
        principal: Who asks.
        action: ``service:VerbNoun``, in any case.
        resource: The ARN acted on, compared as written; ``*`` for actions without a resource.
        context: Condition keys, in any case, with one value or a list of values. Time is one of
            them: the engine has no clock.
        resource_account: The account that owns the resource. None takes it from the ARN, and
            where the ARN names none, the caller's own.
    """

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, ContextValue] = field(default_factory=Context)
    resource_account: str | None = None


def folded(context: Mapping[str, ContextValue]) -> Env | None:
    """Return the context with folded keys, or None if two of them differ only in case."""
    known = context if isinstance(context, Context) else Context(context)
    return None if known.is_ambiguous else known


def is_root_arn(arn: str) -> bool:
    """Tell whether an ARN names an account as such."""
    parts = arn.split(":", SEGMENTS - 1)
    return len(parts) == SEGMENTS and parts[2] == "iam" and parts[5] == "root"


def is_session_arn(arn: str) -> bool:
    """Tell whether an ARN is that of a role session or a federated-user session."""
    if "assumed-role/" not in arn and "federated-user/" not in arn:
        return False  # the quick answer for almost everybody
    parts = arn.split(":", SEGMENTS - 1)
    return len(parts) == SEGMENTS and parts[2] == "sts" and parts[5].startswith(_SESSIONS)
