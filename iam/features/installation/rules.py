"""What proves the master key. Pure."""

from typing import Final

from iam.kit.sealing import Place
from iam.models.account import MAIN_ACCOUNT

KEY_CHECK: Final = b"this database was made with this master key"


def key_check_place() -> Place:
    """Where the known text is sealed."""
    return Place(table="installation", column="key_check_sealed", row_id="1", account=MAIN_ACCOUNT)
