"""Verifies a sealed log: a file of lines, with nothing but the public key. Pure, and offline.

Nothing in the file is believed. Each entry must have the hash that it says, follow the entry before
it, and lead to what the next checkpoint signed. The first entry that does not is named.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iam.journal.seal import (
    ALGORITHM,
    BEGINNING,
    TYP,
    Checkpoint,
    Line,
    Part,
    digest,
    entry_hash,
    parse_checkpoint,
)
from iam_sdk.errors import TokenInvalid
from iam_sdk.jws import KeySet, verify_jws

FORMAT: Final = "iam-audit-log/1"
_LONGEST_LINE: Final = 4 << 20


class LogFlawError(Exception):
    """The log is not what was sealed.

    Attributes:
        reason: What is wrong, as a word.
        sequence: The first entry that is not as it was sealed, or that is missing.
        message: What is wrong, as a sentence.
    """

    def __init__(self, reason: str, sequence: int, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.sequence = sequence
        self.message = message


@dataclass(frozen=True, slots=True)
class Verified:
    """What a log that holds has in it.

    Attributes:
        issuer: Whose log.
        account: Which account's.
        chain: Which chain.
        first: Its first entry; what came before it was removed under a tombstone.
        last: Its last entry, `first - 1` when there is none.
        erased: Entries of which a part was erased.
        checkpoints: Checkpoints, all of which hold.
        signed_at: When the last of them was signed.
    """

    issuer: str
    account: str
    chain: str
    first: int
    last: int
    erased: int
    checkpoints: int
    signed_at: str | None

    @property
    def entries(self) -> int:
        """How many entries it has."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Shipped:
    """A checkpoint that was kept elsewhere, and its signature."""

    checkpoint: Checkpoint
    jws: str


def verify_log(lines: Iterable[str], keys: KeySet, shipped: Sequence[Shipped] = ()) -> Verified:
    """Verify a log line by line.

    `shipped` are checkpoints that were kept elsewhere: they show a tail that was cut off, and a log
    that was sealed anew. Raises `LogFlawError`.
    """
    walk: _Walk | None = None
    for text in lines:
        if not text.strip():
            continue
        line = _parsed(text, walk.sequence + 1 if walk else 0)
        if walk is None:
            walk = _begin(line, keys, shipped)
        else:
            walk.take(line)
    if walk is None:
        raise LogFlawError("empty", 0, "there is no line in it")
    return walk.end()


def read_shipped(lines: Iterable[str], keys: KeySet) -> list[Shipped]:
    """The checkpoints in a file that was written elsewhere; its other lines are passed over.

    So are lines that are cut short: that is what a crash leaves, and what was not written whole is
    written again. Raises `LogFlawError` for a checkpoint whose signature does not hold.
    """
    found = []
    for text in lines:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and line.get("kind") == "checkpoint":
            jws = str(line.get("jws"))
            found.append(Shipped(verify_checkpoint(jws, keys), jws))
    return found


def verify_checkpoint(jws: str, keys: KeySet, sequence: int = 0) -> Checkpoint:
    """The checkpoint that was signed; a flaw is at entry `sequence`. Raises `LogFlawError`."""
    try:
        verified = verify_jws(jws, keys, {ALGORITHM})
        found = parse_checkpoint(verified.payload)
    except (TokenInvalid, ValueError) as error:
        message = f"a checkpoint is not signed by a key that was given: {error}"
        raise LogFlawError("signature", sequence, message) from None
    if verified.header.typ != TYP:
        raise LogFlawError("signature", sequence, "a checkpoint was signed as something else")
    return found


def _parsed(text: str, sequence: int) -> Line:
    try:
        line = json.loads(text, object_pairs_hook=_once) if len(text) <= _LONGEST_LINE else None
    except (ValueError, RecursionError):
        line = None
    if not isinstance(line, dict):
        raise LogFlawError("malformed", sequence, "a line is no JSON object")
    return line


