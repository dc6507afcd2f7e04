"""A verifier written from docs/audit-log.md alone, with nothing of ours, accepts our logs."""

import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest

from tests.iam.journal.sealed_logs import PAIR, Log, changed, log, tombstone

Place = tuple[int, str, int, str | None]


def jcs(value: Any) -> bytes:
    """RFC 8785, for values without fractions and names within ASCII."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def commitment(part: dict[str, Any]) -> str:
    if "commitment" in part:
        return str(part["commitment"])
    return hmac.new(bytes.fromhex(part["salt"]), jcs(part["value"]), hashlib.sha256).hexdigest()


def claims_of(jws: str) -> dict[str, Any]:
    key = jwt.PyJWK(PAIR.public_jwk)
    whole = jwt.api_jws.decode_complete(jws, key=key, algorithms=["EdDSA"])
    assert whole["header"]["typ"] == "iam-audit-checkpoint"
    claims: dict[str, Any] = json.loads(whole["payload"])
    return claims


def verify(text: str) -> Place:
    """As "To verify" has it."""
    first, *rest = [json.loads(line) for line in text.splitlines()]
    place: Place = (0, "0" * 64, 0, None)
    if first["tombstone"] is not None:
        removed = claims_of(first["tombstone"])["removed"]
        place = tuple(removed[name] for name in ("sequence", "hash", "number", "checkpoint"))
    for line in rest:
        sequence, found, number, digest = place
        if line["kind"] == "entry":
            assert (line["sequence"], line["chain"]) == (sequence + 1, first["chain"])
            hashed = {name: line[name] for name in line if name not in {"kind", "hash"}}
            parts = {name: commitment(line[name]) for name in ("actor", "subject")}
            found = hashlib.sha256(jcs({**hashed, **parts})).hexdigest()
            assert (line["previous"], line["hash"]) == (place[1], found)
            place = (line["sequence"], found, number, digest)
        else:
            claims = claims_of(line["jws"])
            assert (claims["iss"], claims["chain"]) == (first["issuer"], first["chain"])
            assert (claims["number"], claims["previous"]) == (number + 1, digest)
            assert (claims["sequence"], claims["hash"]) == (sequence, found)
            jws = hashlib.sha256(line["jws"].encode()).hexdigest()
            place = (sequence, found, number + 1, jws)
    assert rest[-1]["kind"] == "checkpoint"
    return place


def text_of(lines: Log) -> str:
    return "\n".join(json.dumps(line) for line in lines)


def test_al_11_another_verifier_accepts_a_log_that_holds() -> None:
    assert verify(text_of(log(12)))[0] == 12


def test_another_verifier_accepts_what_a_tombstone_has_left() -> None:
    lines = log(12)
    jws = tombstone(lines, removed=1, number=4)
    left = [{**lines[0], "tombstone": jws}, *lines[6:], {"kind": "checkpoint", "jws": jws}]
    assert verify(text_of(left))[:3:2] == (12, 4)


def test_al_01_another_verifier_refuses_what_was_changed() -> None:
    with pytest.raises(AssertionError):
        verify(text_of(changed(log(12), 6, lambda line: line.update(target_id="usr_2"))))
