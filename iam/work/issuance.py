"""What the ledger is asked to write, and why it may refuse."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum, unique
from typing import NamedTuple, Protocol, TypeAlias


class Issuance(NamedTuple):
    """One token that is to be issued, with the state of the world that it was granted in.

    A tuple and no dataclass: the fields are, in this order, the parameters of the statement that
    writes them. Instants are aware.

    Attributes:
        jti: Id of the token.
        principal_id: Whom it speaks for.
        principal_epoch: The epoch that its claims carry; must still be the principal's.
        client_id: Who asked for it, and whose the credential is.
        credential_id: The credential that proved the client, which must still be live.
        kid: The key that signs it.
        audience: Whom it is for.
        scope: Space-separated scopes, or nothing.
        issued_at: Now.
        expires_at: When it ends.
        once_kind: With `once_id`: what may be used once, if anything is.
        once_id: An id that is used up by this issuance, such as a client assertion's.
        once_until: Until when the id must be refused again.
    """

    jti: str
    principal_id: str
    principal_epoch: int
    client_id: str
    credential_id: str | None
    kid: str
    audience: str
    scope: str
    issued_at: datetime
    expires_at: datetime
    once_kind: str | None = None
    once_id: str | None = None
    once_until: datetime | None = None


@unique
class Refusal(StrEnum):
    """Why the ledger did not write a row: the world has moved on since the request was judged."""

    PRINCIPAL = "principal"
    """The principal or its account is not active, or its epoch is another one."""
    CREDENTIAL = "credential"
    """The credential is not live, or not this client's."""
    REPLAYED = "replayed"
    """The one-time id was used before."""


Refusals: TypeAlias = Mapping[str, Refusal]
"""By `jti`; what is not in it was written."""


class Store(Protocol):
    """Where a batch is written: one transaction, durable when `write` returns."""

    async def write(self, issuances: Sequence[Issuance]) -> Refusals:
        """Write all that still may be issued; raises what the driver raises, nothing kept."""

    async def close(self) -> None:
        """Give back the connection."""
