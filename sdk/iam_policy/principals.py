"""The Principal element: whom a resource policy or a trust policy names, and how directly.

How a caller is named decides which of its own limits still hold, so matching answers with a
`Naming`, not with yes or no. Sources: IAM User Guide, ``reference_policies_elements_principal``,
``reference_policies_elements_notprincipal`` and ``reference_policies_evaluation-logic``.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

from iam_policy.names import SEGMENTS
from iam_policy.request import Principal, is_root_arn

_ACCOUNT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_IDENTIFIER = re.compile(r"[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}|A[A-Z0-9]{15,127}")
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_CONTROL = re.compile(r"[\s*?\x00-\x1f\x7f]")


class Naming(IntEnum):
    """How a policy names a caller, from not at all to the most direct.

    ``ACCOUNT`` delegates to the account: the caller's own identity policies must allow as well.
    ``LIMITED`` names the role or user that the caller is a session of: boundary and session policy
    still limit. ``DIRECT`` names the caller itself, or everyone.
    """

    NONE = 0
    ACCOUNT = 1
    LIMITED = 2
    DIRECT = 3


class PrincipalError(ValueError):
    """A value that names no principal; the message says what would."""


@dataclass(frozen=True, slots=True)
class Principals:
    """One Principal or NotPrincipal element.

    Attributes:
        negated: The element is NotPrincipal.
        everyone: It is ``*``.
        arns: Users, services, roles and sessions by ARN.
        accounts: Accounts, written as id or as ``:root`` ARN.
        ids: Users, services and roles by immutable id.
        services: AWS service host names.
        federated: Identity providers.
    """

    negated: bool = False
    everyone: bool = False
    arns: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    federated: frozenset[str] = frozenset()
    roles: frozenset[tuple[str, str]] = frozenset()

    def naming(self, caller: Principal) -> Naming:
        """Tell how the listed principals name the caller; ``negated`` is the business of others."""
        arn = caller.arn
        if arn is None or caller.is_federated or not arn.startswith("arn:"):
            others = self.federated if caller.is_federated else self.services
            return Naming.DIRECT if self.everyone or arn in others else Naming.NONE
        if self.everyone or arn in self.arns:
            return Naming.DIRECT
        if self._names_source(caller, arn):
            return Naming.LIMITED if caller.is_session else Naming.DIRECT
        return Naming.ACCOUNT if caller.account in self.accounts else Naming.NONE

    def escapes(self, caller: Principal) -> bool:
        """Tell whether a Deny with NotPrincipal spares the caller.

        A session escapes only if session, role (or user) and account are all listed, because each
        of the three is checked on its own.
        """
        arn = caller.arn
        if arn is not None and not caller.is_federated and caller.is_session:
            listed = arn in self.arns and self._names_source(caller, arn)
            return listed and caller.account in self.accounts
        if caller.is_root:
            return caller.account in self.accounts
        return self.naming(caller) is Naming.DIRECT

    def _names_source(self, caller: Principal, arn: str) -> bool:
        """Tell whether the role or user that the caller is, or is a session of, is listed."""
        if caller.id is not None and caller.id in self.ids:
            return True
        if not caller.is_session:
            return False
        source = caller.role_arn or caller.user_arn
        if source is not None:
            return source in self.arns
        # A session ARN has no path, a role ARN has one: only account and name can be compared.
        _, _, _, _, account, resource = arn.split(":", SEGMENTS - 1)
        kind, name = resource.split("/", 2)[:2]
        return kind == "assumed-role" and (account, name) in self.roles


class PrincipalList:
    """Collects the values of one element, sorted by what they name."""

    def __init__(self) -> None:
        self.everyone = False
        self._arns: set[str] = set()
        self._accounts: set[str] = set()
        self._ids: set[str] = set()
        self._services: set[str] = set()
        self._federated: set[str] = set()

    def add_account_or_arn(self, value: str) -> None:
        """Take a value of type ``IAM`` or ``AWS``; raises `PrincipalError`."""
        if value == "*":
            self.everyone = True
        elif value.startswith("arn:"):
            self._add_arn(value)
        elif _ACCOUNT.fullmatch(value):
            self._accounts.add(value)
        elif _IDENTIFIER.fullmatch(value):
            self._ids.add(value)
        else:
            raise PrincipalError("*, an account, the ARN of a principal, or its id")

    def add_service(self, value: str) -> None:
        """Take an AWS service's host name; raises `PrincipalError`."""
        if not _HOST.fullmatch(value):
            raise PrincipalError("the host name of an AWS service")
        self._services.add(value)

    def add_federated(self, value: str) -> None:
        """Take an identity provider's ARN or host name; raises `PrincipalError`."""
        if not _HOST.fullmatch(value) and not _is_provider(value):
            raise PrincipalError("the ARN of a saml-provider or oidc-provider, or a host name")
        self._federated.add(value)

    def build(self, *, negated: bool) -> Principals:
        """Return what was collected."""
        return Principals(
            negated=negated,
            everyone=self.everyone,
            arns=frozenset(self._arns),
            accounts=frozenset(self._accounts),
            ids=frozenset(self._ids),
            services=frozenset(self._services),
            federated=frozenset(self._federated),
            roles=frozenset(filter(None, map(_role_key, self._arns))),
        )

    def _add_arn(self, value: str) -> None:
        parts = value.split(":", SEGMENTS - 1)
        if len(parts) != SEGMENTS or _CONTROL.search(value) or not parts[5]:
            raise PrincipalError("a whole ARN; wildcards inside a principal name nobody")
        if is_root_arn(value):
            self._accounts.add(parts[4])
        else:
            self._arns.add(value)


def _is_provider(value: str) -> bool:
    parts = value.split(":", SEGMENTS - 1)
    return (
        len(parts) == SEGMENTS
        and parts[0] == "arn"
        and parts[5].startswith(("saml-provider/", "oidc-provider/"))
        and not _CONTROL.search(value)
    )


def _role_key(arn: str) -> tuple[str, str] | None:
    """Return (account, name without path) of a role ARN."""
    parts = arn.split(":", SEGMENTS - 1)
    if not parts[5].startswith("role/"):
        return None
    return parts[4], parts[5].rpartition("/")[2]
