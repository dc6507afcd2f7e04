"""OAuth clients for tests: services with a secret or a key of their own, and what they send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from jwt.algorithms import ECAlgorithm

from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.secrets import SecretKind, mint_secret
from iam.models import MAIN_ACCOUNT, Credential, CredentialKind, Service, ServiceAudience
from iam_sdk.client_auth import ASSERTION_TYPE, ClientKey
from tests.world import ISSUER, Actor, Statement, World

Form = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass
class Client:
    """A service that gets tokens with a client secret."""

    actor: Actor
    secret: str = field(repr=False)
    credential_id: str

    @property
    def id(self) -> str:
        return self.actor.id

    @property
    def basic(self) -> tuple[str, str]:
        return (self.actor.id, self.secret)


async def new_client(
    world: World,
    *statements: Statement,
    name: str | None = None,
    account: str = MAIN_ACCOUNT,
    audiences: Sequence[str] = (),
) -> Client:
    """A service with these policies, a secret, and audiences beside its ARN."""
    actor = await world.actor(*statements, name=name, account=account)
    minted = mint_secret(SecretKind.CLIENT_SECRET)
    credential_id = await add_credential(
        world, actor, kind=CredentialKind.CLIENT_SECRET, secret_hash=minted.hash
    )
    await add_audiences(world, actor, actor.arn, *audiences)
    return Client(actor, minted.text, credential_id)


async def add_credential(world: World, holder: Actor, **columns: Any) -> str:
    """One more credential of this principal."""
    async with world.work(holder.account) as uow:
        row = Credential(
            id=new_id(IdKind.CREDENTIAL, uow.now),
            account=holder.account,
            principal_id=holder.id,
            created_at=uow.now,
            **columns,
        )
        uow.add(row)
        uow.emit(EventType.CREDENTIAL_CREATED, row)
    return row.id


async def set_credential(
    world: World, credential_id: str, *, account: str = MAIN_ACCOUNT, **columns: Any
) -> None:
    """Change a credential, as an administrator would."""
    async with world.work(account) as uow:
        row = await uow.get(Credential, credential_id)
        assert row is not None
        for name, value in columns.items():
            setattr(row, name, value)
        uow.emit(EventType.CREDENTIAL_UPDATED, row)


async def add_audiences(world: World, service: Actor, *uris: str) -> None:
    """Let a service answer to these."""
    async with world.work(service.account) as uow:
        row = await uow.get(Service, service.id)
        for uri in uris:
            uow.add(ServiceAudience(account=service.account, uri=uri, service_id=service.id))
        uow.emit(EventType.SERVICE_UPDATED, row)


async def add_key(world: World, holder: Actor) -> ClientKey:
    """A registered ES256 key of this principal."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = ClientKey.load(pem)
    members: dict[str, Any] = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    jwk = {**members, "kid": key.kid, "alg": key.alg, "use": "sig"}
    await add_credential(world, holder, kind=CredentialKind.PUBLIC_KEY, public_jwk=jwk)
    return key


def assertion_form(
    world: World, key: ClientKey, client_id: str, *, audience: str = ISSUER, jti: str | None = None
) -> dict[str, str]:
    """The form fields of `private_key_jwt`."""
    now = world.clock.now()
    jti = jti or new_id(IdKind.TOKEN, now)
    assertion = key.assertion(client_id, audience, now=int(now.timestamp()), jti=jti)
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


async def ask(
    world: World, path: str, form: Form, *, basic: tuple[str, str] | None = None, **options: Any
) -> httpx2.Response:
    """Post a form to an OAuth endpoint, with Basic credentials if given."""
    content = httpx2.QueryParams(dict(form) if isinstance(form, Mapping) else list(form))
    headers = {"Content-Type": "application/x-www-form-urlencoded", **options.pop("headers", {})}
    auth = httpx2.BasicAuth(*basic) if basic else httpx2.USE_CLIENT_DEFAULT
    return await world.http.post(
        f"/oauth2/{path}", content=str(content), headers=headers, auth=auth, **options
    )


async def token_of(world: World, client: Client, **form: str) -> str:
    """A token for this client."""
    fields = {"grant_type": "client_credentials", **form}
    answer = await ask(world, "token", fields, basic=client.basic)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


async def introspected(world: World, token: str, client: Client) -> dict[str, Any]:
    """What this client is told about a token."""
    answer = await ask(world, "introspect", {"token": token}, basic=client.basic)
    assert answer.status_code == 200, answer.text
    members: dict[str, Any] = answer.json()
    return members
