"""What may hold policies, and how much. Pure."""

from enum import StrEnum

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


def action_on(verb: str, kind: HolderKind, rest: str) -> Action:
    """The action of this verb on this kind: `Attach` + `group` + `Policy`."""
    return Action(f"iam:{verb}{kind.capitalize()}{rest}")
