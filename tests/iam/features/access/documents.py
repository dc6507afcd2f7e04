"""Random statements and circumstances of requests, which meet one another often."""

import random  # noqa: TID251 -- seeded: the same documents in every run
from typing import Any

from tests.world import Statement, allow, deny

READ = "billing:GetInvoice"

KEYS = ("billing:State", "iam:SourceIp", "iam:username", "iam:PrincipalTag/team")
OPERATORS = ("StringEquals", "StringNotEquals", "StringLikeIfExists", "Null", "IpAddress")
PLACES = ("invoice/*", "invoice/42", "*", "invoice/${iam:username}", "invoice/${billing:State}")
VALUES = {"Null": ("true", "false"), "IpAddress": ("192.0.2.0/24", "10.0.0.0/8")}


def random_statement(chance: random.Random) -> Statement:
    place = chance.choice(PLACES)
    on = place if place == "*" else f"arn:iam:billing::main:{place}"
    action = chance.choice(["billing:*", READ, "billing:PayInvoice", "*"])
    effect = allow if chance.random() < 0.7 else deny
    statement: dict[str, Any] = dict(effect(action, on=on))
    if chance.random() < 0.2:
        statement["NotResource"] = statement.pop("Resource")
        if statement["NotResource"] == "*":
            statement["NotResource"] = "arn:iam:billing::main:invoice/1"
    if chance.random() < 0.6:
        operator = chance.choice(OPERATORS)
        usual = ("open", "closed", "alpha", "${iam:username}", "${billing:State}")
        value = chance.choice(VALUES.get(operator, usual))
        statement["Condition"] = {operator: {chance.choice(KEYS): value}}
    return statement


def random_context(chance: random.Random) -> dict[str, Any]:
    context: dict[str, Any] = {}
    if chance.random() < 0.7:
        context["billing:State"] = chance.choice(["open", "closed", "42", "alpha"])
    if chance.random() < 0.7:
        context["iam:SourceIp"] = chance.choice(["192.0.2.7", "10.1.2.3", "203.0.113.9"])
    return context
