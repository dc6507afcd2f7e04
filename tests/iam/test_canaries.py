"""AA-10, SR-01: what is secret is planted recognisably, and neither answers nor files show it.

The read routes are taken from the OpenAPI document, so a new one is under this test from its first
day. They are read as an administrator, who may read everything.
"""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key
from sqlalchemy import select

from iam.features.signing_keys.rules import place_of
from iam.kit.secrets import hash_secret
from iam.models import MAIN_ACCOUNT, Credential, IdempotencyRecord, Installation, SigningKey
from tests.iam.test_catalogue import HOLDERS, UNCATALOGUED, furnish, operations
from tests.oauth import add_key, ask, assertion_form
from tests.world import MASTER_KEY, Actor, World

pytestmark = pytest.mark.anyio

GRANT = {"grant_type": "client_credentials"}
POSTED_ONLY = {"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"}
CREDENTIALS = "/v1/services/billing/credentials"
ALL_CREDENTIALS = "/v1/credentials?limit=100"


def spellings(secret: bytes) -> Iterator[str]:
    """The ways in which bytes get into a text."""
    yield secret.hex()
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(secret).decode().rstrip("=")


async def plant(world: World, admin: Actor) -> dict[str, Iterable[str]]:
    """Make one of every kind of secret; returns by kind how each could be written."""
    return {
        "master key": spellings(MASTER_KEY),
        **await plant_client_secret(world, admin),
        **await plant_assertion(world),
        **await refused_private_key(admin),
        **await signing_keys(world),
        **await sealed(world),
    }


async def plant_client_secret(world: World, admin: Actor) -> dict[str, Iterable[str]]:
    """A secret that was shown, is kept to be shown to a retry, and has been used."""
    headers = {"Idempotency-Key": "canary"}
    body = {"kind": "client_secret", "description": "canary"}
    made, again = [await admin.http.post(CREDENTIALS, json=body, headers=headers) for _ in "12"]
    assert again.headers["idempotency-replayed"] == "true", again.text
    secret = made.json()["client_secret"]
    client = (made.json()["client_id"], secret)
    got = await ask(world, "token", GRANT, basic=client)
    assert got.status_code == 200, got.text
    return {
        "client secret": [secret, *spellings(secret.encode())],
        "hash of a client secret": spellings(hash_secret(secret)),
        "access token": [got.json()["access_token"], admin.token],
    }


async def plant_assertion(world: World) -> dict[str, Iterable[str]]:
    """A client assertion that has been used, and the key that signed it."""
    orders = await world.actor(name="orders")
    key = await add_key(world, orders)
    form = assertion_form(world, key, orders.id)
    assert (await ask(world, "token", {**GRANT, **form})).status_code == 200
    return {
        "client assertion": [form["client_assertion"]],
        "private key of a client": spellings(private_value(key.private_key)),
    }


async def refused_private_key(admin: Actor) -> dict[str, Iterable[str]]:
    """A private key that was sent where its public half belongs."""
    d = "Y2FuYXJ5LW9mLWEtcHJpdmF0ZS1rZXktc2VudC1oZXI"
    jwk = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43, "d": d}
    body = {"kind": "public_key", "public_jwk": jwk}
    answer = await admin.http.post(CREDENTIALS, json=body)
    assert 400 <= answer.status_code < 500, answer.text
    assert d not in answer.text
    return {"private key that was refused": [d]}


async def signing_keys(world: World) -> dict[str, Iterable[str]]:
    """The private halves of the installation's own keys."""
    sealer = world.runtime.tools.sealer
    async with world.work() as uow:
        rows = [row for row in await uow.scalars(select(SigningKey)) if row.private_key_sealed]
    assert rows
    ders = [sealer.open(row.private_key_sealed, place_of(row.kid, MAIN_ACCOUNT)) for row in rows]
    keys = [private_value(load_der_private_key(der, password=None)) for der in ders]
    return {"signing key": [text for secret in ders + keys for text in spellings(secret)]}


