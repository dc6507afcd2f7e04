"""The OpenAPI document: whoever generates a client from it, or copies from it, can rely on it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import pytest

from iam.kit.ids import IdKind, is_id
from iam.kit.secrets import SECRET_PATTERN
from tests.oauth import ask, new_client
from tests.world import Actor, World, allow

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]

Document = dict[str, Any]

GRANT = {"grant_type": "client_credentials"}
METADATA = "/.well-known/oauth-authorization-server"

_NAMES = """
AddUserToGroup ApplyConfiguration AttachGroupPolicy AttachGuardrail AttachRolePolicy
AttachServicePolicy AttachUserPolicy CancelJobRun CreateAccount CreateCredential CreateGroup
CreateMailRoute CreatePolicy CreatePolicyVersion CreateRole CreateService CreateUser CreateWebhook
DeleteAccount DeleteActionCatalogue DeleteGroup DeleteGroupPolicy DeleteGuardrail DeleteMailRoute
DeleteMailTemplate DeletePolicy DeletePolicyVersion DeleteResourcePolicy DeleteRole
DeleteRolePermissionsBoundary DeleteRolePolicy DeleteService DeleteServicePermissionsBoundary
DeleteServicePolicy DeleteUser DeleteUserPermissionsBoundary DeleteUserPolicy DeleteWebhook
DescribeAccount DetachGroupPolicy DetachGuardrail DetachRolePolicy DetachServicePolicy
DetachUserPolicy DisableRole DisableService DisableUser DisableWebhook EnableRole EnableService
EnableUser EnableWebhook EraseAuditPrincipal Evaluate ExplainDecision ExportAuditEvents
GetAccountAuthorizationDetails GetActionCatalogue GetAuditEvent GetAuditPublicKeys
GetAuthorizationServerMetadata GetCallerIdentity GetCredential GetDiagnostics GetGroup
GetGroupPolicy GetGuardrail GetJob GetJobRun GetJwks GetMailRoute GetMailTemplate GetPolicy
GetPolicyVersion GetResourcePolicy GetRole GetRolePolicy GetService GetServicePolicy GetUser
GetUserPolicy GetWebhook IntrospectToken IssueToken ListAccounts ListActionCatalogues
ListAttachedGroupPolicies ListAttachedRolePolicies ListAttachedServicePolicies
ListAttachedUserPolicies ListAuditEvents ListCredentials ListEntitiesForPolicy ListGroupMembers
ListGroupPolicies ListGroups ListGroupsForService ListGroupsForUser ListGuardrailAttachments
ListGuardrails ListJobRuns ListJobs ListMailDeliveries ListMailRoutes ListMailTemplates
ListPolicies ListPolicyVersions ListPrincipalAccess ListPrincipalsWithAccess ListResourcePolicies
ListRolePolicies ListRoles ListServicePolicies ListServices ListSigningKeys ListUserPolicies
ListUsers ListWebhookDeliveries ListWebhooks PlanConfiguration PreviewMailTemplate
PutActionCatalogue PutGroupPolicy PutGuardrail PutMailTemplate PutResourcePolicy
PutRolePermissionsBoundary PutRolePolicy PutServicePermissionsBoundary PutServicePolicy
PutUserPermissionsBoundary PutUserPolicy QuarantineCredential ReactivateAccount
ReactivateCredential RemoveUserFromGroup ReplayWebhookDeliveries ReplayWebhookDelivery
RevokeCredential RevokeToken RotateSigningKeys RotateWebhookSecret RunJob SendTestMail
SetDefaultPolicyVersion SimulateCustomPolicy SuspendAccount TagPolicy TagRole TagService TagUser
TaintSigningKey TestWebhook UntagPolicy UntagRole UntagService UntagUser UpdateAccount
UpdateAssumeRolePolicy UpdateCredential UpdateGroup UpdateJob UpdateMailRoute UpdatePolicy
UpdateRole UpdateService UpdateUser UpdateWebhook
"""
OPERATION_IDS = _NAMES.split()
"""The names by which generated clients call the operations: added to, never changed."""


@dataclass(frozen=True)
class Content:
    """A request body or an answer, in one media type."""

    where: str
    media_type: str
    schema: Document
    examples: list[Any]


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            yield f"{method.upper()} {path}", found


def contents(document: Document) -> Iterator[Content]:
    """Every request body and every answer, success or refusal."""
    for where, found in operations(document):
        parts = {"body": found.get("requestBody", {}), **found["responses"]}
        for name, part in parts.items():
            for media_type, described in part.get("content", {}).items():
                examples = examples_of(document, described)
                yield Content(f"{where} {name}", media_type, described["schema"], examples)


def examples_of(document: Document, described: Document) -> list[Any]:
    """The examples of some content: its own, or those of its schema."""
    if "example" in described:
        return [described["example"]]
    if "examples" in described:
        return [each["value"] for each in described["examples"].values()]
    name = described["schema"].get("$ref", "").removeprefix("#/components/schemas/")
    schema = document["components"]["schemas"][name] if name else described["schema"]
    found: list[Any] = schema.get("examples", [])
    return found


def defects(document: Document, schema: Document, value: Any) -> list[str]:
    """What is wrong with a value, formats included."""
    whole = {**schema, "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [
        f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(value)
    ]


async def read(admin: Actor) -> Document:
    answer = await admin.http.get("/openapi.json")
    document: Document = answer.json()
    return document


async def test_every_body_and_every_answer_has_examples_that_fit_its_schema(admin: Actor) -> None:
    document = await read(admin)
    found = list(contents(document))
    assert len(found) > len(OPERATION_IDS)
    wrong = [content.where for content in found if not content.examples]
    for content in found:
        for example in content.examples:
            wrong += [
                f"{content.where} {why}" for why in defects(document, content.schema, example)
            ]
    assert not wrong


async def test_every_body_is_required_and_every_success_but_204_has_one(admin: Actor) -> None:
    for where, found in operations(await read(admin)):
        assert found.get("requestBody", {"required": True})["required"], where
        ((status, success),) = ((k, v) for k, v in found["responses"].items() if k[0] == "2")
        assert ("content" in success) == (status != "204"), where


async def test_operation_ids_are_those_that_generated_clients_call(admin: Actor) -> None:
    names = [found["operationId"] for _, found in operations(await read(admin))]
    assert sorted(names) == sorted(OPERATION_IDS)
    assert len(names) == len(set(names))


async def test_refusals_are_described_as_what_they_are(admin: Actor) -> None:
    document = await read(admin)
    for where, found in operations(document):
        assert found["summary"], where
        content = found["responses"]["default"]["content"]
        expected = "application/json" if "oauth" in found["tags"] else "application/problem+json"
        assert list(content) == [expected], where
    assert document["security"] == [{"bearer": []}]
    schemas = document["components"]["schemas"]
    assert not {"HTTPValidationError", "ValidationError"} & schemas.keys()
    assert set(re.findall(r"#/components/schemas/(\w+)", str(document))) <= schemas.keys()


async def test_the_examples_are_of_one_company_and_show_no_secret(admin: Actor) -> None:
    document = await read(admin)
    text = str([content.examples for content in contents(document)])
    ids = set(re.findall(rf"\b(?:{'|'.join(IdKind)})_\w+", text))
    assert ids
    assert all(is_id(each) for each in ids)
    # Each thing has one id, and each id is of one thing.
    named = set(re.findall(r"'id': '(\w+)', 'arn': '([^']+)'", text))
    assert len({name for name, _ in named}) == len(named) == len({arn for _, arn in named})
    assert not re.search(SECRET_PATTERN, text)


async def test_what_the_fast_lane_answers_is_what_is_described(world: World, admin: Actor) -> None:
    document = await read(admin)
    client = await new_client(world, allow("decisions:Evaluate"))
    token = await ask(world, "token", GRANT, basic=client.basic)
    assert token.status_code == 200, token.text
    form = {"token": token.json()["access_token"]}
    question = {"principal": client.actor.arn, "action": "a:Get", "resource": "*"}
    answers = {
        "POST /oauth2/token": token,
        "POST /oauth2/introspect": await ask(world, "introspect", form, basic=client.basic),
        "POST /oauth2/revoke": await ask(world, "revoke", form, basic=client.basic),
        "GET /oauth2/jwks": await world.http.get("/oauth2/jwks"),
        f"GET {METADATA}": await world.http.get(METADATA),
        "POST /v1/decisions": await admin.http.post(
            "/v1/decisions", json={"evaluations": [question]}
        ),
    }
    described = {each.where: each for each in contents(document)}
    for where, answer in answers.items():
        assert answer.status_code == 200, answer.text
        shape = described[f"{where} 200"]
        assert answer.headers["content-type"] == shape.media_type
        assert not defects(document, shape.schema, answer.json()), where
        (example,) = shape.examples
        assert answer.json().keys() == example.keys(), where
    refused = await ask(world, "token", GRANT, basic=(client.id, "wrong"))
    shape = described["POST /oauth2/token default"]
    assert refused.status_code == 401
    assert not defects(document, shape.schema, refused.json())
