"""Every operation is in the catalogue, and none of them answers somebody without a policy.

Walks the API as its own OpenAPI document describes it, so a new route is under this test from its
first day: it needs a line in `BODIES` if it takes a body, and nothing else.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from starlette.routing import Mount

from iam.authz.actions import Action
from iam.features.job_runs.service import Terms, register_jobs, settle
from iam.kit.secrets import SECRET_PATTERN
from iam.models import Base, JobRun
from tests.deliveries import bury_one
from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio

DOCUMENT = {"Version": "2012-10-17", "Statement": [dict(allow("*"))]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"IAM": "arn:iam:iam::main:user/alice"},
            "Action": "sts:AssumeRole",
        }
    ],
}
CATALOGUE = {"prefix": "billing", "actions": [{"name": "Pay", "access_level": "write"}]}
ANY_VERSION = {"If-Match": "*"}
TAGS = {"tags": {"team": "x"}}

BODIES: dict[str, Any] = {
    "AccountIn": {"name": "fresh"},
    "AccountPatch": {"description": "x"},
    "BoundaryIn": {"policy": "reader"},
    "CatalogueIn": {"document": CATALOGUE, "owner": "service/billing"},
    "ConfigurationApplyIn": {"document": {"configuration": "x", "groups": {"applied": {}}}},
    "ConfigurationPlanIn": {"document": {"configuration": "x", "groups": {"applied": {}}}},
    "CredentialPatch": {"description": "x"},
    "ErasureIn": {"principal": "usr_01kjpstsx0e8qa3cjrr1kh0abd"},
    "GroupIn": {"name": "fresh"},
    "GroupPatch": {"description": "x"},
    "GuardrailIn": {"document": DOCUMENT},
    "InlinePolicyIn": {"document": DOCUMENT},
    "JobPatch": {"schedule": "@daily"},
    "PolicyIn": {"name": "fresh", "document": DOCUMENT},
    "PolicyPatch": {"description": "x"},
    "PolicyVersionIn": {"document": DOCUMENT, "set_as_default": True},
    "ResourcePolicyIn": {
        "document": {
            "Version": "2012-10-17",
            "Statement": [{**allow("*"), "Principal": {"IAM": "main"}}],
        }
    },
    "RoleIn": {"name": "fresh", "trust_policy": TRUST},
    "RolePatch": {"description": "x"},
    "ServiceIn": {"name": "fresh", "owner": "user/alice"},
    "ServicePatch": {"description": "x"},
    "TagsIn": TAGS,
    "TrustPolicyIn": {"trust_policy": TRUST},
    "UserIn": {"name": "fresh"},
    "UserPatch": {"description": "x"},
    "MailRouteIn": {"name": "fresh", "host": "smtp.example.com", "sender": "iam@example.com"},
    "MailRoutePatch": {"preference": 5},
    "TestMailIn": {"to": "ana@example.com"},
    "WordingIn": {"subject": "s", "text": "t"},
    "WebhookIn": {"name": "fresh", "url": "https://hooks.example.com/"},
    "WebhookPatch": {"description": "x"},
    "CreateCredential": {"kind": "client_secret"},
    "SimulateCustomPolicy": {"policy_input_list": [json.dumps(DOCUMENT)], "action_names": ["a:B"]},
    "Evaluate": {
        "evaluations": [
            {"principal": "arn:iam:iam::main:user/alice", "action": "a:B", "resource": "*"}
        ]
    },
}
"""A valid body for each schema, or for each operation whose schema has no name."""

QUERIES = {
    "ListPrincipalsWithAccess": "action=iam:GetUser&resource=*",
    "ExplainDecision": "principal=user/alice&action=iam:GetUser&resource=*",
}
"""What an operation must be asked with."""

TARGETS = {
    "account": "acme",
    "group": "staff",
    "job": "prune-tokens",
    "kind": "user",
    "policy": "reader",
    "prefix": "billing",
    "principal": "alice",
    "reference": "user/alice",
    "resource": "arn:iam:shop::main:order/42",
    "role": "deploy",
    "service": "billing",
    "target": "account/acme",
    "type": "scp",
    "user": "alice",
    "version": "1",
    "route": "relay",
    "template": "test",
    "webhook": "hook",
    "name": "test",
}

HOLDERS = {"users": "alice", "services": "billing", "roles": "deploy", "groups": "staff"}

FOR_ANYBODY = {"GetCallerIdentity"}
"""What whoever is authenticated may do: it tells nothing but who they are."""

UNCATALOGUED = {
    # They prove or describe themselves by the rules of their protocol, which their tests hold.
    "/oauth2/token",
    "/oauth2/introspect",
    "/oauth2/revoke",
    "/oauth2/jwks",
    "/.well-known/oauth-authorization-server",
    # Probes say yes or no, and more to `iam:GetHealth`; metrics ask for `iam:GetMetrics`; the
    # description for any caller.
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
}

ELSEWHERE = {
    # Only a Deny can take it away; the token endpoint asks (features/oauth).
    Action.GET_SERVICE_BEARER_TOKEN,
    # Asked by PutGuardrail, besides what it names, when there is none of the name.
    Action.CREATE_GUARDRAIL,
    # Asked by /metrics and /readyz, which are no part of the JSON API.
    Action.READ_METRICS,
    Action.READ_HEALTH,
}


@dataclass(frozen=True)
class Operation:
    """One operation of the API."""

    method: str
    path: str
    name: str
    action: str | None
    schema: str

    async def call(
        self,
        http: httpx2.AsyncClient,
        targets: Mapping[str, str],
        *,
        headers: Mapping[str, str] = ANY_VERSION,
    ) -> httpx2.Response:
        """Call it on existing targets with a valid body."""
        path = self.path.format_map(targets)
        query = "?key=team" if path.endswith("/tags") and self.method == "DELETE" else ""
        query = f"?{QUERIES[self.name]}" if self.name in QUERIES else query
        body = BODIES.get(self.name, BODIES.get(self.schema))
        needs_body = bool(self.schema) or self.name in BODIES
        assert body is not None or not needs_body, f"add a body for {self.name} {self.schema}"
        return await http.request(self.method, path + query, json=body, headers=dict(headers))


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            content = found.get("requestBody", {}).get("content", {}).get("application/json", {})
            schema = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            yield Operation(
                method.upper(), path, found["operationId"], found.get("x-iam-action"), schema
            )


async def described(admin: Actor) -> list[Operation]:
    """The operations that actions guard: all but those of OAuth, which its own rules guard."""
    document = (await admin.http.get("/openapi.json")).json()
    return [found for found in operations(document) if found.path not in UNCATALOGUED]


async def furnish(world: World, admin: Actor) -> dict[str, str]:
    """Make one of everything, so that what is refused would have had something to change."""
    await world.account("acme")
    create: list[tuple[str, str, Any]] = [
        ("POST", "/v1/users", {"name": "alice", **TAGS}),
        ("POST", "/v1/groups", {"name": "staff"}),
        ("PUT", "/v1/groups/staff/members/user/alice", None),
        ("POST", "/v1/services", {"name": "billing", "owner": "group/staff", **TAGS}),
        ("PUT", "/v1/action-catalogues/billing", BODIES["CatalogueIn"]),
        ("POST", "/v1/roles", {"name": "deploy", "trust_policy": TRUST, **TAGS}),
        ("POST", "/v1/policies", {"name": "reader", "document": DOCUMENT, **TAGS}),
        ("POST", "/v1/policies/reader/versions", {"document": DOCUMENT}),
        ("PUT", "/v1/guardrails/scp/test", {"document": DOCUMENT}),
        ("PUT", "/v1/guardrails/scp/test/attachments/account/acme", None),
        ("PUT", f"/v1/resource-policies/{TARGETS['resource']}", BODIES["ResourcePolicyIn"]),
        ("POST", "/v1/mail-routes", {**BODIES["MailRouteIn"], "name": "relay"}),
        ("PUT", "/v1/mail-templates/test", {"subject": "x", "text": "y"}),
        ("POST", "/v1/webhooks", {**BODIES["WebhookIn"], "name": "hook"}),
    ]
    for kind, name in (("users", "alice"), ("services", "billing"), ("roles", "deploy")):
        limited = {"policy": "reader"}
        create.append(("PUT", f"/v1/{kind}/{name}/permissions-boundary", limited))
        create.append(("PUT", f"/v1/{kind}/{name}/attached-policies/reader", None))
    for kind, name in HOLDERS.items():
        create.append(("PUT", f"/v1/{kind}/{name}/inline-policies/test", {"document": DOCUMENT}))
    for method, path, body in create:
        headers = ANY_VERSION if path.endswith("-boundary") else {}
        answer = await admin.http.request(method, path, json=body, headers=headers)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
    secret = await admin.http.post(
        "/v1/services/billing/credentials", json=BODIES["CreateCredential"]
    )
    assert secret.status_code == 201, secret.text
    (event,) = (await admin.http.get("/v1/audit-events?limit=1")).json()["items"]
    keys = (await admin.http.get("/v1/signing-keys")).json()
    hook = (await admin.http.get("/v1/webhooks/hook")).json()
    await bury_one(world, hook["id"])
    run = await queue_one(world, TARGETS["job"])
    return {
        **TARGETS,
        "delivery": await bury_one(world, hook["id"]),
        "credential": secret.json()["id"],
        "event": event["id"],
        "kid": keys["items"][0]["kid"],
        "run": run,
    }


async def queue_one(world: World, job: str) -> str:
    """The id of a run that is due and waits for a worker."""
    async with world.runtime.begin_as_root() as uow:
        await register_jobs(uow, [(job, "Removes what is over", "* * * * *")])
    await world.advance(timedelta(minutes=1))
    async with world.runtime.begin_as_root() as uow:
        await settle(uow, Terms(job=job, attempts=1, is_quiet=True))
        (run,) = await uow.scalars(select(JobRun.id))
        return str(run)


async def contents(world: World) -> dict[str, list[Any]]:
    """Every row of every table but the record of refusals."""
    await world.runtime.tools.denials.flush()
    async with world.work() as uow:
        return {
            table.name: sorted(map(repr, (await uow.execute(table.select())).all()))
            for table in Base.metadata.sorted_tables
            if table.name != "audit_entries"
        }


class TestDescription:
    async def test_aa_11_whatever_wants_the_version_that_was_read_says_so(
        self, world: World, admin: Actor
    ) -> None:
        targets = await furnish(world, admin)
        document = (await admin.http.get("/openapi.json")).json()
        wanting = {
            found["operationId"]
            for methods in document["paths"].values()
            for found in methods.values()
            for each in found.get("parameters", ())
            if each["name"] == "If-Match" and each["required"]
        }
        for operation in operations(document):
            if operation.name.startswith("Update"):
                assert operation.name in wanting
            if operation.name in wanting:
                targets["holder"] = HOLDERS.get(operation.path.split("/")[2], "")
                answer = await operation.call(admin.http, targets, headers={})
                assert answer.status_code == 428, f"{operation}: {answer.text}"


@pytest.mark.any_database
class TestCatalogue:
    async def test_every_route_names_an_action_and_every_action_has_a_route(
        self, admin: Actor
    ) -> None:
        found = await described(admin)
        unguarded = {operation.name for operation in found if operation.action is None}
        assert unguarded == FOR_ANYBODY
        named = {operation.action for operation in found if operation.action}
        assert named == {action.value for action in set(Action) - ELSEWHERE}

    async def test_aa_02_without_a_policy_no_operation_answers_or_changes_anything(
        self, world: World, admin: Actor
    ) -> None:
        targets = await furnish(world, admin)
        nobody = await world.actor(name="nobody")
        before = await contents(world)
        for operation in await described(admin):
            if operation.name in FOR_ANYBODY:
                continue
            targets["holder"] = HOLDERS.get(operation.path.split("/")[2], "")
            answer = await operation.call(nobody.http, targets)
            assert answer.status_code == 403, f"{operation}: {answer.status_code} {answer.text}"
            assert answer.json()["decision_id"].startswith("dec_")
        assert await contents(world) == before

    async def test_aa_01_without_credentials_no_operation_answers(
        self, world: World, admin: Actor
    ) -> None:
        targets = dict.fromkeys(
            (*TARGETS, "holder", "credential", "event", "kid", "run", "delivery"), "x"
        )
        for operation in await described(admin):
            answer = await operation.call(world.http, {**targets, "kind": "user", "version": "1"})
            assert answer.status_code == 401, f"{operation}: {answer.status_code}"
            assert answer.headers["www-authenticate"].startswith("Bearer")

    async def test_aa_03_aa_10_an_administrator_may_read_everything_but_secrets(
        self, world: World, admin: Actor
    ) -> None:
        targets = await furnish(world, admin)
        for operation in await described(admin):
            if operation.method != "GET":
                continue
            targets["holder"] = HOLDERS.get(operation.path.split("/")[2], "")
            answer = await operation.call(admin.http, targets)
            assert answer.status_code == 200, f"{operation}: {answer.text}"
            assert not re.search(SECRET_PATTERN, answer.text), operation
            assert not {"hash", "sealed", "private"} & set(re.findall("[a-z]+", answer.text))

    async def test_aa_20_whoever_is_disabled_changes_nothing_any_more(
        self, world: World, admin: Actor
    ) -> None:
        targets = await furnish(world, admin)
        second = await world.administrator()
        disabled = await admin.http.post(f"/v1/services/{second.id}:disable")
        assert disabled.status_code == 200, disabled.text
        before = await contents(world)
        for operation in await described(admin):
            if operation.method != "GET":
                targets["holder"] = HOLDERS.get(operation.path.split("/")[2], "")
                answer = await operation.call(second.http, targets)
                assert answer.status_code == 401, f"{operation}: {answer.text}"
        assert await contents(world) == before

    async def test_pe_30_asking_for_a_decision_changes_nothing(
        self, world: World, admin: Actor
    ) -> None:
        await furnish(world, admin)
        before = await contents(world)
        answer = await admin.http.post("/v1/decisions", json=BODIES["Evaluate"])
        assert answer.status_code == 200
        assert await contents(world) == before


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_no_route_is_outside_the_catalogue(world: World, admin: Actor) -> None:
    described_paths = {operation.path for operation in await described(admin)}
    assert set(served_paths(world.app)) - described_paths == UNCATALOGUED


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
class TestNothingElse:
    @pytest.mark.parametrize("path", ["/openapi.json", "/metrics"])
    async def test_aa_21_what_tells_of_the_inside_is_for_the_authenticated(
        self, world: World, path: str
    ) -> None:
        assert (await world.http.get(path)).status_code == 401

    @pytest.mark.parametrize(
        "path",
        ["/docs", "/redoc", "/debug", "/v1/openapi.json", "/api/v1/users", "/sys/users", "/users",
         "/v2/users", "/.env", "/v1", "/v1/v1/users", "/admin/users", "/internal/users",
         "/v1/accounts/acme/users", "/acme/v1/users", "/v1/users.json"],
    )  # fmt: skip
    async def test_aa_21_mt_11_there_is_no_other_way_in(self, admin: Actor, path: str) -> None:
        assert (await admin.http.get(path)).status_code == 404

    async def test_aa_21_probes_say_yes_or_no_and_no_version(self, world: World) -> None:
        for path in ("/livez", "/readyz"):
            assert re.fullmatch(r"(not )?[a-z]+\n", (await world.http.get(path)).text)

    @pytest.mark.parametrize(
        "query",
        ["sort=secret_hash", "order_by=-created_at", "secret_hash=a", "include=secret_hash",
         "expand=holder", "fields=secret_hash", "public_jwk=x"],
    )  # fmt: skip
    async def test_aa_09_aa_19_no_parameter_orders_filters_or_expands_by_a_secret(
        self, world: World, admin: Actor, query: str
    ) -> None:
        await furnish(world, admin)
        plain = await admin.http.get("/v1/credentials")
        assert plain.json()["items"]
        assert (await admin.http.get(f"/v1/credentials?{query}")).text == plain.text

    async def test_mt_06_no_list_counts_what_its_reader_does_not_see(
        self, world: World, admin: Actor
    ) -> None:
        targets = await furnish(world, admin)
        for operation in await described(admin):
            if operation.method == "GET":
                targets["holder"] = HOLDERS.get(operation.path.split("/")[2], "")
                listed = (await operation.call(admin.http, targets)).json()
                assert not {"total", "count", "offset"} & listed.keys(), operation


def served_paths(app: Any) -> Iterator[str]:
    """The path of every route that the application really has, however deep it is mounted."""
    while not hasattr(app, "routes"):  # a layer around the application
        app = app._app
    for route in app.routes:
        # The framework keeps an included router whole, and mounts whole applications.
        deeper = route.app if isinstance(route, Mount) else getattr(route, "original_router", None)
        if deeper is not None:
            yield from served_paths(deeper)
        else:
            yield route.path.replace(":path}", "}")
