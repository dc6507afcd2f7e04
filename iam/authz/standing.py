"""Whether a token still counts: the ledger's row against everything that can end it.

The database's clock is not asked: nothing here follows from the time, so an answer stays true until
one of the things that it was read from changes. Expiry is the verifier's to check.
"""

from typing import Any

from sqlalchemy import Row, String, bindparam, select

from iam.authz.gather import Reader
from iam.kit.row_security import narrowed
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

# Built once: building it takes longer than running it.
_STANDING = (
    select(
        Principal.id,
        Principal.account,
        Principal.kind,
        Principal.path,
        Principal.name,
        Principal.status,
        Principal.principal_epoch,
        Account.status.label("account_status"),
        IssuedToken.audience,
        IssuedToken.client_id,
        IssuedToken.credential_id,
        IssuedToken.principal_epoch.label("issued_epoch"),
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
    .where(
        IssuedToken.jti == bindparam("jti", type_=String),
        Principal.id == bindparam("subject", type_=String),
    )
)
# PostgreSQL sets it along with the one row that is found: no round trip of its own.
_NARROWING = _STANDING.add_columns(narrowed(Principal.account))


async def read_standing(
    reader: Reader, jti: str, *, subject: str, narrows: bool = False
) -> Row[Any] | None:
    """One row about a token that this installation issued for this subject; ask `stands`.

    With `narrows`, on PostgreSQL alone, what the reader's transaction reads afterwards is only
    the rows of the subject's account (row security).
    """
    statement = _NARROWING if narrows else _STANDING
    found = await reader.execute(statement, {"jti": jti, "subject": subject})
    return found.one_or_none()


def stands(row: Row[Any]) -> bool:
    """Whether nothing has ended the token: no revocation, disable, suspension, reset or restore."""
    return bool(
        row.revoked_at is None
        and row.restore_epoch == row.current_restore_epoch
        and row.status == PrincipalStatus.ACTIVE
        and row.account_status == AccountStatus.ACTIVE
        and row.principal_epoch == row.issued_epoch
        # What was issued with a credential ends with it; its expiry only ends what is to come.
        and (row.credential_id is None or row.credential_status == CredentialStatus.ACTIVE)
    )
