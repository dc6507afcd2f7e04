"""Use case of revocation."""

from sqlalchemy import update

from iam.errors import invalid
from iam.features.oauth.rules import OAuthRequest
from iam.features.oauth.service import ClientAuthenticator, Connection, ProvenClient
from iam.features.tokens.snapshots import TokenSnapshots
from iam.journal.events import Event, EventType
from iam.models import IssuedToken
from iam.work import Caller, Tools, UnitOfWork, begin_work, retried
from iam_sdk.tokens import AccessToken


class RevocationEndpoint:
    """Ends tokens for the clients that they were issued to."""

    def __init__(
        self, tools: Tools, *, clients: ClientAuthenticator, tokens: TokenSnapshots
    ) -> None:
        self._tools = tools
        self._clients = clients
        self._tokens = tokens

    async def revoke(self, request: OAuthRequest, connection: Connection) -> None:
        """End the token of the request; durable on return.

        Raises `IamError` with a code of OAuth when the client is not proven or names no token.
        """
        now = self._tools.clock.now()
        client = await self._clients.authenticate(request.proof, now=now)
        text = request.parameters.get("token")
        if text is None:
            raise invalid("invalid_request", "expected a `token`")
        await self._clients.use_up(client)
        known = await self._tokens.find(text)
        if known is None or known.token.client_id != client.facts.id:
            return
        if now.timestamp() >= known.token.expires_at:
            return
        token, caller = known.token, _caller(client, connection)

        async def end() -> None:
            async with begin_work(self._tools, caller) as uow:
                await revoke_token(uow, token=token)

        await retried(end)


async def revoke_token(uow: UnitOfWork, *, token: AccessToken) -> None:
    """End a token of the caller's; one that has ended already is left as it is.

    Needs no permission beyond the proof of the client that it was issued to.
    """
    revoked = await uow.scalar(
        update(IssuedToken)
        .where(IssuedToken.jti == token.jti, IssuedToken.revoked_at.is_(None))
        .values(revoked_at=uow.now)
        .returning(IssuedToken.jti)
    )
    if revoked is None:
        return
    event = Event(
        type=EventType.TOKEN_REVOKED,
        account=token.account,
        subject=token.arn,
        target_id=token.jti,
        detail={"client_id": token.client_id},
    )
    uow.emit_event(event)


def _caller(client: ProvenClient, connection: Connection) -> Caller:
    return Caller(
        id=client.facts.id,
        arn=client.facts.arn,
        account=client.facts.account,
        kind=client.facts.kind,
        address=connection.address,
        request_id=connection.request_id,
        is_secure=connection.is_secure,
    )
