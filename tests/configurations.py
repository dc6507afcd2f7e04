"""Configurations for tests: a company in one document, and plans between documents."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from iam.features.configuration.rules.plan import Plan, Planning
from iam.features.configuration.rules.reading import NAME, read
from iam.features.configuration.rules.resolving import wanted_state
from iam.features.configuration.rules.shapes import Item, Key, Kind, State
from iam.features.configuration.rules.values import Terms
from iam_policy import Limits
from tests.world import allow, deny

Document = dict[str, Any]
NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
TERMS = Terms("main", "iam", Limits(), ("http://localhost:8080",))
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

READ_ONLY = Item(
    Kind.POLICY,
    "ReadOnlyAccess",
    {
        "path": "/",
        "description": "",
        "tags": {},
        "document": SHOP["policies"]["at-most"]["document"],
    },
    "pol_shipped",
    is_shipped=True,
)
FULL_ACCESS = Item(
    Kind.GUARDRAIL,
    "scp/FullAccess",
    {
        "description": "",
        "document": {"Version": "2012-10-17", "Statement": dict(allow("*"))},
        "targets": ["account/main", "installation"],
    },
    "grd_shipped",
    is_shipped=True,
)
EMPTY = State("main", "iam", {one.key: one for one in (READ_ONLY, FULL_ACCESS)})


def document(*statements: Mapping[str, Any]) -> Document:
    """A policy document of these statements."""
    return {"Version": "2012-10-17", "Statement": [dict(one) for one in statements]}


def configured(**sections: Any) -> Document:
    """A document of configuration `shop` with these sections."""
    return {NAME: "shop", **sections}


def defects(found: Document, before: State = EMPTY) -> dict[str, str]:
    """What is wrong with a document, by JSON path."""
    reading = read(found, TERMS)
    wanted_state(reading, before, prunes=False)
    return {one["path"]: one["message"] for one in reading.found}


def state(found: Document, *, managed_by: str | None = "shop") -> State:
    """An account to which a document was applied; everything has an id."""
    reading = read(found, TERMS)
    made = wanted_state(reading, EMPTY, prunes=False)
    assert reading.found == []
    items = {key: replace(item, id=item.id or f"id_{key}") for key, item in made.items.items()}
    owners: dict[Key, str] = {} if managed_by is None else dict.fromkeys(reading.wanted, managed_by)
    return replace(made, items=items, owners=owners)


def plan(before: State | Document, after: Document, *, prunes: bool = False) -> Plan:
    """What a document changes."""
    account = before if isinstance(before, State) else state(before)
    planning = Planning(read(after, TERMS), account, prunes=prunes, now=NOW)
    return planning.plan(planning.effects())


def steps(found: Plan) -> list[str]:
    """The steps of a plan in short: `create group/finance`."""
    return [f"{step.verb} {step.item}" for step in found.steps]


def effects(found: Plan) -> list[str]:
    """Who gains and loses, in short: `group/finance gains`."""
    return [
        f"{one.movement.subject} {'gains' if one.movement.gains else 'loses'}"
        for one in found.effects
    ]
