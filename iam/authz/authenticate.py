"""Who a bearer token speaks for: verified as every client verifies it, then against the ledger."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Row, select

from iam.authz.keys import PublishedKeys
from iam.errors import IamError, unauthenticated
from iam.models import (
    Account,
    AccountStatus,
    Credential,
    CredentialStatus,
    Installation,
    IssuedToken,
    Principal,
    PrincipalStatus,
)
from iam.work import Caller, UnitOfWork
from iam_sdk.errors import TokenInvalid
from iam_sdk.tokens import AccessToken, verify_access_token


@dataclass(frozen=True, slots=True)
class BearerAuthenticator:
    """Turns an access token whose audience is this very service into a `Caller`."""

    keys: PublishedKeys
    issuer: str

    async def verify(self, token: str, *, now: datetime) -> AccessToken:
        """Check signature and claims; no transaction is open meanwhile.

        Raises `IamError` of kind `unauthenticated`, with the SDK's reason as its code.
        """
        try:
            return verify_access_token(
                token,
                keys=await self.keys.get(),
                expected_issuer=self.issuer,
                expected_audience=self.issuer,
                now=now.timestamp(),
            )
        except TokenInvalid as error:
            raise _refused(error.reason) from None

    async def identify(self, uow: UnitOfWork, token: AccessToken) -> None:
        """Make the token's subject the caller of this unit of work.

        Raises `IamError` of kind `unauthenticated` when the token was revoked, or was issued
        before something that ended it: a disable, a reset, a restore.
        """
        row = (await uow.execute(_standing(token))).one_or_none()
        if row is None or not _stands(row, token):
            raise _refused("token_revoked")
        uow.caller = replace(
            uow.caller,
            id=row.id,
            arn=uow.arn_of("iam", row.account, f"{row.kind}{row.path}{row.name}"),
            account=row.account,
            kind=row.kind,
            token_id=token.jti,
            token_issued_at=datetime.fromtimestamp(token.issued_at, UTC),
        )


def _standing(token: AccessToken):  # type: ignore[no-untyped-def]  # noqa: ANN202 -- a Select of many columns
    return (
        select(
            Principal.id,
            Principal.account,
            Principal.kind,
            Principal.path,
            Principal.name,
            Principal.status,
            Principal.principal_epoch,
            Account.status.label("account_status"),
            IssuedToken.credential_id,
            Credential.status.label("credential_status"),
            IssuedToken.revoked_at,
            IssuedToken.restore_epoch,
            Installation.restore_epoch.label("current_restore_epoch"),
        )
        .select_from(IssuedToken)
        .join(Principal, Principal.id == IssuedToken.principal_id)
        .join(Account, Account.name == Principal.account)
        .outerjoin(Credential, Credential.id == IssuedToken.credential_id)
        .join(Installation, Installation.singleton == 1)
        .where(IssuedToken.jti == token.jti, Principal.id == token.subject)
    )


def _stands(row: Row[tuple[object, ...]], token: AccessToken) -> bool:
    return bool(
        row.revoked_at is None
        and row.restore_epoch == row.current_restore_epoch
        and row.status == PrincipalStatus.ACTIVE
        and row.account_status == AccountStatus.ACTIVE
        and row.principal_epoch == token.epoch
        # What was issued with a credential ends with it; its expiry only ends what is to come.
        and (row.credential_id is None or row.credential_status == CredentialStatus.ACTIVE)
        and row.account == token.account
    )


def _refused(reason: str) -> IamError:
    return unauthenticated(str(reason), "the access token is not accepted")


__all__ = ["BearerAuthenticator", "Caller"]
