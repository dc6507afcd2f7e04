"""What clients do all day, in small: tokens, revocations, credentials, people, attachments.

Each stream works on things of its own, one step after the other, so that what became of its last
step can be found out afterwards. Only tokens are asked for concurrently with what ends them.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm

from iam_sdk.client_auth import ClientKey
from tests.faults.claims import client_of, jti_of
from tests.faults.client import Client, Credential
from tests.faults.journal import Operation, Result

POLICY: Final = "ReadOnlyAccess"
TOKEN_STREAMS: Final = 3
_PAUSE_SECONDS: Final = 0.05
"""How long a stream waits after its first failure; after each further one twice as long."""


@dataclass(slots=True)
class Cast:
    """The services that one round plays with, each with a secret that stays, and a key."""

    secrets: list[Credential] = field(default_factory=list)
    keys: list[Credential] = field(default_factory=list)

    def secret_for(self, token: str) -> Credential | None:
        """The secret of the service that this token was issued to."""
        client_id = client_of(token)
        return next((found for found in self.secrets if found.service == client_id), None)

    def by_credential(self, credential: str) -> Credential:
        """The secret of this id."""
        return next(found for found in self.secrets if found.id == credential)


class StalledError(Exception):
    """A step was not done; what was to follow on it cannot."""


async def enroll(client: Client, name: str, cast: Cast, *, pause: float) -> None:
    """Make a service with a secret and a key; `pause` before each step."""
    body = {"name": name, "owner": "group/administrators"}
    await asyncio.sleep(pause)
    made = done(await client.api("service.create", name, "POST", "/v1/services", body))
    service = made.got["id"]
    await asyncio.sleep(pause)
    secret = done(await _create_credential(client, service, {"kind": "client_secret"}))
    cast.secrets.append(Credential(secret.got["id"], service, secret.got["client_secret"]))
    key, jwk = _new_key()
    registered = {"kind": "public_key", "public_jwk": jwk}
    credential = done(await _create_credential(client, service, registered))
    cast.keys.append(Credential(credential.got["id"], service, key=key))


async def play(client: Client, cast: Cast, stopping: asyncio.Event, label: str) -> None:
    """Load until told to stop; at least three services take part."""
    count = len(cast.secrets)
    streams: list[Callable[[int], Awaitable[None]]] = []
    for index in range(TOKEN_STREAMS):
        secret, key = cast.secrets[index % count], cast.keys[(index + 1) % count]
        streams.append(_bound(_tokens, client, secret, key))
    for index in range(2):
        streams.append(_bound(_people, client, f"{label}-{index}"))
        streams.append(_bound(_credentials, client, cast.secrets[index % count].service))
    await asyncio.gather(*(_repeat(stream, stopping) for stream in streams))


def done(operation: Operation) -> Operation:
    """The operation, if it was done. Raises `StalledError`."""
    if operation.result is not Result.OK:
        raise StalledError(f"{operation.kind}: {operation.status} {operation.got}")
    return operation


def _bound(
    stream: Callable[..., Awaitable[None]], *arguments: Any
) -> Callable[[int], Awaitable[None]]:
    return lambda turn: stream(*arguments, turn)


async def _repeat(stream: Callable[[int], Awaitable[None]], stopping: asyncio.Event) -> None:
    turn, pause = 0, _PAUSE_SECONDS
    while not stopping.is_set():
        try:
            await stream(turn)
            pause = _PAUSE_SECONDS
        except StalledError:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)
            pause *= 2
        turn += 1


async def _tokens(client: Client, secret: Credential, key: Credential, _turn: int) -> None:
    """Three tokens by two credentials, one of which is revoked."""
    first, second, _ = await asyncio.gather(
        client.token(secret), client.token(key), client.token(secret)
    )
    done(second)
    text = done(first).got["access_token"]
    done(await client.revoke(jti_of(text), text, secret))


async def _people(client: Client, label: str, turn: int) -> None:
    """A user comes, changes, gets and loses a policy, and goes."""
    name = f"user-{label}-{turn}"
    body = {"name": name, "display_name": "new"}
    user = done(await client.api("user.create", name, "POST", "/v1/users", body)).got
    path = f"/v1/users/{user['id']}"
    change = {"display_name": f"turn {turn}"}
    await _done_api(client, "user.update", user["id"], "PATCH", path, change, user["version"])
    attached = f"{path}/attached-policies/{POLICY}"
    await _done_api(client, "user.attach", user["id"], "PUT", attached)
    if turn % 2:
        await _done_api(client, "user.detach", user["id"], "DELETE", attached)
    await _done_api(client, "user.disable", user["id"], "POST", f"{path}:disable")


async def _credentials(client: Client, service: str, _turn: int) -> None:
    """A secret comes, is used while it is revoked, and afterwards."""
    made = done(await _create_credential(client, service, {"kind": "client_secret"}))
    secret = Credential(made.got["id"], service, made.got["client_secret"])
    done(await client.token(secret))
    revocation = _done_api(
        client, "credential.revoke", secret.id, "POST", f"/v1/credentials/{secret.id}:revoke"
    )
    during = [client.token(secret) for _ in range(3)]
    await asyncio.gather(revocation, *during)
    await client.token(secret)


async def _create_credential(client: Client, service: str, body: dict[str, Any]) -> Operation:
    path = f"/v1/services/{service}/credentials"
    return await client.api("credential.create", service, "POST", path, body)


async def _done_api(
    client: Client,
    kind: str,
    key: str,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    version: int | None = None,
) -> Operation:
    return done(await client.api(kind, key, method, path, body, version=version))


def _new_key() -> tuple[ClientKey, dict[str, Any]]:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = ClientKey.load(pem)
    jwk: dict[str, Any] = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return key, {**jwk, "kid": key.kid, "alg": key.alg, "use": "sig"}
