"""How long until every replica refuses: three processes on one PostgreSQL.

The clock runs from the moment in which the change is sent, so it holds the change itself too, until
the last replica's first refusal. All three replicas have the thing in memory when it starts, and
are asked again and again meanwhile; the change goes to each of them in turn.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final

import httpx2

from benchmarks.asking import QUESTION, basic, fetch_token, http_client
from benchmarks.comparing import Row
from benchmarks.installation import Client
from benchmarks.load import Target
from benchmarks.scene import Scene

REPLICAS: Final = 3
TRIALS: Final = 40
"""Of each kind."""
_PAUSE_SECONDS: Final = 0.002
_GIVE_UP_SECONDS: Final = 10
_BAR_SECONDS: Final = 1.0
_POLICY: Final = "policy-9"

Ask = Callable[[httpx2.AsyncClient], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Trial:
    """What one replica is asked, and what makes it say no."""

    is_accepted: Ask
    change: Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]


Play = Callable[["Stage", Client], Awaitable[Trial]]


class Stage:
    """Three replicas, and an administrator who changes things."""

    def __init__(self, replicas: list[httpx2.AsyncClient], token: str) -> None:
        self.replicas = replicas
        self.headers = {"Authorization": f"Bearer {token}"}

    async def allowed(self, http: httpx2.AsyncClient, token: str) -> bool:
        """Whether a replica allows what the token's subject wants to do."""
        body = {"evaluations": [{"token": token, **QUESTION}]}
        answer = await http.post("/v1/decisions", json=body, headers=self.headers)
        answer.raise_for_status()
        is_allowed: bool = answer.json()["decisions"][0]["allowed"]
        return is_allowed


def refusal(scene: Scene) -> Iterator[Row]:
    """Revoke a token, revoke a credential, disable a service, take a policy away."""
    installation = scene.on_postgresql
    with ExitStack() as stack:
        servers = [stack.enter_context(installation.served()) for _ in range(REPLICAS)]
        seen = asyncio.run(_play_all(servers, installation.administrator, installation.victims))
    everything = sorted(second for seconds in seen.values() for second in seconds)
    yield _row("refused by 3 replicas", everything, seen, bar=True)
    for name, seconds in seen.items():
        yield _row(f"  {name}", sorted(seconds), {})


def _row(
    name: str, seconds: list[float], details: Mapping[str, list[float]], *, bar: bool = False
) -> Row:
    p99 = seconds[min(len(seconds) - 1, len(seconds) * 99 // 100)]
    measured = {
        "p50 ms": f"{1000 * seconds[len(seconds) // 2]:.0f}",
        "p99 ms": f"{1000 * p99:.0f}",
        "worst ms": f"{1000 * seconds[-1]:.0f}",
        "trials": str(len(seconds)),
    }
    if not bar:
        return Row(name, measured)
    return Row(name, measured, bar="p99 < 1 s", is_met=p99 < _BAR_SECONDS, details=dict(details))


async def _play_all(
    servers: list[Target], administrator: Client, clients: list[Client]
) -> dict[str, list[float]]:
    replicas = [http_client(server) for server in servers]
    stage = Stage(replicas, await fetch_token(replicas[0], administrator))
    victims, changers = iter(clients), cycle(replicas)
    seen: dict[str, list[float]] = {name: [] for name in _PLAYS}
    try:
        for _ in range(TRIALS):
            for name, play in _PLAYS.items():
                trial = await play(stage, next(victims))
                seen[name].append(await _time(stage, trial, next(changers)))
    finally:
        for http in replicas:
            await http.aclose()
    return seen


async def _time(stage: Stage, trial: Trial, changer: httpx2.AsyncClient) -> float:
    for http in stage.replicas:
        await _until(http, trial.is_accepted, wanted=True)
    began = time.perf_counter()
    change = asyncio.create_task(_acknowledged(trial, changer))
    await asyncio.gather(
        *(_until(http, trial.is_accepted, wanted=False) for http in stage.replicas)
    )
    took = time.perf_counter() - began
    await change
    return took


async def _acknowledged(trial: Trial, http: httpx2.AsyncClient) -> None:
    (await trial.change(http)).raise_for_status()


async def _until(http: httpx2.AsyncClient, ask: Ask, *, wanted: bool) -> None:
    async with asyncio.timeout(_GIVE_UP_SECONDS):
        while await ask(http) is not wanted:  # noqa: ASYNC110 -- no event crosses a network
            await asyncio.sleep(_PAUSE_SECONDS)


async def _revoke_token(stage: Stage, client: Client) -> Trial:
    token = await fetch_token(stage.replicas[0], client)
    headers = {"Authorization": basic(client)}

    async def is_accepted(http: httpx2.AsyncClient) -> bool:
        answer = await http.post("/oauth2/introspect", data={"token": token}, headers=headers)
        answer.raise_for_status()
        is_active: bool = answer.json()["active"]
        return is_active

    async def change(http: httpx2.AsyncClient) -> httpx2.Response:
        return await http.post("/oauth2/revoke", data={"token": token}, headers=headers)

    return Trial(is_accepted, change)


async def _revoke_credential(stage: Stage, client: Client) -> Trial:
    async def change(http: httpx2.AsyncClient) -> httpx2.Response:
        path = f"/v1/credentials/{client.credential_id}:revoke"
        return await http.post(path, headers=stage.headers)

    return Trial(_gets_tokens(client), change)


async def _disable_service(stage: Stage, client: Client) -> Trial:
    token = await fetch_token(stage.replicas[0], client)

    async def change(http: httpx2.AsyncClient) -> httpx2.Response:
        return await http.post(f"/v1/services/{client.id}:disable", headers=stage.headers)

    return Trial(lambda http: stage.allowed(http, token), change)


async def _detach_policy(stage: Stage, client: Client) -> Trial:
    """The service gets the policy directly, and leaves the group that has it too."""
    token = await fetch_token(stage.replicas[0], client)
    path = f"/v1/services/{client.id}/attached-policies/{_POLICY}"
    http = stage.replicas[0]
    attached = await http.put(path, headers=stage.headers)
    attached.raise_for_status()
    left = await http.delete(
        f"/v1/groups/clients/members/service/{client.id}", headers=stage.headers
    )
    left.raise_for_status()

    async def change(http: httpx2.AsyncClient) -> httpx2.Response:
        return await http.delete(path, headers=stage.headers)

    return Trial(lambda http: stage.allowed(http, token), change)


def _gets_tokens(client: Client) -> Ask:
    async def is_accepted(http: httpx2.AsyncClient) -> bool:
        form: dict[str, Any] = {"grant_type": "client_credentials"}
        answer = await http.post(
            "/oauth2/token", data=form, headers={"Authorization": basic(client)}
        )
        if answer.is_server_error:
            answer.raise_for_status()
        return answer.is_success

    return is_accepted


_PLAYS: Final[Mapping[str, Play]] = {
    "token revoked": _revoke_token,
    "credential revoked": _revoke_credential,
    "service disabled": _disable_service,
    "policy detached": _detach_policy,
}
