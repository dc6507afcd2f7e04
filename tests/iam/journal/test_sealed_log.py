"""What a verifier says of a sealed log that somebody laid hands on (AL-01)."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from iam.features.signing_keys.rules import Purpose, new_key_pair
from iam.journal.seal import Checkpoint, CheckpointSigner, Part, digest, instant
from iam.journal.sealed_log import LogFlawError, read_shipped, verify_log
from iam_sdk.encoding import b64url_encode
from iam_sdk.jws import KeySet
from tests.iam.journal.sealed_logs import (
    ISSUER,
    KEYS,
    SIGNER,
    Log,
    changed,
    entry,
    header,
    log,
    resealed,
    texts,
    tombstone,
)

WHOLE = log(12)
Attack = Callable[[Log], Log]


def at(lines: Log, sequence: int) -> int:
    """Where an entry is."""
    return next(i for i, line in enumerate(lines) if line.get("sequence") == sequence)


def flaw(lines: Log, *, shipped: Log | None = None, keys: KeySet = KEYS) -> LogFlawError:
    kept = read_shipped(texts(shipped or []), KEYS)
    with pytest.raises(LogFlawError) as caught:
        verify_log(texts(lines), keys, kept)
    return caught.value


def edit(lines: Log) -> Log:
    return changed(lines, 6, lambda line: line["subject"]["value"]["after"].update(n=60))


def edit_plain(lines: Log) -> Log:
    return changed(lines, 6, lambda line: line.update(type="iam.user.created.v1"))


def add_member(lines: Log) -> Log:
    return changed(lines, 6, lambda line: line.update(more=1))


def delete(lines: Log) -> Log:
    return [line for line in lines if line.get("sequence") != 6]


def delete_first(lines: Log) -> Log:
    return [line for line in lines if line.get("sequence") != 1]


def delete_and_renumber(lines: Log) -> Log:
    kept = delete(lines)
    return [
        {**line, "sequence": line["sequence"] - 1} if line.get("sequence", 0) > 6 else line
        for line in kept
    ]


def insert(lines: Log) -> Log:
    place = at(lines, 6)
    forged = entry(6, bytes.fromhex(lines[place]["previous"]), name="mallory")
    return [*lines[:place], forged, *lines[place:]]


def insert_and_renumber(lines: Log) -> Log:
    place = at(lines, 6)
    later = [
        {**line, "sequence": line["sequence"] + 1} if "sequence" in line else line
        for line in lines[place:]
    ]
    forged = entry(6, bytes.fromhex(lines[place]["previous"]), name="mallory")
    return [*lines[:place], forged, *later]


def swap(lines: Log) -> Log:
    first, second = at(lines, 6), at(lines, 7)
    swapped = list(lines)
    swapped[first], swapped[second] = lines[second], lines[first]
    return swapped


def swap_and_renumber(lines: Log) -> Log:
    swapped = swap(lines)
    return [
        {**line, "sequence": {6: 7, 7: 6}.get(line["sequence"], line["sequence"])}
        if "sequence" in line
        else line
        for line in swapped
    ]


def cut_entries(lines: Log) -> Log:
    return [line for line in lines if line.get("sequence", 0) < 6]


def cut_inside(lines: Log) -> Log:
    return lines[: at(lines, 6)]


def drop_checkpoint(lines: Log) -> Log:
    place = at(lines, 5) - 1
    return [*lines[:place], *lines[place + 1 :]]


class TestAttacks:
    def test_a_log_that_nobody_touched_holds(self) -> None:
        found = verify_log(texts(WHOLE), KEYS)
        assert (found.first, found.last, found.entries, found.checkpoints) == (1, 12, 12, 3)
        assert (found.issuer, found.account, found.erased) == (ISSUER, "main", 0)
        assert found.signed_at == "2026-07-01T12:00:00.000000Z"

    @pytest.mark.parametrize(
        ("attack", "reason", "sequence"),
        [
            (edit, "changed", 6),
            (edit_plain, "changed", 6),
            (add_member, "changed", 6),
            (delete, "missing", 6),
            (delete_first, "missing", 1),
            (delete_and_renumber, "changed", 6),
            (insert, "out_of_order", 7),
            (insert_and_renumber, "changed", 7),
            (swap, "missing", 6),
            (swap_and_renumber, "changed", 6),
            (cut_entries, "missing", 6),
            (cut_inside, "unsigned", 5),
            (drop_checkpoint, "checkpoint_missing", 1),
        ],
        ids=lambda value: value.__name__ if callable(value) else str(value),
    )
    def test_al_01_the_first_bad_entry_is_named(
        self, attack: Attack, reason: str, sequence: int
    ) -> None:
        found = flaw(attack(WHOLE))
        assert (found.reason, found.sequence) == (reason, sequence), found.message

    @pytest.mark.parametrize("attack", [edit, delete_and_renumber, swap_and_renumber])
    def test_al_01_hashes_made_anew_do_not_lead_to_what_was_signed(self, attack: Attack) -> None:
        found = flaw(resealed(attack(WHOLE), 6))
        assert found.reason in {"resealed", "missing"}
        # Which of the four it was nobody can tell any more.
        assert found.sequence in {5, 8}

    def test_al_01_an_inserted_entry_with_hashes_made_anew_is_found(self) -> None:
        forged = resealed(insert_and_renumber(WHOLE), 6)
        assert (flaw(forged).reason, flaw(forged).sequence) == ("resealed", 5)

    def test_al_01_a_tail_cut_at_a_checkpoint_shows_against_one_kept_elsewhere(self) -> None:
        cut = log(8)
        assert verify_log(texts(cut), KEYS).last == 8
        found = flaw(cut, shipped=WHOLE)
        assert (found.reason, found.sequence) == ("truncated", 9)
        assert "12" in found.message
        assert flaw([header()], shipped=WHOLE).sequence == 1

    def test_al_01_a_log_sealed_anew_with_the_true_key_shows_against_one_kept_elsewhere(
        self,
    ) -> None:
        forged = [
            header(),
            entry(1, bytes(32), name="mallory"),
        ]
        head = bytes.fromhex(forged[-1]["hash"])
        jws = SIGNER.sign(Checkpoint(ISSUER, "main", 1, None, 1, head, "2026-07-01"))
        forged.append({"kind": "checkpoint", "jws": jws})
        assert verify_log(texts(forged), KEYS).last == 1
        assert flaw(forged, shipped=WHOLE[:6]).reason == "resealed"

    def test_two_checkpoints_of_one_number_kept_elsewhere_are_a_fork(self) -> None:
        other = SIGNER.sign(Checkpoint(ISSUER, "main", 1, None, 4, bytes(32), "2026-07-01"))
        kept = [*WHOLE, {"kind": "checkpoint", "jws": other}]
        assert flaw(WHOLE, shipped=kept).reason == "forked"
        twice = read_shipped(texts([*WHOLE, *WHOLE]), KEYS)
        assert verify_log(texts(WHOLE), KEYS, twice).last == 12

    def test_checkpoints_of_other_chains_say_nothing(self) -> None:
        kept = read_shipped(texts(log(16, chain="main#2")), KEYS)
        assert verify_log(texts(WHOLE), KEYS, kept).last == 12

    def test_al_11_every_prefix_up_to_a_checkpoint_holds(self) -> None:
        for end, line in enumerate(WHOLE, start=1):
            prefix = WHOLE[:end]
            if line["kind"] == "entry":
                assert flaw(prefix).reason == "unsigned"
            else:
                assert verify_log(texts(prefix), KEYS).last == (end - 1) // 5 * 4


class TestKeys:
    def test_another_key_has_signed_nothing(self) -> None:
        pair = new_key_pair(Purpose.AUDIT_LOG)
        other = CheckpointSigner(kid=pair.kid, private_der=pair.private_der)
        found = flaw(log(4, signer=other))
        assert (found.reason, found.sequence) == ("signature", 1)
        posing = CheckpointSigner(kid=SIGNER.kid, private_der=pair.private_der)
        assert flaw(log(4, signer=posing)).reason == "signature"

    def test_a_key_for_tokens_signs_no_checkpoints(self) -> None:
        pair = new_key_pair(Purpose.ACCESS_TOKEN)
        with pytest.raises(TypeError):
            CheckpointSigner(kid=pair.kid, private_der=pair.private_der)

    @pytest.mark.parametrize("payload", [b"[]", b"{}", b"x", b'{"iss":"x","previous":5}'])
    def test_what_is_signed_and_no_checkpoint_is_refused(self, payload: bytes) -> None:
        head = SIGNER.sign(Checkpoint(ISSUER, "main", 1, None, 1, bytes(32), "")).split(".")[0]
        signed = f"{head}.{b64url_encode(payload)}"
        signature = b64url_encode(SIGNER._key.sign(signed.encode()))
        lines = [header(), {"kind": "checkpoint", "jws": f"{signed}.{signature}"}]
        assert flaw(lines).reason == "signature"

    def test_a_signature_of_another_type_is_refused(self) -> None:
        pair = new_key_pair(Purpose.AUDIT_LOG)
        signer = CheckpointSigner(kid=pair.kid, private_der=pair.private_der)
        signer._header = b64url_encode(
            json.dumps({"alg": "EdDSA", "kid": pair.kid, "typ": "at+jwt"}).encode()
        )
        keys = KeySet.from_jwks({"keys": [pair.public_jwk]})
        assert flaw(log(4, signer=signer), keys=keys).reason == "signature"


class TestForm:
    @pytest.mark.parametrize(
        ("lines", "reason"),
        [
            ([], "empty"),
            ([{"kind": "entry"}], "malformed"),
            ([{**header(), "format": "iam-audit-log/2"}], "malformed"),
            ([{**header(), "account": "acme"}], "foreign"),
            ([header(), {"kind": "note"}], "malformed"),
            ([header(), {"kind": "entry", "sequence": "1"}], "out_of_order"),
            ([header(), {"kind": "entry", "sequence": 1, "chain": "acme"}], "foreign"),
            ([header(), {"kind": "entry", "sequence": 1, "chain": "main"}], "changed"),
            ([header(), *log(4, chain="main#2")[1:]], "foreign"),
            ([header(), WHOLE[5]], "missing"),
        ],
    )
    def test_what_is_no_log_is_refused(self, lines: Log, reason: str) -> None:
        assert flaw(lines).reason == reason

    @pytest.mark.parametrize(
        "text", ["x", "[]", "5", '{"a":1,"a":2}', "[" * 100_000, " " * 5_000_000 + "{}"]
    )
    def test_a_line_that_is_no_object_is_refused(self, text: str) -> None:
        with pytest.raises(LogFlawError) as caught:
            verify_log([*texts(WHOLE[:3]), text], KEYS)
        assert (caught.value.reason, caught.value.sequence) == ("malformed", 3)

    def test_a_checkpoint_of_another_installation_is_foreign(self) -> None:
        head = bytes.fromhex(WHOLE[4]["hash"])
        jws = SIGNER.sign(Checkpoint("https://other", "main", 1, None, 4, head, "2026"))
        assert flaw([*WHOLE[:5], {"kind": "checkpoint", "jws": jws}]).reason == "foreign"

    def test_empty_lines_are_passed_over(self) -> None:
        assert verify_log(["\n", *texts(WHOLE), "\n"], KEYS).last == 12


class TestShippedFile:
    def test_other_lines_and_those_cut_short_are_passed_over(self) -> None:
        lines = [json.dumps({"kind": "revocation"}), '{"kind":"check', "\n", "5", *texts(WHOLE)]
        assert [one.checkpoint.number for one in read_shipped(lines, KEYS)] == [1, 2, 3]

    def test_a_forged_checkpoint_is_told(self) -> None:
        with pytest.raises(LogFlawError) as caught:
            read_shipped(texts([{"kind": "checkpoint", "jws": "a.b.c"}]), KEYS)
        assert caught.value.reason == "signature"


class TestRetention:
    def removed(self) -> Log:
        """The log after its first four entries are gone, with the tombstone in its place."""
        jws = tombstone(WHOLE, removed=1, number=4)
        return [header(tombstone=jws), *WHOLE[6:], {"kind": "checkpoint", "jws": jws}]

    def test_what_a_tombstone_covers_may_be_gone(self) -> None:
        found = verify_log(texts(self.removed()), KEYS, read_shipped(texts(WHOLE), KEYS))
        assert (found.first, found.last, found.checkpoints) == (5, 12, 3)

    def test_without_a_tombstone_nothing_may_be_gone(self) -> None:
        assert flaw([header(), *WHOLE[6:]]).sequence == 1

    def test_a_checkpoint_that_removed_nothing_is_no_tombstone(self) -> None:
        lines = [header(tombstone=WHOLE[5]["jws"]), *WHOLE[6:]]
        assert flaw(lines).reason == "tombstone"

    def test_more_than_the_tombstone_says_may_not_be_gone(self) -> None:
        lines = self.removed()
        assert flaw([lines[0], *lines[2:]]).sequence == 5

    def test_a_log_cut_before_its_tombstone_is_truncated(self) -> None:
        found = flaw(self.removed()[:-1])
        assert (found.reason, found.sequence) == ("truncated", 13)

    def test_a_forged_tombstone_is_refused(self) -> None:
        assert flaw([header(tombstone="a.b.c")]).reason == "signature"


class TestErasure:
    def test_al_12_without_value_and_salt_the_chain_still_holds(self) -> None:
        def erase(line: dict[str, object]) -> None:
            part = entry(6, b"")["subject"]
            kept = Part(part["value"], bytes.fromhex(part["salt"])).commitment
            line["subject"] = Part(None, kept=kept).line()

        lines = changed(WHOLE, 6, erase)
        assert "user/ana" not in json.dumps(lines[at(lines, 6)])
        found = verify_log(texts(lines), KEYS)
        assert (found.last, found.erased) == (12, 1)

    def test_another_commitment_is_found(self) -> None:
        lines = changed(WHOLE, 6, lambda line: line.update(subject={"commitment": "00" * 32}))
        assert flaw(lines).sequence == 6

    def test_a_salt_makes_the_same_value_another_commitment(self) -> None:
        assert Part({"a": 1}, b"x" * 16).commitment != Part({"a": 1}, b"y" * 16).commitment
        assert digest("a.b.c") != digest("a.b.d")

    def test_an_instant_is_written_in_utc_with_six_digits(self) -> None:
        summer = datetime(2026, 7, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
        assert instant(summer) == "2026-07-01T12:00:00.000000Z"
