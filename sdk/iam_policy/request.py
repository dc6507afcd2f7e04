"""What is asked: who wants to do what, on which resource, under which circumstances."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from iam_policy.variables import ContextValue, Env

_NOTHING: Env = {}


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
    """

    arn: str | None
    account: str | None
    id: str | None = None
    role_arn: str | None = None
    user_arn: str | None = None
    is_federated: bool = False

    @property
    def is_root(self) -> bool:
        """The account itself, ``arn:partition:iam::account:root``."""
        return self.arn is not None and self.arn.endswith(":root") and is_root_arn(self.arn)


@dataclass(frozen=True, slots=True)
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
        folded: The context with folded keys; None when two keys differ only in case, which
            makes every decision fail closed.
    """

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, ContextValue] = field(default_factory=dict)
    resource_account: str | None = None
    folded: Env | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Fold the keys once, so that no condition has to."""
        folded: Env | None = _NOTHING
        if self.context:
            folded = {key.lower(): value for key, value in self.context.items()}
            if len(folded) != len(self.context):
                folded = None
        object.__setattr__(self, "folded", folded)


def is_root_arn(arn: str) -> bool:
    """Tell whether an ARN names an account as such."""
    parts = arn.split(":", 5)
    return len(parts) == 6 and parts[2] == "iam" and parts[5] == "root"  # noqa: PLR2004 -- segments of an ARN
