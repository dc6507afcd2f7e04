"""What may hold policies, and how much. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from iam.authz.actions import Action


class HolderKind(StrEnum):
    """What can hold policies. The value is the word in its ARN."""

    USER = "user"
    SERVICE = "service"
    ROLE = "role"
    GROUP = "group"

    @property
    def collection(self) -> str:
        """The word in its address: `/v1/users`."""
        return f"{self}s"


# AWS: IAM and STS quotas. A service is a workload, as a role is, and has a role's limit.
INLINE_SIZE: Final[Mapping[HolderKind, int]] = {
    HolderKind.USER: 2_048,
    HolderKind.SERVICE: 10_240,
    HolderKind.ROLE: 10_240,
    HolderKind.GROUP: 5_120,
}
"""Characters of all inline policies of one holder together; white space does not count."""


def action_on(verb: str, kind: HolderKind, rest: str) -> Action:
    """The action of this verb on this kind: `Attach` + `group` + `Policy`."""
    return Action(f"iam:{verb}{kind.capitalize()}{rest}")
