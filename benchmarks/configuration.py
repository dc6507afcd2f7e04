"""Configuration as code: fifty services and 200 policies from one file, on both databases."""

import time
from collections.abc import Iterator
from typing import Any, Final

import httpx2

from benchmarks.asking import fetch_tokens
from benchmarks.comparing import Row
from benchmarks.load import Target
from benchmarks.scene import Scene

SERVICES: Final = 50
POLICIES: Final = 200
GROUPS: Final = 10
SECONDS: Final = 3.0
"""What a plan may take."""
_EACH: Final = 4
_PATIENCE: Final = 600.0


def configuration(scene: Scene) -> Iterator[Row]:
    """The plan of everything, its application, and the plan when nothing is left to do."""
    for name, installation in (
        ("PostgreSQL", scene.on_postgresql),
        ("SQLite", scene.on_sqlite),
    ):
        with installation.served() as server:
            (token,) = fetch_tokens(server, [installation.administrator])
            request: dict[str, Any] = {"document": _document()}
            seconds, plan = _ask(server, token, "plan", request)
            yield _row(f"plan {len(plan['steps'])} steps, {name}", seconds, plan)
            approved = {**request, "approve_widening": True, "plan": plan["plan"]}
            seconds, _ = _ask(server, token, "apply", approved)
            yield _row(f"apply them, {name}", seconds, plan, has_bar=False)
            seconds, plan = _ask(server, token, "plan", request)
            yield _row(f"plan again, {name}", seconds, plan)


def _row(name: str, seconds: float, plan: dict[str, Any], *, has_bar: bool = True) -> Row:
    examples = sum(effect["example"] is not None for effect in plan["effects"])
    return Row(
        f"configuration: {name}",
        {
            "seconds": f"{seconds:.2f}",
            "steps": str(len(plan["steps"])),
            "effects": str(len(plan["effects"])),
            "with example": str(examples),
        },
        bar=f"< {SECONDS:.0f} s" if has_bar else "",
        is_met=seconds < SECONDS if has_bar else None,
        details={"seconds": [seconds]},
    )


def _ask(
    server: Target, token: str, verb: str, request: dict[str, Any]
) -> tuple[float, dict[str, Any]]:
    url = f"http://127.0.0.1:{server.port}/v1/configuration:{verb}"
    headers = {"Authorization": f"Bearer {token}"}
    began = time.perf_counter()
    answer = httpx2.post(url, json=request, headers=headers, timeout=_PATIENCE)
    seconds = time.perf_counter() - began
    answer.raise_for_status()
    return seconds, answer.json()


def _document() -> dict[str, Any]:
    """Each service has its own prefix, four policies, and those of its group."""
    return {
        "configuration": "bench",
        "policies": {f"plan-{number}": {"document": _policy(number)} for number in range(POLICIES)},
        "groups": {
            f"plan-{number}": {"policies": [f"plan-{one}" for one in range(number, 100, GROUPS)]}
            for number in range(GROUPS)
        },
        "services": {f"plan-{number}": _service(number) for number in range(SERVICES)},
        "action_catalogues": {
            f"plan-{number}": {
                "owner": f"service/plan-{number}",
                "actions": [
                    {"name": "GetThing", "access_level": "read"},
                    {"name": "ListThings", "access_level": "list"},
                ],
            }
            for number in range(SERVICES)
        },
    }


def _service(number: int) -> dict[str, Any]:
    return {
        "owner": f"group/plan-{number % GROUPS}",
        "groups": [f"plan-{number % GROUPS}"],
        "policies": [f"plan-{(number * _EACH + one) % POLICIES}" for one in range(_EACH)],
        "audiences": [f"https://plan-{number}.example"],
    }


def _policy(number: int) -> dict[str, Any]:
    prefix = f"plan-{number % SERVICES}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [f"{prefix}:Get*", f"{prefix}:List*"],
                "Resource": f"arn:iam:{prefix}::main:thing/{number}/*",
            },
            {"Effect": "Deny", "Action": f"{prefix}:Delete*", "Resource": "*"},
        ],
    }
