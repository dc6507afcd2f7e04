"""The API as a client sees it: bearer token, JSON in and out, refusals as failures."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from iam.terminal.connection import unreachable
from iam.terminal.failures import ExitCode, Failure, refused

if TYPE_CHECKING:
    import httpx2

    from iam_sdk.credentials import Settings

TIMEOUT_SECONDS: Final = 30.0
PAGE_SIZE: Final = 200
_FIRST_REFUSAL: Final = 300

Json = Any


class Api:
    """One server, as one caller. The first request fetches a token."""

    def __init__(self, settings: "Settings") -> None:
        import httpx2

        from iam_sdk.http_auth import BearerAuth
        from iam_sdk.source import TokenSource
        from iam_sdk.transport import new_client

        endpoints = settings.endpoints
        self.url = endpoints.url
        self._http: httpx2.Client = new_client(settings.ca_bundle)
        self._http.base_url = httpx2.URL(endpoints.url)
        self._http.auth = BearerAuth(TokenSource(settings), endpoints.issuer)

    def get(self, path: str, **query: Any) -> Json:
        """Read."""
        return self._send("GET", path, query=query)

    def post(
        self, path: str, body: Mapping[str, Any] | None = None, *, timeout: float = TIMEOUT_SECONDS
    ) -> Json:
        """Create or do something; `timeout`, in seconds, is for what takes long."""
        return self._send("POST", path, body=body, timeout=timeout)

    def put(
        self, path: str, body: Mapping[str, Any] | None = None, *, whatever_version: bool = False
    ) -> Json:
        """Set something; `whatever_version` is for what has versions."""
        headers = {"If-Match": "*"} if whatever_version else {}
        return self._send("PUT", path, body=body, headers=headers)

    def put_over(self, path: str, body: Mapping[str, Any]) -> Json:
        """Set something, new or in place of what is there, whatever its version."""
        try:
            return self.put(path, body)
        except Failure as failure:
            if failure.detail.get("code") != "if_match_required":
                raise
        return self.put(path, body, whatever_version=True)

    def patch(self, path: str, body: Mapping[str, Any]) -> Json:
        """Change parts of something, whatever its version: what is not named stays as it is."""
        return self._send("PATCH", path, body=body, headers={"If-Match": "*"})

    def delete(self, path: str, **query: Any) -> Json:
        """Remove something, whatever its version."""
        return self._send("DELETE", path, query=query, headers={"If-Match": "*"})

    def pages(
        self, path: str, *, at_most: int | None = None, page_size: int = PAGE_SIZE, **query: Any
    ) -> Iterator[Json]:
        """The items of a list, page by page; all of them, or the first `at_most`."""
        left = at_most
        while True:
            size = page_size if left is None else min(page_size, left)
            page = self.get(path, limit=size, **query)
            yield from page["items"]
            query["cursor"] = page["next_cursor"]
            left = None if left is None else left - len(page["items"])
            if query["cursor"] is None or left == 0:
                return

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> Json:
        import httpx2

        from iam_sdk.errors import IamSdkError

        given = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            response = self._http.request(
                method,
                path,
                params=given,
                json=body,
                headers=dict(headers or {}),
                timeout=timeout,
            )
        except IamSdkError as error:
            raise self._no_token(error.reason, error.detail) from None
        except httpx2.HTTPError as error:
            raise unreachable(self.url, type(error).__name__) from None
        return _answer(response)

    def _no_token(self, reason: str, detail: str) -> Failure:
        if reason in {"unreachable", "timeout", "status_503", "temporarily_unavailable"}:
            return unreachable(self.url, reason)
        if reason != "invalid_client":
            return Failure(f"no token from `{self.url}`: {reason} {detail}".rstrip())
        return Failure(
            f"`{self.url}` does not accept this credential",
            advice="it may be mistyped, expired or revoked, or its service disabled",
            exit_code=ExitCode.NOT_AUTHENTICATED,
            detail={"code": reason},
        )


def _answer(response: "httpx2.Response") -> Json:
    if response.status_code < _FIRST_REFUSAL:
        return response.json() if response.content else None
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    raise refused(response.status_code, problem if isinstance(problem, dict) else {})
