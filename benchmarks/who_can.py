"""Who can, over 10,000 principals with 1,000 policies: on PostgreSQL, made by SQL."""

import asyncio
import time
from collections.abc import Iterator
from statistics import median
from typing import Any, Final

import asyncpg
import httpx2

from benchmarks.asking import fetch_tokens
from benchmarks.comparing import RUNS, Row
from benchmarks.load import Target
from benchmarks.scene import Scene
from iam.kit.row_security import ALL_ACCOUNTS, SETTING

PRINCIPALS: Final = 10_000
POLICIES: Final = 1_000
GROUPS: Final = 100
SECONDS: Final = 2.0
_DOCUMENT: Final = """{"Version": "2012-10-17", "Statement": [
{"Effect": "Allow", "Action": ["SRV:Get*", "SRV:List*"],
 "Resource": "arn:iam:SRV::main:order/${iam:username}/*"},
{"Effect": "Allow", "Action": "SRV:GetOrder", "Resource": "arn:iam:SRV::main:order/4*",
 "Condition": {"StringEquals": {"iam:ResourceTag/team": "team-NUM"}}},
{"Effect": "Allow", "Action": "SRV:GetOrder", "Resource": ["arn:iam:SRV::main:order/1*",
 "arn:iam:SRV::main:order/2*", "arn:iam:SRV::main:order/3*"],
 "Condition": {"IpAddress": {"iam:SourceIp": "10.0.0.0/8"}}},
{"Effect": "Deny", "Action": "SRV:Delete*", "Resource": "*",
 "Condition": {"BoolIfExists": {"iam:MultiFactorAuthPresent": "false"}}},
{"Effect": "Allow", "Action": "SRV:CreateOrder", "Resource": "*"}]}"""
"""Five statements; twenty services share the thousand policies."""

_SQL: Final = """
INSERT INTO principals (id, account, kind, path, name, name_key, status, description, tags,
    principal_epoch, created_by, created_at, updated_at, version)
  SELECT 'usr_bench' || i, 'main', 'user', '/', 'bench-' || i, 'bench-' || i, 'active', '',
    '{"team": "a"}', 1, '', now(), now(), 1 FROM generate_series(1, 10000) i;
INSERT INTO groups (id, account, path, name, name_key, description, created_by, created_at,
    updated_at, version)
  SELECT 'grp_bench' || i, 'main', '/', 'bench-' || i, 'bench-' || i, '', '', now(), now(), 1
    FROM generate_series(0, 99) i;
INSERT INTO policies (id, account, path, name, name_key, description, tags, default_version,
    last_version, created_by, created_at, updated_at, version)
  SELECT 'pol_bench' || i, 'main', '/', 'bench-' || i, 'bench-' || i, '', '{}', 1, 1, '', now(),
    now(), 1 FROM generate_series(0, 999) i;
INSERT INTO policy_versions (policy_id, number, account, document, created_by, created_at)
  SELECT 'pol_bench' || i, 1, 'main',
    replace(replace(:document, 'SRV', 'srv' || i % 20), 'NUM', i::text), '', now()
    FROM generate_series(0, 999) i;
INSERT INTO group_memberships (group_id, principal_id, account, created_at)
  SELECT 'grp_bench' || (i + 37 * j) % 100, 'usr_bench' || i, 'main', now()
    FROM generate_series(1, 10000) i, generate_series(0, 1) j;
INSERT INTO policy_attachments (id, account, policy_id, group_id, created_at)
  SELECT 'pol_g' || i || '_' || j, 'main', 'pol_bench' || i * 10 + j, 'grp_bench' || i, now()
    FROM generate_series(0, 99) i, generate_series(0, 9) j;
INSERT INTO policy_attachments (id, account, policy_id, principal_id, created_at)
  SELECT 'pol_u' || i || '_' || j, 'main', 'pol_bench' || (i * 7 + j) % 1000, 'usr_bench' || i,
    now() FROM generate_series(1, 10000) i, generate_series(0, 1) j;
INSERT INTO inline_policies (id, account, name, document, principal_id, created_at, updated_at,
    version)
  SELECT 'pol_i' || i, 'main', 'own', replace(:document, 'SRV', 'own' || i), 'usr_bench' || i,
    now(), now(), 1 FROM generate_series(1, 10000, 10) i;
ANALYZE
"""

_QUESTIONS: Final = {
    # The variable and the address are whoever's; 5,000 and more may, under some circumstances.
    "many": ("srv7:GetOrder", "arn:iam:srv7::main:order/42"),
    # All who hold a statement on the action are decided about, and one is found.
    "one": ("srv7:GetOrder", "arn:iam:srv7::main:order/bench-77/7"),
}


def who_can(scene: Scene) -> Iterator[Row]:
    """The first page, all pages, and one who is found among all."""
    installation = scene.on_postgresql
    asyncio.run(_fill(scene.postgresql.url))
    with installation.served() as server:
        (token,) = fetch_tokens(server, [installation.administrator])
        for name, page in (("many", 50), ("many", 1_000), ("one", 1_000)):
            took, found = [], 0
            for _ in range(RUNS + 1):
                seconds, found = _ask(server, token, *_QUESTIONS[name], page=page)
                took.append(seconds)
            yield _row(name, page, took[1:], found, first=took[0])


def _row(name: str, page: int, took: list[float], found: int, *, first: float) -> Row:
    seconds = median(took)
    is_one_request = found <= page
    return Row(
        f"who can: {name}, {'one' if is_one_request else 'all'} of {page}",
        {
            "seconds": f"{seconds:.2f}",
            "worst": f"{max(took):.2f}",
            "first": f"{first:.2f}",
            "found": str(found),
        },
        bar=f"< {SECONDS:.0f} s" if is_one_request else "",
        is_met=seconds < SECONDS if is_one_request else None,
        details={"seconds": took, "first": first, "page": page},
    )


def _ask(server: Target, token: str, action: str, resource: str, *, page: int) -> tuple[float, int]:
    """Seconds until the last page was there, or only the first if pages are short; and how many."""
    query: dict[str, Any] = {"action": action, "resource": resource, "limit": page}
    headers = {"Authorization": f"Bearer {token}"}
    found = 0
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{server.port}", headers=headers, timeout=60
    ) as client:
        began = time.perf_counter()
        while True:
            answer = client.get("/v1/who-can", params=query)
            answer.raise_for_status()
            body = answer.json()
            found += len(body["items"])
            if body["next_cursor"] is None or page < POLICIES:
                return time.perf_counter() - began, found
            query["cursor"] = body["next_cursor"]


async def _fill(url: str) -> None:
    dsn = url.replace("postgresql+asyncpg://", "postgresql://")
    connection = await asyncpg.connect(dsn, server_settings={SETTING: ALL_ACCOUNTS})
    document = "'" + _DOCUMENT + "'"
    await connection.execute(_SQL.replace(":document", document))
    await connection.close()
