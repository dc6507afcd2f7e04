"""Who a bearer token speaks for: verified as every client verifies it, then against the ledger."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from iam.authz.keys import PublishedKeys
from iam.authz.standing import read_standing, stands
from iam.errors import IamError, unauthenticated
from iam.kit.log_context import note_principal
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
        """Make the token's subject the caller of this unit of work, which then sees its account.

        Raises `IamError` of kind `unauthenticated` when the token was revoked, or was issued
        before something that ended it: a disable, a reset, a restore.
        """
        narrows = not uow.tools.database.is_sqlite
        row = await read_standing(uow, token.jti, subject=token.subject, narrows=narrows)
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
        note_principal(uow.caller.arn)


def _stands(row: Row[Any], token: AccessToken) -> bool:
    is_same = row.principal_epoch == token.epoch and row.account == token.account
    return is_same and stands(row)


def _refused(reason: str) -> IamError:
    return unauthenticated(str(reason), "the access token is not accepted")


__all__ = ["BearerAuthenticator", "Caller"]
