"""Who asks: the author of everything that a unit of work does."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: a principal proven by a token, the account's root on the host, or nobody yet.

    Attributes:
        id: The immutable id; empty for nobody, `root` for local maintenance, `job` for a job.
        arn: The caller's ARN.
        account: The account that the caller acts in.
        kind: `user`, `service`, `role`, `root` or `anonymous`.
        token_id: `jti` of the token that proved the caller.
        token_issued_at: When that token was issued.
        address: The client's address as far as trusted proxies tell it.
        request_id: Ties log lines, audit entries and answers together.
        is_secure: Whether the request came over TLS.
    """

    id: str
    arn: str
    account: str
    kind: str
    token_id: str | None = None
    token_issued_at: datetime | None = None
    address: str | None = None
    request_id: str = ""
    is_secure: bool = False

    @classmethod
    def root(cls, *, account: str, partition: str, request_id: str) -> "Caller":
        """Local maintenance on the host, which acts as the account itself."""
        arn = f"arn:{partition}:iam::{account}:root"
        return cls(id="root", arn=arn, account=account, kind="root", request_id=request_id)

    @classmethod
    def of_job(cls, name: str, *, account: str, partition: str, run_id: str) -> "Caller":
        """A job of the installation: it may what the account itself may, under its own name."""
        arn = f"arn:{partition}:iam::main:job/{name}"
        return cls(id="job", arn=arn, account=account, kind="root", request_id=run_id)

    @classmethod
    def nobody(cls, *, request_id: str, address: str | None = None) -> "Caller":
        """A caller who has not proven anything."""
        return cls(
            id="", arn="", account="", kind="anonymous", request_id=request_id, address=address
        )
