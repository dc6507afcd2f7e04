"""The JSON API of configuration, as who keeps access in a repository uses it."""

from typing import Any

import httpx2
import pytest

from iam.features.configuration.rules.reading import NAME
from tests.world import Actor, allow, deny

pytestmark = pytest.mark.anyio

INVOICES = "arn:iam:billing::main:invoice/*"
SHOP: dict[str, Any] = {
    NAME: "shop",
    "policies": {
        "read-invoices": {
            "document": {
                "Version": "2012-10-17",
                "Statement": [dict(allow("billing:Get*", on=INVOICES))],
            }
        },
        "at-most": {
            "document": {"Version": "2012-10-17", "Statement": dict(allow("billing:*", "iam:Get*"))}
        },
    },
    "groups": {
        "finance": {
            "description": "they pay",
            "policies": ["read-invoices"],
            "members": ["user/ana"],
        },
        "packers": {"policies": ["read-invoices"]},
    },
    "users": {"ana": {"display_name": "Ana Costa", "tags": {"team": "finance"}}},
    "services": {
        "billing": {
            "owner": "group/finance",
            "audiences": ["https://billing.shop.example"],
            "permissions_boundary": "at-most",
            "inline_policies": {
                "list": {"Version": "2012-10-17", "Statement": [dict(allow("billing:List*"))]}
            },
        },
        "orders": {"owner": "user/ana", "groups": ["packers"]},
    },
    "roles": {
        "deploy": {
            "trust_policy": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"IAM": "arn:iam:iam::main:service/orders"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
            "policies": ["ReadOnlyAccess"],
        }
    },
    "action_catalogues": {
        "billing": {
            "owner": "service/billing",
            "actions": [{"name": "GetInvoice", "access_level": "read"}],
        }
    },
    "resource_policies": {
        "arn:iam:billing::main:invoice/42": {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"IAM": "arn:iam:iam::main:service/orders"},
                "Action": "billing:PayInvoice",
                "Resource": "*",
            },
        }
    },
    "guardrails": {
        "scp/keep-audit-log": {
            "description": "it stays",
            "document": {"Version": "2012-10-17", "Statement": [dict(deny("audit:Delete*"))]},
            "targets": ["account/main"],
        }
    },
}


async def post(actor: Actor, verb: str, document: dict[str, Any], **more: Any) -> httpx2.Response:
    body = {"document": document, **more}
    return await actor.http.post(f"/v1/configuration:{verb}", json=body)


async def applied(actor: Actor, document: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await post(actor, "apply", document, **{"approve_widening": True, **more})
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


async def planned(actor: Actor, document: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await post(actor, "plan", document, **more)
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


async def test_a_document_is_applied_and_then_there_is_nothing_to_do(admin: Actor) -> None:
    plan = await planned(admin, SHOP)
    await applied(admin, SHOP, plan=plan["plan"])
    again = await planned(admin, SHOP)
    assert (again["steps"], again["effects"], again["adopted"]) == ([], [], [])
    exported = await admin.http.get("/v1/configuration?name=shop")
    again = await planned(admin, exported.json()["document"])
    assert (again["steps"], again["effects"]) == ([], [])
