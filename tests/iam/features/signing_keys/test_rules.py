"""The life of a key: under any sequence of operations, what clients rely on holds."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam.features.signing_keys.rules import (
    ACTIVE,
    GONE,
    MAX_PUBLISHED,
    PREPARED,
    Change,
    Purpose,
    Signer,
    Timing,
    due_steps,
    is_rotation_due,
    may_prepare,
    new_key_pair,
    place_of,
    taint_steps,
    take,
)
from iam_sdk.jwk import PRIVATE_MEMBERS, load_key, thumbprint

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIFE = HOUR
TIMING = Timing.of(
    publish_lead=24 * HOUR, max_age=timedelta(minutes=5), longest_life=LIFE, retain=26 * HOUR
)


@dataclass(eq=False)
class Key:
    """The columns that a key's life consists of."""

    kid: str
    published_at: datetime
    state: str = PREPARED
    activated_at: datetime | None = None
    retired_at: datetime | None = None
    gone_at: datetime | None = None
    tainted_at: datetime | None = None
    private_key_sealed: bytes | None = b"sealed"
    last_signed: datetime | None = None


class Keys:
    """The keys of one purpose, moved as the service moves them, and the tokens they signed."""

    def __init__(self) -> None:
        self.now = NOON
        self.number = count()
        self.all: list[Key] = [self.new(ACTIVE)]

    def new(self, state: str) -> Key:
        key = Key(f"kid-{next(self.number)}", self.now, state)
        key.activated_at = self.now if state == ACTIVE else None
        return key

    @property
    def published(self) -> list[Key]:
        return [key for key in self.all if key.state != GONE]

    def advance(self) -> None:
        for step in due_steps(self.published, now=self.now, timing=TIMING):
            take(step, now=self.now)
            self.check_one_of_each()

    def rotate(self) -> None:
        is_prepared = any(key.state == PREPARED for key in self.published)
        self.advance()
        if not is_prepared and may_prepare(self.published):
            self.all.append(self.new(PREPARED))

    def taint(self, which: int) -> None:
        key = self.all[which % len(self.all)]
        if key.tainted_at is not None:
            return
        for step in taint_steps(self.published, key):
            take(step, now=self.now)
            self.check_one_of_each()
        if not any(key.state == ACTIVE for key in self.all):
            self.all.append(self.new(ACTIVE))

    def sign(self) -> Key:
        (active,) = [key for key in self.all if key.state == ACTIVE]
        active.last_signed = self.now
        return active

    def check_one_of_each(self) -> None:
        states = [key.state for key in self.all]
        assert states.count(ACTIVE) <= 1
        assert states.count(PREPARED) <= 1


operations = st.lists(
    st.one_of(
        st.just(("rotate", 0)),
        st.just(("advance", 0)),
        st.tuples(st.just("taint"), st.integers(0, 5)),
        st.tuples(st.just("pass"), st.integers(1, 40 * 60)),
    ),
    max_size=40,
)


@given(operations)
def test_jk_02_and_jk_03_hold_whatever_is_done_to_the_keys_and_when(
    done: list[tuple[str, int]],
) -> None:
    keys = Keys()
    was_tainted = False
    for name, argument in done:
        if name == "rotate":
            keys.rotate()
        elif name == "advance":
            keys.advance()
        elif name == "taint":
            keys.taint(argument)
            was_tainted = True
        else:
            keys.now += timedelta(minutes=argument)
        signer = keys.sign()
        assert signer.private_key_sealed is not None
        # JK-02: clients had the lead to see the key; the first key has none who could miss it.
        is_first = signer is keys.all[0]
        assert is_first or was_tainted or keys.now - signer.published_at >= TIMING.lead
        for key in keys.all:
            # JK-03: as long as a token of it lives, its key is published, unless it is tainted.
            signed_lately = key.last_signed is not None and keys.now - key.last_signed <= LIFE
            assert key.state != GONE or key.tainted_at is not None or not signed_lately
            assert key.tainted_at is None or key.state == GONE
            # What signs no more has lost what it could sign with.
            assert (key.private_key_sealed is not None) == (key.state in {PREPARED, ACTIVE})
        assert len(keys.published) <= MAX_PUBLISHED + 1


