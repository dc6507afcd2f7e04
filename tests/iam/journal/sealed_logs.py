"""Sealed logs to verify, made without a server."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from iam.features.signing_keys.rules import Purpose, new_key_pair
from iam.journal.seal import (
    BEGINNING,
    Checkpoint,
    CheckpointSigner,
    Line,
    Part,
    Removal,
    digest,
    entry_line,
)
from iam.journal.sealed_log import FORMAT
from iam_sdk.jws import KeySet

ISSUER: Final = "http://localhost:8080"
EVERY: Final = 4
"""Entries for which there is one checkpoint."""

PAIR = new_key_pair(Purpose.AUDIT_LOG)
SIGNER = CheckpointSigner(kid=PAIR.kid, private_der=PAIR.private_der)
KEYS = KeySet.from_jwks({"keys": [PAIR.public_jwk]})

Log = list[Line]


def log(count: int, *, signer: CheckpointSigner = SIGNER, chain: str = "main") -> Log:
    """A log of so many entries, with a checkpoint for each four of them."""
    lines: Log = [header(chain=chain)]
    previous, statement = BEGINNING, None
    for sequence in range(1, count + 1):
        line = entry(sequence, previous, chain=chain)
        lines.append(line)
        previous = bytes.fromhex(line["hash"])
        if sequence % EVERY == 0:
            jws = signer.sign(
                Checkpoint(
                    issuer=ISSUER, chain=chain, number=sequence // EVERY, previous=statement,
                    sequence=sequence, hash=previous, at="2026-07-01T12:00:00.000000Z",
                )
            )  # fmt: skip
            lines.append({"kind": "checkpoint", "jws": jws})
            statement = digest(jws)
    return lines


def header(*, chain: str = "main", tombstone: str | None = None) -> Line:
    """The first line of a log."""
    return {
        "kind": "log", "format": FORMAT, "issuer": ISSUER, "account": "main", "chain": chain,
        "tombstone": tombstone,
    }  # fmt: skip


def entry(sequence: int, previous: bytes, *, chain: str = "main", name: str = "ana") -> Line:
    """One entry about a person."""
    members = {
        "chain": chain, "sequence": sequence, "id": f"evt_{sequence}", "target_id": "usr_1",
        "type": "iam.user.updated.v1",
    }  # fmt: skip
    actor = Part({"arn": "arn:iam:iam::main:root", "source_address": "192.0.2.1"}, b"a" * 16)
    subject = Part({"arn": f"arn:iam:iam::main:user/{name}", "after": {"n": sequence}}, b"s" * 16)
    return entry_line(members, actor=actor, subject=subject, previous=previous)


def resealed(lines: Log, start: int) -> Log:
    """The log with every hash from entry `start` on made anew, as who has no key can do."""
    found: Log = []
    previous = BEGINNING
    for line in lines:
        again = dict(line)
        if line["kind"] == "entry":
            if line["sequence"] >= start:
                again = _again(line, previous)
            previous = bytes.fromhex(again["hash"])
        found.append(again)
    return found


def _again(line: Line, previous: bytes) -> Line:
    members = {
        name: value
        for name, value in line.items()
        if name not in {"kind", "actor", "subject", "previous", "hash"}
    }
    parts = {
        name: Part(line[name]["value"], bytes.fromhex(line[name]["salt"]))
        for name in ("actor", "subject")
    }
    return entry_line(members, previous=previous, **parts)


def texts(lines: Sequence[Line]) -> list[str]:
    """The lines of a file."""
    return [json.dumps(line) + "\n" for line in lines]


def changed(lines: Log, sequence: int, change: Callable[[dict[str, Any]], object]) -> Log:
    """The log with one entry changed, its hash left as it was."""
    copied: Log = json.loads(json.dumps(lines))
    for line in copied:
        if line.get("sequence") == sequence:
            change(line)
    return copied


def tombstone(lines: Log, *, removed: int, number: int) -> str:
    """A tombstone over the first `removed` checkpoints, signed as checkpoint `number`."""
    statements = [line["jws"] for line in lines if line["kind"] == "checkpoint"]
    entries = [line for line in lines if line["kind"] == "entry"]
    gone, last = entries[removed * EVERY - 1], entries[(number - 1) * EVERY - 1]
    return SIGNER.sign(
        Checkpoint(
            issuer=ISSUER, chain="main", number=number, previous=digest(statements[number - 2]),
            sequence=last["sequence"], hash=bytes.fromhex(last["hash"]),
            at="2027-09-01T12:00:00.000000Z",
            removed=Removal(
                sequence=gone["sequence"], hash=bytes.fromhex(gone["hash"]), number=removed,
                checkpoint=digest(statements[removed - 1]),
            ),
        )
    )  # fmt: skip
