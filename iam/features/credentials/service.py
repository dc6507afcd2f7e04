"""Use cases of credentials. All of them are authorized on the ARN of the holder.

So "may manage the credentials of billing" is one statement on `service/billing`, and making one for
a service is what it amounts to: becoming able to act as that service (PE-03).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.authz.context import both_prefixes
from iam.errors import IamError, conflict, invalid, not_found
from iam.features.credentials import queries, rules
from iam.features.credentials.queries import CredentialFilter, HeldCredential
from iam.features.principals import service as principals
from iam.features.principals.service import VersionCheck
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.metrics import Family
from iam.kit.pages import Page
from iam.kit.secrets import SecretKind, mint_secret, spread
from iam.models import Credential, CredentialKind, CredentialStatus, Principal, Service, User
from iam.work import UnitOfWork

UrlCheck = Callable[[str], None]
"""Raises unless we may call this URL (`Outbound.check_url`); reaches for no network."""

_HOLDERS: Final[Mapping[str, type[Principal]]] = {"service": Service, "user": User}


async def create_credential(
    uow: UnitOfWork,
    *,
    service: str,
    kind: str,
    check_url: UrlCheck,
    description: str = "",
    expires_at: datetime | None = None,
    public_jwk: Mapping[str, Any] | None = None,
    jwks_uri: str | None = None,
) -> tuple[HeldCredential, str | None]:
    """Make a credential of this kind; the second value is the secret, if it is one."""
    life: dict[str, Any] = {
        "service": service,
        "description": description,
        "expires_at": expires_at,
    }
    if kind == CredentialKind.PUBLIC_KEY:
        return await register_public_key(uow, public_jwk=public_jwk or {}, **life), None
    if kind == CredentialKind.JWKS_URI:
        found = await register_jwks_uri(uow, jwks_uri=jwks_uri or "", check_url=check_url, **life)
        return found, None
    return await create_client_secret(uow, **life)


async def create_client_secret(
    uow: UnitOfWork, *, service: str, description: str = "", expires_at: datetime | None = None
) -> tuple[HeldCredential, str]:
    """Make a client secret; the second value is the secret, which nobody can read again.

    Raises `conflict` when the service has as many live secrets as it may have.
    """
    holder = await _authorized_holder(uow, service, CredentialKind.CLIENT_SECRET)
    settings = uow.settings.credentials
    if expires_at is None:
        expires_at = uow.now + spread(settings.client_secret_ttl, settings.expiry_spread)
    else:
        rules.check_secret_expiry(expires_at, now=uow.now, longest=settings.client_secret_max_ttl)
    await _make_room(uow, holder, CredentialKind.CLIENT_SECRET)
    minted = mint_secret(SecretKind.CLIENT_SECRET)
    credential = _credential(uow, holder, CredentialKind.CLIENT_SECRET, description, expires_at)
    credential.secret_hash = minted.hash
    credential.hint = minted.text[: rules.HINT_CHARS]
    return await _add(uow, holder, credential), minted.text


async def register_public_key(
    uow: UnitOfWork,
    *,
    service: str,
    public_jwk: Mapping[str, Any],
    description: str = "",
    expires_at: datetime | None = None,
) -> HeldCredential:
    """Register a public key for `private_key_jwt` (RFC 7523); the private half stays outside.

    Without an expiry it has none: nobody but its owner has ever seen what signs.
    """
    holder = await _authorized_holder(uow, service, CredentialKind.PUBLIC_KEY)
    jwk = rules.registered_jwk(public_jwk)
    _check_expiry(uow, expires_at)
    await _make_room(uow, holder, CredentialKind.PUBLIC_KEY)
    if await queries.has_key(uow, holder.id, jwk["kid"]):
        raise conflict("key_id_taken", "the service has a key with this `kid` already")
    credential = _credential(uow, holder, CredentialKind.PUBLIC_KEY, description, expires_at)
    credential.public_jwk = jwk
    return await _add(uow, holder, credential)


async def register_jwks_uri(
    uow: UnitOfWork,
    *,
    service: str,
    jwks_uri: str,
    check_url: UrlCheck,
    description: str = "",
    expires_at: datetime | None = None,
) -> HeldCredential:
    """Register where the service publishes its public keys; they are fetched when needed."""
    holder = await _authorized_holder(uow, service, CredentialKind.JWKS_URI)
    check_url(jwks_uri)
    _check_expiry(uow, expires_at)
    await _make_room(uow, holder, CredentialKind.JWKS_URI)
    credential = _credential(uow, holder, CredentialKind.JWKS_URI, description, expires_at)
    credential.jwks_uri = jwks_uri
    return await _add(uow, holder, credential)


async def get_credential(uow: UnitOfWork, *, credential: str) -> HeldCredential:
    """The credential of this id."""
    return await _authorized(uow, credential, Action.GET_CREDENTIAL)


async def list_credentials(
    uow: UnitOfWork,
    *,
    limit: int,
    cursor: str | None = None,
    principal: str | None = None,
    kind: str | None = None,
    status: str | None = None,
    expiring: str | None = None,
) -> Page[HeldCredential]:
    """One page of credentials, oldest first: of one principal, or of the whole account."""
    wanted = CredentialFilter(
        principal_id=await _authorized_to_list(uow, principal),
        kind=kind,
        status=None if status is None else rules.Status(status),
        expiring=None if expiring is None else rules.parse_duration(expiring),
    )
    return await queries.list_credentials(uow, wanted, limit=limit, cursor=cursor)


async def update_credential(
    uow: UnitOfWork, *, credential: str, changes: Mapping[str, Any], expecting: VersionCheck
) -> HeldCredential:
    """Change the description, or let it expire earlier."""
    held = await _authorized(uow, credential, Action.UPDATE_CREDENTIAL)
    row = held.credential
    expecting(row.version)
    if row.status == CredentialStatus.REVOKED:
        raise _revoked()
    if "expires_at" in changes and changes["expires_at"] != row.expires_at:
        rules.check_shortened(row.expires_at, changes["expires_at"], now=uow.now)
    for field, value in changes.items():
        setattr(row, field, value)
    if uow.session.is_modified(row):
        uow.emit(EventType.CREDENTIAL_UPDATED, row, holder=uow.arn(held.holder))
        await uow.flush()
    return held


async def quarantine_credential(uow: UnitOfWork, *, credential: str) -> HeldCredential:
    """Put a credential out of use until it is reactivated; tokens issued with it wait likewise."""
    held = await _authorized(uow, credential, Action.QUARANTINE_CREDENTIAL)
    return await _set_status(uow, held, CredentialStatus.QUARANTINED)


async def reactivate_credential(uow: UnitOfWork, *, credential: str) -> HeldCredential:
    """End a quarantine. Raises `conflict` when others have taken its place meanwhile."""
    held = await _authorized(uow, credential, Action.REACTIVATE_CREDENTIAL)
    if held.status_at(uow.now) is rules.Status.QUARANTINED:
        await _make_room(uow, held.holder, CredentialKind(held.credential.kind))
    return await _set_status(uow, held, CredentialStatus.ACTIVE)


async def revoke_credential(uow: UnitOfWork, *, credential: str) -> HeldCredential:
    """End a credential for good, and with it every token that was issued with it."""
    held = await _authorized(uow, credential, Action.REVOKE_CREDENTIAL)
    return await _set_status(uow, held, CredentialStatus.REVOKED)


async def measure(uow: UnitOfWork) -> list[Family]:
    """What is live and when it ends, over all accounts, for the metrics."""
    return rules.expiry_families(await queries.report_expiry(uow), now=uow.now)


async def _set_status(
    uow: UnitOfWork, held: HeldCredential, status: CredentialStatus
) -> HeldCredential:
    row = held.credential
    # Of two who revoke at once both have their way, so the second waits and finds it done.
    await uow.session.refresh(row, with_for_update=True)
    if row.status == status:
        return held
    if row.status == CredentialStatus.REVOKED:
        raise _revoked()
    row.status = status
    if status == CredentialStatus.REVOKED:
        row.revoked_at = uow.now
    uow.emit(_EVENTS[status], row, holder=uow.arn(held.holder))
    await uow.flush()
    return held


_EVENTS: Final = {
    CredentialStatus.ACTIVE: EventType.CREDENTIAL_REACTIVATED,
    CredentialStatus.QUARANTINED: EventType.CREDENTIAL_QUARANTINED,
    CredentialStatus.REVOKED: EventType.CREDENTIAL_REVOKED,
}


def _credential(
    uow: UnitOfWork,
    holder: Principal,
    kind: CredentialKind,
    description: str,
    expires_at: datetime | None,
) -> Credential:
    return Credential(
        id=new_id(IdKind.CREDENTIAL, uow.now),
        account=holder.account,
        principal_id=holder.id,
        kind=kind,
        description=description,
        created_by=uow.caller.id,
        created_at=uow.now,
        expires_at=expires_at,
    )


async def _add(uow: UnitOfWork, holder: Principal, credential: Credential) -> HeldCredential:
    await uow.insert(credential, taken=_gone())
    uow.emit(EventType.CREDENTIAL_CREATED, credential, holder=uow.arn(holder))
    return HeldCredential(credential, holder, None)


async def _make_room(uow: UnitOfWork, holder: Principal, kind: CredentialKind) -> None:
    """Check the number of live credentials, alone: whoever adds one comes through here (RC-08)."""
    if not await queries.lock_holder(uow, holder.id):
        raise _gone()
    is_secret = kind == CredentialKind.CLIENT_SECRET
    limit = uow.settings.credentials.live_secrets if is_secret else rules.MAX_LIVE_KEYS
    if await queries.count_live(uow, holder.id, secrets=is_secret) >= limit:
        what = "client secrets" if is_secret else "keys"
        message = f"`{holder.name}` has {limit} live {what} already; revoke one of them first"
        raise conflict("too_many_credentials", message, limit=limit)


def _check_expiry(uow: UnitOfWork, expires_at: datetime | None) -> None:
    if expires_at is not None:
        rules.check_future(expires_at, now=uow.now)


async def _authorized_holder(uow: UnitOfWork, service: str, kind: CredentialKind) -> Service:
    return await principals.authorized_principal(
        uow, Service, service, Action.CREATE_CREDENTIAL, context=_kind_context(kind)
    )


async def _authorized(uow: UnitOfWork, credential_id: str, action: Action) -> HeldCredential:
    """The credential, if the caller may do this to its holder's credentials.

    Who may not is told of the id alone: neither whose it is, nor whether it is there.
    """
    held = await queries.find_credential(uow, credential_id)
    named = uow.arn_of("iam", uow.caller.account, f"credential/{credential_id}")
    if held is None:
        await authorize(uow, action, named)
        raise not_found("not_found", f"there is no credential `{credential_id[:128]}`")
    context = await principals.target_context(uow, held.holder)
    keys = {**context, **_kind_context(held.credential.kind)}
    await authorize(uow, action, uow.arn(held.holder), context=keys, told_as=named)
    return held


async def _authorized_to_list(uow: UnitOfWork, principal: str | None) -> str | None:
    if principal is None:
        everything = uow.arn_of("iam", uow.caller.account, "*")
        await authorize(uow, Action.LIST_CREDENTIALS, everything)
        return None
    kind, name = rules.holder_reference(principal)
    # Another account's ARN names nobody here, though somebody of that name may exist (MT-01).
    own = uow.arn_of("iam", uow.caller.account, "")
    is_elsewhere = principal.startswith("arn:") and not principal.startswith(own)
    model = None if is_elsewhere else _HOLDERS.get(kind)
    if model is None:
        raise invalid("principal_invalid", "expected `service/NAME`, `user/NAME`, an id or an ARN")
    holder = await principals.authorized_principal(uow, model, name, Action.LIST_CREDENTIALS)
    return holder.id


def _kind_context(kind: str) -> Mapping[str, Any]:
    return both_prefixes({"CredentialKind": kind})


def _revoked() -> IamError:
    return conflict("credential_revoked", "a revoked credential stays revoked; make another one")


def _gone() -> IamError:
    return conflict("principal_gone", "the service was deleted meanwhile")