def test_the_lead_is_never_shorter_than_clients_go_on_with_an_old_set() -> None:
    short = Timing.of(
        publish_lead=timedelta(0), max_age=timedelta(minutes=5), longest_life=LIFE, retain=HOUR
    )
    assert short.lead == timedelta(minutes=6)
    longer = Timing.of(publish_lead=timedelta(0), max_age=HOUR, longest_life=LIFE, retain=HOUR)
    assert longer.lead == HOUR


def test_a_key_is_ready_at_the_very_instant_that_its_lead_has_passed() -> None:
    keys = Keys()
    keys.rotate()
    keys.now = NOON + TIMING.lead - timedelta(microseconds=1)
    assert due_steps(keys.published, now=keys.now, timing=TIMING) == []
    keys.now = NOON + TIMING.lead
    steps = due_steps(keys.published, now=keys.now, timing=TIMING)
    assert [step.change for step in steps] == [Change.RETIRE, Change.ACTIVATE]


def test_the_next_key_is_prepared_early_enough_to_sign_when_the_active_one_is_old_enough() -> None:
    every, keys = 90 * 24 * HOUR, [Key("active", NOON, ACTIVE, activated_at=NOON)]
    due_at = NOON + every - TIMING.lead
    early, late = due_at - timedelta(microseconds=1), NOON + 2 * every
    assert not is_rotation_due(keys, now=early, timing=TIMING, every=every)
    assert is_rotation_due(keys, now=due_at, timing=TIMING, every=every)
    keys.append(Key("prepared", due_at))
    assert not is_rotation_due(keys, now=late, timing=TIMING, every=every)
    assert not is_rotation_due([], now=late, timing=TIMING, every=every)


def test_a_prepared_key_stands_in_for_a_tainted_one() -> None:
    keys = Keys()
    keys.rotate()
    keys.taint(0)
    assert [key.state for key in keys.all] == [GONE, ACTIVE]


def test_the_set_never_outgrows_what_clients_accept() -> None:
    keys = Keys()
    keys.all += [keys.new("retiring") for _ in range(MAX_PUBLISHED)]
    assert not may_prepare(keys.published)


def test_jk_15_a_key_id_is_the_thumbprint_of_its_key_and_never_comes_twice() -> None:
    pairs = [new_key_pair() for _ in range(20)]
    assert len({pair.kid for pair in pairs}) == 20
    for pair in pairs:
        assert pair.kid == thumbprint(pair.public_jwk) == load_key(pair.public_jwk).kid
        assert PRIVATE_MEMBERS.isdisjoint(pair.public_jwk)


def test_what_a_signer_signs_verifies_with_its_public_half_elsewhere() -> None:
    pair = new_key_pair()
    token = Signer(kid=pair.kid, private_der=pair.private_der).sign({"sub": "x"}, typ="at+jwt")
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "at+jwt", "kid": pair.kid}
    claims = jwt.decode(token, jwt.PyJWK(pair.public_jwk), algorithms=["ES256"])
    assert claims == {"sub": "x"}


def test_only_elliptic_keys_sign() -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    foreign = ed25519.Ed25519PrivateKey.generate()
    der = foreign.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(TypeError):
        Signer(kid="k", private_der=der)


def test_a_private_half_is_sealed_for_its_own_row() -> None:
    assert place_of("a", "main") != place_of("b", "main")


def test_the_audit_log_is_signed_with_ed25519() -> None:
    pair = new_key_pair(Purpose.AUDIT_LOG)
    assert (pair.algorithm, pair.public_jwk["kty"], pair.public_jwk["crv"]) == (
        "EdDSA",
        "OKP",
        "Ed25519",
    )
    assert pair.kid == thumbprint(pair.public_jwk) == pair.public_jwk["kid"]
