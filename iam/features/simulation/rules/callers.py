"""Reading who is simulated as the caller, and what its name alone tells of it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from iam.authz.condition_keys import both_prefixes
from iam.features.simulation.rules.reading import wrong
from iam_policy import Context, Principal, canonical_defect

ANONYMOUS: Final = "anonymous"
"""Who calls when nobody says who calls."""

_NAME: Final = "[A-Za-z0-9+=,.@_-]{1,64}"
_STORED: Final = re.compile(
    r"arn:[a-z0-9-]+:iam::(?P<account>[a-z0-9-]{1,64}):(?P<kind>user|service|role)/"
    rf"(?:[A-Za-z0-9+=,.@_-]+/)*(?P<name>{_NAME})"
)
_SESSION: Final = re.compile(
    r"arn:(?P<partition>[a-z0-9-]+):sts::(?P<account>[a-z0-9-]{1,64}):"
    rf"(?:(?P<kind>assumed-role)/(?P<role>{_NAME})|(?P<federated>federated-user))/(?P<name>{_NAME})"
)
_ROOT: Final = re.compile(r"arn:[a-z0-9-]+:iam::(?P<account>[a-z0-9-]{1,64}):root")
_HOST: Final = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,128}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the name tells.

    Attributes:
        arn: The ARN; the host name of an AWS service; `None` for an anonymous caller.
        account: The account; `None` for who belongs to none.
        type: AWS's `aws:PrincipalType`, or ours: `User`, `Service`, `Role`, `AssumedRole`,
            `FederatedUser`, `Account`, `AWSService`, `Anonymous`.
        name: The last part of the name: of a user, of a session.
        role_arn: Of a role's session, the ARN of the role, as if it had no path.
        id: The immutable id, if that is said.
    """

    arn: str | None
    account: str | None
    type: str
    name: str
    role_arn: str | None = None
    id: str | None = None

    @property
    def principal(self) -> Principal:
        """The caller as the engine takes it: a role is known by its name, whatever its path."""
        return Principal(arn=self.arn, account=self.account, id=self.id)

    @property
    def context(self) -> Context:
        """The condition keys that follow from the name; AWS has no others of such a caller."""
        keys = {"PrincipalType": self.type} | {
            key: value
            for key, value in (
                ("PrincipalArn", self.role_arn or self.arn),
                ("PrincipalAccount", self.account),
                ("userid", self._userid),
            )
            if value is not None
        }
        if self.type in {"User", "Service"}:
            keys["username"] = self.name
        if self.type == "AWSService":
            keys = {"PrincipalIsAWSService": "true", "PrincipalServiceName": self.name}
        return Context(both_prefixes(keys))

    @property
    def _userid(self) -> str | None:
        if self.type in {"Anonymous", "Account"}:
            return self.account or ANONYMOUS
        if self.id is None or self.type != "AssumedRole":
            return self.id
        return f"{self.id}:{self.name}"


def read_stored(text: str, path: str) -> Caller:
    """A user, service or role."""
    found = _STORED.fullmatch(text)
    if found is None or canonical_defect(text) is not None:
        raise wrong(path, "expected the ARN of a user, service or role")
    return Caller(text, found["account"], found["kind"].capitalize(), found["name"])


def read_caller(text: str, path: str) -> Caller:
    """Anybody whom a policy may name, and who is nobody."""
    if text == ANONYMOUS:
        return Caller(None, None, "Anonymous", ANONYMOUS)
    if _HOST.fullmatch(text):
        return Caller(text, None, "AWSService", text)
    if canonical_defect(text) is None:
        if _STORED.fullmatch(text):
            return read_stored(text, path)
        if found := _SESSION.fullmatch(text):
            return _session(text, found)
        if found := _ROOT.fullmatch(text):
            return Caller(text, found["account"], "Account", "root")
    raise wrong(
        path,
        "expected the ARN of a user, service, role, session or account (`:root`), "
        f"the host name of an AWS service, or `{ANONYMOUS}`",
    )


def _session(text: str, found: re.Match[str]) -> Caller:
    account, name = found["account"], found["name"]
    if found["federated"]:
        return Caller(text, account, "FederatedUser", name)
    role = f"arn:{found['partition']}:iam::{account}:role/{found['role']}"
    return Caller(text, account, "AssumedRole", name, role_arn=role)


def read_owner(text: str, path: str) -> str:
    """The account that owns resources."""
    found = _ROOT.fullmatch(text)
    if found is None:
        raise wrong(path, "expected the ARN of an account, `arn:iam:iam::main:root`")
    return found["account"]


def read_id(text: str, path: str) -> str:
    """The immutable id of a principal."""
    if not _ID.fullmatch(text):
        raise wrong(path, "expected the id of a user, service or role")
    return text


def is_named(body: Mapping[str, Any]) -> bool:
    """Whether a request says who calls."""
    return bool(body.get("policy_source_arn") or body.get("caller_arn"))
