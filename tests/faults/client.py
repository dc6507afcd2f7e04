"""Sends requests, and writes each into the journal before it leaves and when its answer comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from typing import Any, Final

import httpx2

from iam.kit.ids import IdKind, new_id
from iam_sdk.client_auth import ASSERTION_TYPE, ClientKey
from tests.faults.journal import Journal, Operation, Result

TIMEOUT: Final = 10.0
_REFUSED: Final = range(400, 500)
_DONE: Final = range(200, 300)
# What is kept of an answer, if it is there.
_KEPT: Final = (
    "id", "access_token", "active", "status", "display_name", "client_secret", "items", "error",
    "code",
)  # fmt: skip


@dataclass(slots=True)
class Credential:
    """What proves a service: a secret or a key."""

    id: str
    service: str
    secret: str = field(default="", repr=False)
    key: ClientKey | None = field(default=None, repr=False)


class Client:
    """A client of one running server.

    Args:
        journal: Where everything is written down.
        url: Where the server is reached.
        issuer: Its name in tokens, which assertions are addressed to.
        ports: Of replicas, each of which gets a request in turn; by default there is one server.
    """

    def __init__(
        self, journal: Journal, url: str, issuer: str, *, ports: Sequence[int] = ()
    ) -> None:
        self.journal = journal
        self.issuer = issuer
        self.bearer = ""
        spread = Spread(ports) if ports else None
        self.http = httpx2.AsyncClient(base_url=url, timeout=TIMEOUT, transport=spread)

    async def api(
        self,
        kind: str,
        key: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        retry_of: Operation | None = None,
    ) -> Operation:
        """Ask the API as the administrator. A POST carries an `Idempotency-Key`."""
        sent = {"method": method, "path": path, "body": body, "version": version}
        root = None if retry_of is None else retry_of.root
        operation = self.journal.begin(kind, key, sent, retry_of=root)
        headers = {"Authorization": f"Bearer {self.bearer}"}
        if method == "POST":
            headers["Idempotency-Key"] = operation.root
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        return await self._send(operation, method, path, headers=headers, json=body)

    async def again(self, operation: Operation) -> Operation:
        """Ask for the same once more, as a client does that never got its answer."""
        sent = operation.sent
        return await self.api(
            operation.kind,
            operation.key,
            sent["method"],
            sent["path"],
            sent["body"],
            retry_of=operation,
        )

    async def token(self, by: Credential, *, assertion: str | None = None) -> Operation:
        """Ask for a token. `assertion` repeats one that was sent before."""
        fields = {"grant_type": "client_credentials"}
        kind = "token.secret"
        if by.key is not None:
            kind = "token.assertion"
            now = datetime.now(UTC)  # noqa: TID251 -- a client's own clock
            assertion = assertion or by.key.assertion(
                by.service,
                self.issuer,
                now=int(now.timestamp()),
                jti=new_id(IdKind.TOKEN, now),
            )
            fields |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        sent = {"credential": by.id, "assertion": assertion}
        operation = self.journal.begin(kind, by.service, sent)
        return await self._form(operation, "token", fields, by)

    async def revoke(self, jti: str, text: str, by: Credential) -> Operation:
        """Revoke a token of this service."""
        sent = {"token": text, "credential": by.id}
        operation = self.journal.begin("token.revoke", jti, sent)
        return await self._form(operation, "revoke", {"token": text}, by)

    async def introspect(self, jti: str, text: str, by: Credential) -> Operation:
        """Ask what a token of this service is worth."""
        operation = self.journal.begin("introspect", jti)
        return await self._form(operation, "introspect", {"token": text}, by)

    async def _form(
        self, operation: Operation, endpoint: str, fields: Mapping[str, str], by: Credential
    ) -> Operation:
        auth = httpx2.BasicAuth(by.service, by.secret) if by.secret else None
        options: dict[str, Any] = {} if auth is None else {"auth": auth}
        return await self._send(operation, "POST", f"/oauth2/{endpoint}", data=fields, **options)

    async def _send(
        self, operation: Operation, method: str, path: str, **options: Any
    ) -> Operation:
        headers = {"X-Request-Id": operation.id, **options.pop("headers", {})}
        try:
            answer = await self.http.request(method, path, headers=headers, **options)
            status, got = answer.status_code, _kept(answer)
        except (httpx2.HTTPError, ValueError):  # no answer, or half of one
            status, got = 0, {}
        return self.journal.end(operation, _result(status), status, got)


class Spread(httpx2.AsyncHTTPTransport):
    """Sends each request to the next of several ports, as a proxy before replicas does."""

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__()
        self._ports = cycle(ports)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        request.url = request.url.copy_with(port=next(self._ports))
        return await super().handle_async_request(request)


def _result(status: int) -> Result:
    if status in _DONE:
        return Result.OK
    return Result.FAIL if status in _REFUSED else Result.UNKNOWN


def _kept(answer: httpx2.Response) -> Mapping[str, Any]:
    if not answer.content:
        return {}
    members = answer.json()
    kept = {name: members[name] for name in (*_KEPT, "version") if name in members}
    if "items" in kept:
        kept["items"] = names(kept["items"])
    if "idempotency-replayed" in answer.headers:
        kept["replayed"] = True
    return kept


def names(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of listed things."""
    return [item["name"] for item in items]
