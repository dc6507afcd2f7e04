"""Issuing inside a unit of work, for what is rare. The token endpoint takes the fast lane."""

from datetime import timedelta

from iam.authz.facts import PrincipalFacts
from iam.features.signing_keys.rules import Signer
from iam.features.tokens.rules import ACCESS_TOKEN_TYPE, Grant, access_token_claims
from iam.kit.ids import IdKind, new_id
from iam.models import Installation, IssuedToken
from iam.work import UnitOfWork


async def issue_access_token(
    uow: UnitOfWork,
    *,
    signer: Signer,
    principal: PrincipalFacts,
    audience: str,
    ttl: timedelta,
    credential_id: str | None = None,
) -> str:
    """Mint a token and write its ledger row; it counts once the unit of work has committed."""
    grant = Grant(
        jti=new_id(IdKind.TOKEN, uow.now),
        principal=principal,
        client_id=principal.id,
        credential_id=credential_id,
        audience=audience,
        scope="",
        issued_at=uow.now,
        expires_at=uow.now + ttl,
    )
    installation = await uow.get(Installation, 1)
    epoch = installation.restore_epoch if installation else 0
    uow.add(ledger_row(grant, kid=signer.kid, restore_epoch=epoch))
    claims = access_token_claims(grant, issuer=uow.settings.issuer)
    return signer.sign(claims, typ=ACCESS_TOKEN_TYPE)


def ledger_row(grant: Grant, *, kid: str, restore_epoch: int) -> IssuedToken:
    """The ledger row of a grant."""
    return IssuedToken(
        jti=grant.jti,
        account=grant.principal.account,
        principal_id=grant.principal.id,
        client_id=grant.client_id,
        credential_id=grant.credential_id,
        kid=kid,
        audience=grant.audience,
        scope=grant.scope,
        issued_at=grant.issued_at,
        expires_at=grant.expires_at,
        principal_epoch=grant.principal.epoch,
        restore_epoch=restore_epoch,
    )
