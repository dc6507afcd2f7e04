"""An installation that may call loopback, something to call, and the pump between them."""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from iam.features.deliveries.jobs import Pump
from iam.features.webhooks.jobs import carrier
from tests.receiver import Receiver, receiving
from tests.world import Actor, World


@dataclass
class Post:
    """What a test of webhooks needs."""

    world: World
    admin: Actor
    pump: Pump
    receiver: Receiver

    async def later(self, duration: timedelta) -> None:
        """Let time pass; the administrator comes back with a new token."""
        await self.world.advance(duration)
        token = await self.world.token_for(self.admin.id)
        self.admin.http = self.world.client(token)

    async def webhook(self, name: str = "hook", **members: Any) -> dict[str, Any]:
        """A webhook that leads to the receiver, under its own path."""
        body = {"name": name, "url": self.receiver.url(f"/{name}"), **members}
        answer = await self.admin.http.post("/v1/webhooks", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def user(self, name: str) -> None:
        """Something that happens."""
        answer = await self.admin.http.post("/v1/users", json={"name": name})
        assert answer.status_code == 201, answer.text

    async def describe(self, name: str, text: str) -> None:
        """Something more that happens to the same."""
        answer = await self.admin.http.patch(
            f"/v1/users/{name}", json={"description": text}, headers={"If-Match": "*"}
        )
        assert answer.status_code == 200, answer.text

    async def deliveries(self, name: str = "hook", state: str = "") -> list[dict[str, Any]]:
        """The deliveries of a webhook, oldest first."""
        query = f"?limit=200&state={state}" if state else "?limit=200"
        answer = await self.admin.http.get(f"/v1/webhooks/{name}/deliveries{query}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found[::-1]

    async def show(self, name: str = "hook") -> dict[str, Any]:
        """A webhook as it is now."""
        answer = await self.admin.http.get(f"/v1/webhooks/{name}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def do(self, verb: str, name: str = "hook") -> dict[str, Any]:
        """Ask something of a webhook."""
        answer = await self.admin.http.post(f"/v1/webhooks/{name}{verb}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def post(world: World, admin: Actor) -> AsyncIterator[Post]:
    """Everything that was said before is fanned out already."""
    async with receiving() as receiver:
        pump = Pump(world.runtime, [carrier(world.runtime)], per_second=math.inf)
        await pump.settle()
        yield Post(world, admin, pump, receiver)
