"""Use cases of signing keys."""

from iam.errors import IamError, conflict
from iam.features.signing_keys.queries import find_key
from iam.features.signing_keys.rules import Purpose, new_key_pair, place_of
from iam.journal.events import EventType
from iam.models import MAIN_ACCOUNT, SigningKey, SigningKeyState
from iam.work import UnitOfWork


async def ensure_signing_key(uow: UnitOfWork, *, purpose: Purpose) -> None:
    """Make the first key of a purpose, active at once: there is no client yet that could miss it.

    For a new installation, before it serves; needs no permission because nobody asks for it.
    """
    if await find_key(uow, purpose=purpose, state=SigningKeyState.ACTIVE) is None:
        key = new_key_row(uow, purpose=purpose, state=SigningKeyState.ACTIVE)
        key.activated_at = uow.now
        await uow.insert(key, taken=_rotating())
        uow.emit(EventType.SIGNING_KEY_ACTIVATED, key)


def new_key_row(uow: UnitOfWork, *, purpose: Purpose, state: SigningKeyState) -> SigningKey:
    """A new key whose private half is sealed."""
    pair = new_key_pair()
    return SigningKey(
        kid=pair.kid,
        purpose=purpose,
        algorithm=pair.algorithm,
        state=state,
        public_jwk=pair.public_jwk,
        private_key_sealed=uow.tools.sealer.seal(
            pair.private_der, place_of(pair.kid, MAIN_ACCOUNT)
        ),
        created_at=uow.now,
        published_at=uow.now,
    )


def _rotating() -> IamError:
    return conflict("rotation_under_way", "another rotation of this key is under way")
