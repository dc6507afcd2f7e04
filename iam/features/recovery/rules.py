"""What is in a recovery copy. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from iam.errors import IamError, invalid
from iam.kit.sealing import key_id_of

_FORMAT: Final = "iam recovery copy"


@dataclass(frozen=True, slots=True)
class RecoveryCopy:
    """The master keys of an installation, as they are written down for a recipient.

    Attributes:
        installation: Its id.
        created_at: When it was written.
        active: The id of the key that seals.
        keys: All keys by their ids.
        confirmation: A code that proves to the installation that somebody has opened this.
    """

    installation: str
    created_at: str
    active: str
    keys: Mapping[str, bytes] = field(repr=False)
    confirmation: str = field(default="", repr=False)

    def to_json(self) -> str:
        """As JSON that a person can read."""
        members = {
            "format": _FORMAT,
            "installation": self.installation,
            "created_at": self.created_at,
            "confirmation": self.confirmation,
            "active": self.active,
            "keys": {key_id: key.hex() for key_id, key in self.keys.items()},
        }
        return json.dumps(members, indent=2) + "\n"

    @classmethod
    def parse(cls, text: bytes) -> "RecoveryCopy":
        """From what was decrypted. Raises `IamError` (invalid, `recovery_copy_malformed`)."""
        try:
            found = json.loads(text)
            keys = {str(name): bytes.fromhex(key) for name, key in found["keys"].items()}
            copy = cls(
                str(found["installation"]),
                str(found["created_at"]),
                str(found["active"]),
                keys,
                str(found["confirmation"]),
            )
            is_ours = found["format"] == _FORMAT and copy.active in keys
        except (ValueError, LookupError, TypeError, AttributeError):
            raise _malformed() from None
        if not is_ours or any(key_id_of(key) != name for name, key in keys.items()):
            raise _malformed()
        return copy

    @property
    def in_order(self) -> list[bytes]:
        """The keys as a key file has them: that which seals comes first."""
        others = [key for key_id, key in self.keys.items() if key_id != self.active]
        return [self.keys[self.active], *others]


def confirmation_hash(code: str) -> bytes:
    """What is kept of a code: 64 random bits, which are guessed once or not at all."""
    kept = "".join(code.split()).replace("-", "").lower()
    return hashlib.sha256(kept.encode()).digest()


def _malformed() -> IamError:
    return invalid("recovery_copy_malformed", "what was decrypted is no recovery copy of iam")
