"""What proves the master key. Pure."""

from typing import Final

from iam.kit.sealing import Place

KEY_CHECK: Final = b"this database was made with this master key"


def key_check_place(account: str) -> Place:
    """Where the known text is sealed; `account` is the one that looks after the installation."""
    return Place(table="installation", column="key_check_sealed", row_id="1", account=account)
