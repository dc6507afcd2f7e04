"""Pages of a list and the cursors between them.

A cursor holds the sort values of the last item shown. It is encrypted and authenticated, and bound
to its *scope*: who lists what, in which order, under which filters. So a client can neither read
nor forge one, nor carry it to another account or another sort, and a query may trust the values in
it.
"""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from iam.errors import IamError, invalid

T = TypeVar("T")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_NONCE_BYTES = 12
_MAX_CURSOR_LENGTH = 2_048


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list; ``next_cursor`` is None on the last page."""

    items: list[T]
    next_cursor: str | None

    @classmethod
    def cut(cls, rows: Sequence[T], limit: int, cursor_after: Callable[[T], str]) -> "Page[T]":
        """The first ``limit`` of ``rows``, read with one row more to see whether any follow."""
        items = list(rows[:limit])
        return cls(items, cursor_after(items[-1]) if len(rows) > limit else None)


class Cursors:
    """Makes and reads cursors.

    Args:
        key: 32 bytes, the same on every replica; a new key ends all listings under way.
        older: Keys whose cursors are read as well.
    """

    def __init__(self, key: bytes, *older: bytes) -> None:
        self._cipher = AESGCM(key)
        self._older = [AESGCM(each) for each in older]

    def encode(self, values: Sequence[str], *, scope: str) -> str:
        """The cursor after an item with these sort values.

        Build ``scope`` with ``framing.framed`` from account, route, sort and every filter.
        """
        nonce = os.urandom(_NONCE_BYTES)
        plain = json.dumps(list(values)).encode()
        return _to_text(nonce + self._cipher.encrypt(nonce, plain, scope.encode()))

    def decode(self, cursor: str, *, scope: str) -> list[str]:
        """The sort values in a cursor of this scope; ``IamError`` (invalid) for any other text."""
        try:
            sealed = _from_text(cursor)
        except ValueError:
            raise _cursor_invalid() from None
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        for cipher in (self._cipher, *self._older):
            with suppress(ValueError, InvalidTag):
                plain = cipher.decrypt(nonce, ciphertext, scope.encode())
                return cast("list[str]", json.loads(plain))  # authenticated: nobody else wrote it
        raise _cursor_invalid()


def _to_text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _from_text(text: str) -> bytes:
    if len(text) > _MAX_CURSOR_LENGTH:
        raise ValueError("too long for a cursor")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # Python's decoder skips foreign characters and spare bits; only the one canonical text is ours.
    if _to_text(data) != text:
        raise ValueError("not canonical")
    return data


def _cursor_invalid() -> IamError:
    return invalid("cursor_invalid", "expected the cursor of the page before, unchanged")
