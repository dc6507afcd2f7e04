"""Use cases of OAuth: proving a client, and the pipeline of the token endpoint."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from iam.authz.actions import Action
from iam.authz.context import both_prefixes, principal_context
from iam.authz.facts import PrincipalFacts
from iam.authz.snapshots import PrincipalSnapshots, SurroundingSnapshots
from iam.errors import IamError, invalid, unavailable
from iam.features.credentials.rules import ClientCredential, credential_of, live_keys
from iam.features.credentials.snapshots import ClientSnapshots
from iam.features.oauth.grants import GRANTS
from iam.features.oauth.grants.base import Asked, Granted
from iam.features.oauth.rules import (
    ClientAuthMethod,
    ClientProof,
    OAuthRequest,
    client_refused,
    is_target_taken_away,
    one_time_id,
    requested_scopes,
    requested_target,
    scope_refused,
    target_refused,
)
from iam.features.oauth.snapshots import AudienceSnapshots
from iam.features.tokens.rules import Grant, OneTimeUse
from iam.features.tokens.service import TokenIssuer
from iam.kit.ids import IdKind, is_id, new_id
from iam.kit.log_context import note_principal
from iam.kit.metrics import OTHER, Tally
from iam.models import OneTimeId
from iam.work import Caller, Tools, begin_work, retried
from iam.work.uses import CredentialUses
from iam_sdk.errors import TokenInvalid
from iam_sdk.jws import parse_header
from iam_sdk.tokens import claimed_client_id, verify_client_assertion

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """From where and how a request came.

    Attributes:
        address: The client's address.
        is_secure: Whether it came over TLS.
        request_id: Ties log lines and audit entries to the answer.
    """

    address: str | None
    is_secure: bool
    request_id: str


@dataclass(frozen=True, slots=True)
class ProvenClient:
    """A client that proved itself.

    Attributes:
        facts: Who it is.
        credential: What proved it.
        one_time: What the proof uses up: with the token that is issued, or by `use_up`.
    """

    facts: PrincipalFacts
    credential: ClientCredential
    one_time: OneTimeUse | None


class ClientAuthenticator:
    """Proves clients from memory: by a secret, or by an assertion that they signed."""

    def __init__(
        self, tools: Tools, principals: PrincipalSnapshots, credentials: ClientSnapshots
    ) -> None:
        self._tools = tools
        self._principals = principals
        self._credentials = credentials
        settings = tools.settings
        self._max_age_seconds = int(settings.tokens.assertion_max_age.total_seconds())
        # RFC 7523 section 3: the token endpoint's address or the issuer names us as the audience.
        self._audiences = frozenset({
            settings.issuer,
            f"{settings.issuer}/oauth2/token",
            f"{settings.public_url}/oauth2/token",
        })  # fmt: skip

    async def authenticate(self, proof: ClientProof, *, now: datetime) -> ProvenClient:
        """The client, if it proves itself.

        Raises `IamError` `invalid_client`, always the same, or of kind `unavailable` when this
        replica has lost sight of the database and must not trust what it remembers.
        """
        self.check_sight()
        one_time = None
        if proof.method is ClientAuthMethod.PRIVATE_KEY_JWT:
            credential, one_time = await self._by_assertion(proof, now)
        elif proof.method is ClientAuthMethod.NONE:
            raise client_refused()
        else:
            credential = await self._credentials.find_secret(
                proof.text, principal_id=proof.client_id, now=now
            )
        if credential is None or not credential.is_live(now):
            raise _refused(proof, "credential")
        facts = await self._principals.get(credential.principal_id)
        if facts is None or not facts.is_active:
            raise _refused(proof, "principal")
        note_principal(facts.arn)
        return ProvenClient(facts, credential, one_time)

    def check_sight(self) -> None:
        """Raise `IamError` of kind `unavailable` unless what is remembered may be trusted."""
        if not self._tools.changes.is_fresh:
            raise unavailable("database_unavailable", "the database is out of sight", retry_after=1)

    async def use_up(self, client: ProvenClient) -> None:
        """Use up the client's assertion where no token is issued with it.

        Raises `IamError` `invalid_client` when it was used before, on whichever endpoint.
        """
        if client.one_time is None:
            return
        kind, used, until = client.one_time

        async def use() -> None:
            async with begin_work(self._tools, Caller.nobody(request_id="")) as uow:
                row = OneTimeId(kind=kind, id=used, expires_at=until)
                await uow.insert(row, taken=client_refused())

        await retried(use)

    async def _by_assertion(
        self, proof: ClientProof, now: datetime
    ) -> tuple[ClientCredential | None, OneTimeUse | None]:
        try:
            client_id, kid = claimed_client_id(proof.text), parse_header(proof.text).kid
            # What is no id of ours reaches neither the database nor a key set's publisher.
            if proof.client_id not in {None, client_id} or not is_id(client_id, IdKind.SERVICE):
                return None, None
            keys = await self._credentials.keys_of(client_id, kid=kid)
            assertion = verify_client_assertion(
                proof.text,
                keys=live_keys(keys, now),
                expected_client_id=client_id,
                expected_audiences=self._audiences,
                now=now.timestamp(),
                max_age_seconds=self._max_age_seconds,
            )
        except TokenInvalid as error:
            raise _refused(proof, error.reason) from None
        until = datetime.fromtimestamp(assertion.replay_until, now.tzinfo)
        once = OneTimeUse("client_assertion", one_time_id(client_id, assertion.jti), until)
        return credential_of(keys, kid, now), once


def _refused(proof: ClientProof, reason: str) -> IamError:
    # What claims to be an id may be anything, a secret in the wrong field included (LG-01).
    client_id = proof.client_id if proof.client_id and is_id(proof.client_id) else None
    _log.info("client_refused", client_id=client_id, method=proof.method.value, reason=str(reason))
    return client_refused()


@dataclass(frozen=True, slots=True)
class IssuedAnswer:
    """What the token endpoint answers (RFC 6749 section 5.1)."""

    access_token: str
    expires_in: int
    scope: str

    def members(self) -> dict[str, Any]:
        """The members of the JSON object."""
        members: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }
        if self.scope:
            members["scope"] = self.scope
        return members


Issue = Callable[[OAuthRequest, Connection], Awaitable[IssuedAnswer]]
"""`TokenEndpoint.issue`."""


class TokenEndpoint:
    """The pipeline: grant type, client, what the grant gives, scope, audience and policy, mint."""

    def __init__(
        self,
        tools: Tools,
        *,
        clients: ClientAuthenticator,
        audiences: AudienceSnapshots,
        surroundings: SurroundingSnapshots,
        issuer: TokenIssuer,
        uses: CredentialUses,
    ) -> None:
        self._tools = tools
        self._clients = clients
        self._audiences = audiences
        self._surroundings = surroundings
        self._issuer = issuer
        self._uses = uses

    async def issue(self, request: OAuthRequest, connection: Connection) -> IssuedAnswer:
        """Issue a token. Raises `IamError` with a code of OAuth, nothing issued."""
        now = self._tools.clock.now()
        grant = GRANTS.get(request.parameters.get("grant_type", ""))
        if grant is None:
            raise invalid("unsupported_grant_type", "expected a supported `grant_type`")
        client = await self._clients.authenticate(request.proof, now=now)
        ttl = self._tools.settings.tokens.service_ttl
        granted = await grant.grant(Asked(request, client.facts, now, ttl))
        scopes = requested_scopes(request.parameters)
        if not scopes <= granted.scopes:
            raise scope_refused()
        audience = await self._audience(request, granted.subject, connection, now)
        return await self._mint(
            client, granted, " ".join(sorted(scopes)), audience, now, connection
        )

    async def _audience(
        self, request: OAuthRequest, subject: PrincipalFacts, connection: Connection, now: datetime
    ) -> str:
        """The token's audience: ourselves, or a service of the caller's account that it may ask."""
        own = self._tools.settings.issuer
        target = requested_target(request.targets)
        if target is None or target == own:
            return own
        service = await self._audiences.find(subject.account, target)
        if service is None:
            raise target_refused()

        def context() -> dict[str, Any]:
            values: dict[str, Any] = {
                "RequestedAudience": target,
                "SecureTransport": connection.is_secure,
            }
            if connection.address is not None:
                values["SourceIp"] = connection.address
            return {**principal_context(subject, now=now), **both_prefixes(values)}

        around = await self._surroundings.find(
            subject.account, action=Action.GET_SERVICE_BEARER_TOKEN, resource=service.service_arn
        )
        if is_target_taken_away(
            subject, target=service.service_arn, context=context, around=around
        ):
            raise target_refused()
        return target

    async def _mint(
        self,
        client: ProvenClient,
        granted: Granted,
        scope: str,
        audience: str,
        now: datetime,
        connection: Connection,
    ) -> IssuedAnswer:
        grant = Grant(
            jti=new_id(IdKind.TOKEN, now),
            principal=granted.subject,
            client_id=client.facts.id,
            credential_id=client.credential.id,
            audience=audience,
            scope=scope,
            issued_at=now,
            expires_at=now + granted.ttl,
        )
        token = await self._issuer.issue(grant, one_time=client.one_time)
        if token is None:
            # Disabled, revoked or replayed between the snapshot and the commit.
            raise client_refused()
        self._uses.record(
            client.credential.id, address=connection.address, audience=audience, at=now
        )
        return IssuedAnswer(token, int(granted.ttl.total_seconds()), scope)


def counted(issue: Issue, tally: Tally) -> Issue:
    """The same, and each request counted by its grant and outcome."""
    counts = tally.counts
    issued = {grant: (grant, "issued") for grant in GRANTS}
    tally.know(issued.values())

    async def issue_counted(request: OAuthRequest, connection: Connection) -> IssuedAnswer:
        grant = request.parameters.get("grant_type", "")
        if grant not in GRANTS:
            grant = OTHER
        try:
            answer = await issue(request, connection)
        except IamError as error:
            tally.add(grant, error.code)
            raise
        counts[issued[grant]] += 1
        return answer

    return issue_counted