async def sealed(world: World) -> dict[str, Iterable[str]]:
    """What is kept sealed, as it is kept: an answer that showed a secret is among it."""
    columns = (
        SigningKey.private_key_sealed,
        IdempotencyRecord.answer_sealed,
        Installation.key_check_sealed,
    )
    found: dict[str, Iterable[str]] = {}
    async with world.work() as uow:
        for column in columns:
            values = [value for value in await uow.scalars(select(column)) if value]
            assert values, column
            found[str(column)] = [text for value in values for text in spellings(value)]
    return found


def private_value(key: Any) -> bytes:
    """The secret number of an elliptic curve key."""
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.private_numbers().private_value.to_bytes(32)


async def everything_read(admin: Actor, targets: Mapping[str, str]) -> dict[str, str]:
    """The whole answer, headers included, of every route that can be read, by its address."""
    document = (await admin.http.get("/openapi.json")).json()
    answers = {
        operation.path: await operation.call(
            admin.http, {**targets, "holder": HOLDERS.get(operation.path.split("/")[2], "")}
        )
        for operation in operations(document)
        if operation.method == "GET" and operation.path not in UNCATALOGUED
    }
    events = "/v1/audit-events?limit=100"
    for path in (*sorted(UNCATALOGUED - POSTED_ONLY), ALL_CREDENTIALS, events):
        answers[path] = await admin.http.get(path)
    for event in answers[events].json()["items"]:
        answers[event["id"]] = await admin.http.get(f"/v1/audit-events/{event['id']}")
    for path, answer in answers.items():
        assert answer.status_code == 200, f"{path}: {answer.text}"
    return {path: f"{answer.headers}{answer.text}" for path, answer in answers.items()}


async def test_aa_10_no_planted_secret_comes_back_from_anything_that_can_be_read(
    world: World, admin: Actor
) -> None:
    targets = await furnish(world, admin)
    removed = await admin.http.post(f"/v1/credentials/{targets['credential']}:revoke")
    assert removed.status_code < 300, removed.text
    planted = {kind: tuple(texts) for kind, texts in (await plant(world, admin)).items()}
    async with world.work() as uow:
        query = select(Credential.id).where(Credential.description == "canary")
        credential = await uow.scalar(query)
    kid = targets["kid"]
    answers = await everything_read(admin, {**targets, "credential": credential})
    # What is public about them is there: it is they who are read.
    assert credential in answers["/v1/credentials/{credential}"]
    assert credential in answers[ALL_CREDENTIALS]
    assert credential in answers["/v1/audit-events?limit=100"]
    assert kid in answers["/oauth2/jwks"]
    shown = {
        (kind, path)
        for kind, texts in planted.items()
        for path, answer in answers.items()
        if any(text in answer for text in texts)
    }
    assert shown == set()


def written(texts: Iterable[str]) -> Iterator[bytes]:
    """How a secret could stand in a file: each of its spellings, and the bytes themselves."""
    for text in texts:
        yield text.encode()
        try:
            yield bytes.fromhex(text)
        except ValueError:  # a spelling of another kind
            continue


def contents(directory: Path) -> list[bytes]:
    """What all files below say."""
    return [path.read_bytes() for path in directory.rglob("*") if path.is_file()]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # its files hold everything
async def test_sr_01_no_planted_secret_stands_in_the_files_of_the_installation(
    world: World, admin: Actor, tmp_path: Path
) -> None:
    await furnish(world, admin)
    planted = {kind: tuple(texts) for kind, texts in (await plant(world, admin)).items()}
    await world.events()  # what is written later is written now
    files = contents(tmp_path)
    kept = {
        kind
        for kind, texts in planted.items()
        if any(form in content for form in written(texts) for content in files)
    }
    # These are all that is kept, which also shows that the files are those of the installation.
    meant = {"hash of a client secret", *(await sealed(world))}
    assert kept == meant
