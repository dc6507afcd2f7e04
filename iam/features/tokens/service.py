"""Issuing: together with other requests for the token endpoint, in a unit of work for the rest."""

from collections.abc import Awaitable
from datetime import timedelta

import structlog

from iam.authz.facts import PrincipalFacts
from iam.features.signing_keys.rules import Purpose, Signer
from iam.features.signing_keys.snapshots import Signers
from iam.features.tokens.rules import ACCESS_TOKEN_TYPE, Grant, OneTimeUse, access_token_claims
from iam.kit.ids import IdKind, new_id
from iam.kit.spans import SpanKind, span
from iam.models import Installation, IssuedToken
from iam.work import Issuance, LedgerBatch, UnitOfWork
from iam.work.issuance import Refusal

_log = structlog.get_logger(__name__)


class TokenIssuer:
    """Issues access tokens through the ledger's batches."""

    def __init__(
        self, *, ledger: LedgerBatch, signers: Signers, issuer: str, is_traced: bool = False
    ) -> None:
        self._is_traced = is_traced
        self._ledger = ledger
        self._signers = signers
        self._issuer = issuer

    async def issue(self, grant: Grant, *, one_time: OneTimeUse | None = None) -> str | None:
        """The token, once its ledger row is durable; `None` when the ledger refused it.

        Raises `IamError` of kind `unavailable` when the ledger cannot be written.
        """
        signer = await self._signers.get(Purpose.ACCESS_TOKEN)
        written = self._ledger.submit(_issuance(grant, signer.kid, one_time))
        # The signature is made while the batch is on its way; without the row it goes nowhere.
        claims = access_token_claims(grant, issuer=self._issuer)
        token = signer.sign(claims, typ=ACCESS_TOKEN_TYPE)
        refusal = await (_traced(written) if self._is_traced else written)
        if refusal is None:
            return token
        _log.info("issuance_refused", jti=grant.jti, client_id=grant.client_id, reason=refusal)
        return None


async def _traced(written: Awaitable[Refusal | None]) -> Refusal | None:
    with span("INSERT issued_tokens", SpanKind.CLIENT):  # a batch writes it, with those of others
        return await written


def _issuance(grant: Grant, kid: str, one_time: OneTimeUse | None) -> Issuance:
    return Issuance(
        grant.jti,
        grant.principal.id,
        grant.principal.epoch,
        grant.client_id,
        grant.credential_id,
        kid,
        grant.audience,
        grant.scope,
        grant.issued_at,
        grant.expires_at,
        *(one_time or ()),
    )


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
