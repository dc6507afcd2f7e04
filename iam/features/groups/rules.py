"""Who may be in a group. Pure."""

from typing import Final

from iam.errors import invalid

MEMBER_KINDS: Final = ("user", "service")


def check_member_kind(kind: str) -> None:
    """Raise `IamError` of kind `invalid` unless things of this kind may be in a group.

    Groups do not nest (AWS: IAM groups), and a role is assumed, not made a member.
    """
    if kind not in MEMBER_KINDS:
        message = f"expected a member of kind `user` or `service`, found `{kind[:32]}`"
        raise invalid("member_kind_invalid", message)
