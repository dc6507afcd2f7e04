"""The requests of the benchmarks, and a client that sends a few of them by itself."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterable
from typing import Any, Final

import httpx2

from benchmarks.installation import Client
from benchmarks.load import Target, request

FORM: Final = "application/x-www-form-urlencoded"
QUESTION: Final = {
    "action": "billing:GetInvoice",
    "resource": "arn:iam:billing::main:invoice/42",
    "context": {"billing:State": "open"},
}
"""What the tenth of a client's ten policies allows."""
_AT_ONCE: Final = 8


def basic(client: Client) -> str:
    """The client's `Authorization` header."""
    return "Basic " + b64encode(f"{client.id}:{client.secret}".encode()).decode()


def token_request(client: Client) -> bytes:
    """A request for a token, by client credentials."""
    headers = {"Authorization": basic(client), "Content-Type": FORM}
    return request("POST", "/oauth2/token", body=b"grant_type=client_credentials", headers=headers)


def introspection_request(client: Client, token: str) -> bytes:
    """A client's question about a token."""
    headers = {"Authorization": basic(client), "Content-Type": FORM}
    return request("POST", "/oauth2/introspect", body=f"token={token}".encode(), headers=headers)


def bare_introspection_request(token: str) -> bytes:
    """The same question to the floor, as bare JSON."""
    body = json.dumps({"token": token}).encode()
    headers = {"Content-Type": "application/json"}
    return request("POST", "/oauth2/introspect", body=body, headers=headers)


def decision_request(asker_token: str, token: str) -> bytes:
    """A question whether whoever has this token may."""
    headers = {"Authorization": f"Bearer {asker_token}", "Content-Type": "application/json"}
    body = json.dumps({"evaluations": [{"token": token, **QUESTION}]}).encode()
    return request("POST", "/v1/decisions", body=body, headers=headers)


def read_user_request(token: str, user: str) -> bytes:
    """A read of a user."""
    return request("GET", f"/v1/users/{user}", headers={"Authorization": f"Bearer {token}"})


def change_user_request(token: str, user: str, description: str) -> bytes:
    """A change of a user."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "If-Match": "*",
    }
    body = json.dumps({"description": description}).encode()
    return request("PATCH", f"/v1/users/{user}", body=body, headers=headers)


def fetch_tokens(
    target: Target, clients: Iterable[Client], *, resource: str | None = None
) -> list[str]:
    """A token for each client, in their order; for this audience, or for the issuer itself."""
    return asyncio.run(_fetch_tokens(target, list(clients), resource))


async def fetch_token(
    http: httpx2.AsyncClient, client: Client, *, resource: str | None = None
) -> str:
    """A token for one client."""
    form = {"grant_type": "client_credentials", **({"resource": resource} if resource else {})}
    headers = {"Authorization": basic(client)}
    answer = await http.post("/oauth2/token", data=form, headers=headers)
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token


def http_client(target: Target, **options: Any) -> httpx2.AsyncClient:
    """A client of one server."""
    return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{target.port}", timeout=10, **options)


async def _fetch_tokens(target: Target, clients: list[Client], resource: str | None) -> list[str]:
    async with http_client(target) as http:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(client: Client) -> str:
            async with limit:
                return await fetch_token(http, client, resource=resource)

        return list(await asyncio.gather(*map(one, clients)))
