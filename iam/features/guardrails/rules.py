"""What guardrails may say, and what they are attached to. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from iam.authz.surroundings import INSTALLATION
from iam.errors import invalid
from iam.features.principal_elements.rules import document_error, parsed, stored_text
from iam_policy import Defect, DocumentKind, Limits

FULL_ACCESS_DOCUMENT: Final[Mapping[str, Mapping[str, Any]]] = {
    DocumentKind.SCP: {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    },
    DocumentKind.RCP: {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
    },
}
"""What `FullAccess` says, by kind."""

_ACCOUNT: Final = "account/"


@dataclass(frozen=True, slots=True)
class Level:
    """What a guardrail is attached to: one account, or the installation.

    Attributes:
        account: The account's name; `None` for the installation.
    """

    account: str | None

    def __str__(self) -> str:
        """Write it as in an address: `installation`, `account/acme`."""
        return INSTALLATION if self.account is None else _ACCOUNT + self.account

    @property
    def arn_parts(self) -> tuple[str, str]:
        """Service and resource part of its ARN."""
        return ("iam", INSTALLATION) if self.account is None else ("organizations", str(self))


def parse_level(text: str) -> Level:
    """Read `installation` or `account/acme`. Raises `IamError` of kind `invalid`."""
    if text == INSTALLATION:
        return Level(None)
    account = text.removeprefix(_ACCOUNT)
    if account in {"", text} or "/" in account or not account.isprintable():
        raise invalid("target_invalid", "expected `installation`, or `account/` and its name")
    return Level(account)


def checked_guardrail(document: Mapping[str, Any], kind: str, limits: Limits) -> str:
    """The compact text of a guardrail, as it is stored.

    Raises `IamError` of kind `invalid` with every defect and its JSON path. What binds resources
    only denies, as in AWS: `FullAccess` stands beside it, and an Allow would add nothing.
    """
    policy = parsed(document, DocumentKind(kind), limits, what="guardrail")
    if policy.kind is DocumentKind.RCP:
        allowing = [one.index for one in policy.statements if one.effect != "Deny"]
        if allowing:
            raise document_error("guardrail", [_only_deny(index) for index in allowing])
    return stored_text(document)


def _only_deny(index: int) -> Defect:
    return Defect(f"$.Statement[{index}].Effect", json.dumps("Allow"), '"Deny" in this kind')