def _once(pairs: list[tuple[str, Any]]) -> Line:
    """An object. Of a member that is there twice, two readers could read different values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _begin(line: Line, keys: KeySet, shipped: Sequence[Shipped]) -> "_Walk":
    if line.get("kind") != "log" or line.get("format") != FORMAT:
        raise LogFlawError("malformed", 0, f"the first line does not say `{FORMAT}`")
    issuer, account, chain = (str(line.get(name)) for name in ("issuer", "account", "chain"))
    if chain.partition("#")[0] != account:
        raise LogFlawError("foreign", 0, f"`{chain}` is no chain of account `{account}`")
    walk = _Walk(issuer, account, chain, keys, _of_chain(shipped, issuer, chain))
    tombstone = line.get("tombstone")
    if tombstone is not None:
        walk.go_on_after(verify_checkpoint(str(tombstone), keys))
    return walk


def _of_chain(shipped: Sequence[Shipped], issuer: str, chain: str) -> dict[int, Shipped]:
    of_chain: dict[int, Shipped] = {}
    for one in shipped:
        if (one.checkpoint.issuer, one.checkpoint.chain) == (issuer, chain):
            known = of_chain.setdefault(one.checkpoint.number, one)
            if known.jws != one.jws:
                message = f"two checkpoints of `{chain}` have the number {one.checkpoint.number}"
                raise LogFlawError("forked", one.checkpoint.sequence, message)
    return of_chain


@dataclass
class _Walk:
    """One walk along a chain: where it is, and what the next line must fit."""

    issuer: str
    account: str
    chain: str
    keys: KeySet
    shipped: Mapping[int, Shipped]
    first: int = 1
    sequence: int = 0
    hash: bytes = BEGINNING
    number: int = 0
    previous: bytes | None = None
    signed: int = 0
    signed_at: str | None = None
    erased: int = 0
    checkpoints: int = 0
    tombstone: Checkpoint | None = field(default=None)

    def go_on_after(self, tombstone: Checkpoint) -> None:
        """Begin where what was removed ends."""
        self._belongs(tombstone)
        removed = tombstone.removed
        if removed is None:
            raise LogFlawError("tombstone", 1, "the tombstone says of nothing that it was removed")
        self.sequence = self.signed = removed.sequence
        self.hash = removed.hash
        self.number, self.previous = removed.number, removed.checkpoint
        self.first = removed.sequence + 1
        self.tombstone = tombstone

    def take(self, line: Line) -> None:
        """Take the next line."""
        kind = line.get("kind")
        if kind == "entry":
            self._take_entry(line)
        elif kind == "checkpoint":
            jws = str(line.get("jws"))
            self._take_checkpoint(verify_checkpoint(jws, self.keys, self.signed + 1), jws)
        else:
            raise LogFlawError("malformed", self.sequence + 1, "a line is of no known kind")

    def end(self) -> Verified:
        """Take the end of the file."""
        if self.sequence != self.signed:
            message = f"no checkpoint covers the entries from {self.signed + 1}"
            raise LogFlawError("unsigned", self.signed + 1, message)
        if self.tombstone is not None and self.number < self.tombstone.number:
            message = f"the log ends before the tombstone at entry {self.tombstone.sequence}"
            raise LogFlawError("truncated", self.sequence + 1, message)
        later = max((number for number in self.shipped if number > self.number), default=None)
        if later is not None:
            self._refuse_end(self.shipped[later].checkpoint)
        return Verified(
            self.issuer, self.account, self.chain, self.first, self.sequence,
            self.erased, self.checkpoints, self.signed_at,
        )  # fmt: skip

    def _refuse_end(self, later: Checkpoint) -> None:
        message = (
            f"the log ends at entry {self.sequence}; a checkpoint of {later.at} that was kept "
            f"elsewhere says that there are {later.sequence}"
        )
        raise LogFlawError("truncated", self.sequence + 1, message)

    def _take_entry(self, line: Line) -> None:
        expected = self.sequence + 1
        found = line.get("sequence")
        if found != expected:
            is_later = isinstance(found, int) and found > expected
            reason = "missing" if is_later else "out_of_order"
            message = f"entry {expected} was expected, and {_number(found)} found"
            raise LogFlawError(reason, expected, message)
        if line.get("chain") != self.chain:
            raise LogFlawError("foreign", expected, f"entry {expected} is of another chain")
        parts = [_part(line, name, expected) for name in ("actor", "subject")]
        hashed = entry_hash(line, actor=parts[0].commitment, subject=parts[1].commitment)
        if line.get("previous") != self.hash.hex() or line.get("hash") != hashed.hex():
            raise LogFlawError("changed", expected, f"entry {expected} is not as it was sealed")
        self.sequence, self.hash = expected, hashed
        self.erased += any(part.value is None for part in parts)

    def _take_checkpoint(self, checkpoint: Checkpoint, jws: str) -> None:
        self._belongs(checkpoint)
        bad = self.signed + 1
        if checkpoint.sequence > self.sequence:
            message = f"entry {self.sequence + 1} is missing: a checkpoint covers it"
            raise LogFlawError("missing", self.sequence + 1, message)
        if checkpoint.number != self.number + 1 or checkpoint.previous != self.previous:
            message = f"checkpoint {self.number + 1} is missing, or not what followed"
            raise LogFlawError("checkpoint_missing", bad, message)
        if (checkpoint.sequence, checkpoint.hash) != (self.sequence, self.hash):
            message = (
                f"of the entries from {bad} to {checkpoint.sequence} one is not what was signed"
            )
            raise LogFlawError("resealed", bad, message)
        kept = self.shipped.get(checkpoint.number)
        if kept is not None and kept.jws != jws:
            message = f"checkpoint {checkpoint.number} is not the one that was kept elsewhere"
            raise LogFlawError("resealed", bad, message)
        self.number, self.previous = checkpoint.number, digest(jws)
        self.signed, self.signed_at = checkpoint.sequence, checkpoint.at
        self.checkpoints += 1

    def _belongs(self, checkpoint: Checkpoint) -> None:
        if (checkpoint.issuer, checkpoint.chain) != (self.issuer, self.chain):
            message = f"a checkpoint is of `{checkpoint.chain}` at {checkpoint.issuer}"
            raise LogFlawError("foreign", self.signed + 1, message)


def _part(line: Line, name: str, sequence: int) -> Part:
    try:
        part = line[name]
        if "commitment" in part:
            return Part(None, kept=bytes.fromhex(part["commitment"]))
        return Part(dict(part["value"]), salt=bytes.fromhex(part["salt"]))
    except (KeyError, TypeError, ValueError):
        message = f"the {name} of entry {sequence} is not as it was sealed"
        raise LogFlawError("changed", sequence, message) from None


def _number(found: Any) -> str:
    return str(found) if isinstance(found, int) else "no number"
