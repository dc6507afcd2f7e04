"""The work of the engine's benchmark: N policies of five statements, and ten questions."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from iam_policy import Context, DocumentKind, Layers, PolicySet, Principal, build_set
from iam_policy.compile import compile_policy

ALICE: Final = Principal("arn:iam:iam::main:user/alice", "main", "usr_" + "0" * 26)
# What the server knows of a principal, folded once; 20 keys, as `iam.authz.facts` makes them.
_FACTS: Final[dict[str, str | bool | int]] = {
    "PrincipalArn": ALICE.arn or "",
    "PrincipalAccount": "main",
    "PrincipalType": "User",
    "userid": ALICE.id or "",
    "username": "alice",
    "PrincipalTag/team": "red",
    "PrincipalTag/cost-centre": "42",
    "CurrentTime": "2026-11-23T02:00:00Z",
    "EpochTime": 1_795_399_200,
    "SecureTransport": True,
}
KNOWN: Final = Context(
    {f"{prefix}:{name}": value for prefix in ("iam", "aws") for name, value in _FACTS.items()}
)
PER_DOCUMENT: Final = 25
# What each request adds to it.
ASKED: Final[dict[str, Any]] = {
    "iam:SourceIp": "10.1.2.3",
    "iam:ResourceTag/team": "red",
    "iam:MultiFactorAuth": False,
}


@dataclass(frozen=True, slots=True)
class Question:
    """One question, in the words of all three engines."""

    action: str
    arn: str
    owner: str
    expected: str


def questions(policies: int) -> list[Question]:
    """Six that are allowed, one denied, three about which the policies are silent."""
    service = f"svc{policies // 2}"
    found = [
        ("Get1", "invoice/1", "alice", "allowed"),
        ("Put", "home/alice/1", "alice", "allowed"),
        ("List", "home/alice/2", "alice", "allowed"),
        ("Tag", "thing/3", "bob", "allowed"),
        ("Net", "b/4", "bob", "allowed"),
        ("Net", "c/5", "bob", "allowed"),
        ("DeleteAll", "invoice/6", "alice", "explicitDeny"),
        ("Put", "home/bob/7", "bob", "implicitDeny"),
        ("Net", "d/8", "bob", "implicitDeny"),
        ("Other", "invoice/9", "alice", "implicitDeny"),
    ]
    return [
        Question(f"{service}:{action}", f"arn:iam:{service}::main:{resource}", owner, expected)
        for action, resource, owner, expected in found
    ]


def document(number: int) -> str:
    """One policy of five statements about a service of its own."""
    service = f"svc{number}"
    arn = f"arn:iam:{service}::main:"
    return _text(
        _allow(f"{service}:Get*", f"{arn}invoice/*"),
        _allow([f"{service}:Put", f"{service}:List"], f"{arn}home/${{iam:username}}/*"),
        _allow(
            f"{service}:Tag",
            f"{arn}thing/*",
            {"StringEquals": {"iam:ResourceTag/team": "${iam:PrincipalTag/team}"}},
        ),
        _allow(
            f"{service}:Net",
            [f"{arn}a/*", f"{arn}b/*", f"{arn}c/*"],
            {"IpAddress": {"iam:SourceIp": "10.0.0.0/8"}},
        ),
        {
            "Effect": "Deny",
            "Action": f"{service}:Delete*",
            "Resource": "*",
            "Condition": {"BoolIfExists": {"iam:MultiFactorAuth": "false"}},
        },
    )


def all_layers(policies: int) -> Layers:
    """Every layer there is: the policies, and one that lets everything pass in each other layer."""
    named = _text(_allow("*", "*") | {"Principal": {"IAM": "arn:iam:iam::main:user/bob"}})
    return Layers(
        identity=identity(policies),
        boundary=_wide(DocumentKind.BOUNDARY),
        sessions=_wide(DocumentKind.SESSION),
        resource=build_set([("resource", compile_policy(named, DocumentKind.RESOURCE))]),
        scps=(_wide(DocumentKind.SCP), _wide(DocumentKind.SCP)),
        rcps=(_wide(DocumentKind.RCP), _wide(DocumentKind.RCP)),
    )


def identity(policies: int) -> PolicySet:
    """The identity policies alone."""
    texts = [document(number) for number in range(policies)]
    return build_set(
        (f"arn:iam:iam::main:policy/p{place}", compile_policy(text, DocumentKind.IDENTITY))
        for place, text in enumerate(texts)
    )


def _second(number: int) -> str:
    return f"2020-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"


_TAG: Final = "iam:ResourceTag/team"
FAILING: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "StringEquals": lambda n: {"StringEquals": {_TAG: f"t{n}"}},
    "StringEquals, own keys": lambda n: {"StringEquals": {f"{_TAG}{n}": "red"}},
    "StringEquals, variables": lambda n: {"StringEquals": {_TAG: f"${{iam:username}}{n}"}},
    "StringNotEquals": lambda n: {"StringNotEquals": {_TAG: ["red", f"t{n}"]}},
    "StringEqualsIgnoreCase": lambda n: {"StringEqualsIgnoreCase": {_TAG: f"T{n}"}},
    "StringLike, beginnings": lambda n: {"StringLike": {_TAG: f"t{n}*"}},
    "StringLike, two stars": lambda n: {"StringLike": {_TAG: f"r*{n}*d"}},
    "StringNotLike": lambda n: {"StringNotLike": {_TAG: ["r*", f"t{n}*"]}},
    "NumericLessThan": lambda n: {"NumericLessThan": {"iam:EpochTime": f"{n}"}},
    "DateLessThan": lambda n: {"DateLessThan": {"iam:CurrentTime": _second(n)}},
    "Bool": lambda n: {"Bool": {"iam:MultiFactorAuth": ["true", "TRUE"][n % 2]}},
    "BinaryEquals": lambda n: {"BinaryEquals": {_TAG: f"{n:04}"}},
    "IpAddress": lambda n: {"IpAddress": {"iam:SourceIp": f"192.{n >> 8}.{n & 255}.0/24"}},
    "NotIpAddress": lambda n: {
        "NotIpAddress": {"iam:SourceIp": ["10.0.0.0/8", f"192.0.0.{n % 256}"]}
    },
    "ArnLike": lambda n: {"ArnLike": {"iam:PrincipalArn": f"arn:iam:*:*:main:user/*b{n}*"}},
    "ArnNotLike": lambda n: {
        "ArnNotLike": {"iam:PrincipalArn": ["arn:*:*:*:*:*", f"arn:iam:iam::a:b{n}"]}
    },
    "Null": lambda n: {"Null": {f"{_TAG}{n}": "false"}},
    "two lines": lambda n: {
        "StringLike": {_TAG: ["r*", f"t{n}"]},
        "StringNotEquals": {"iam:username": ["alice", f"t{n}"]},
    },
}
"""Conditions that fail, by what they are made of; each of a number."""


def failing(statements: int, condition: Callable[[int], dict[str, Any]]) -> PolicySet:
    """Statements that all reach a condition, and whose conditions all fail."""
    allowed = [_allow("svc:Get", "arn:iam:svc::main:*", condition(n)) for n in range(statements)]
    texts = [
        _text(*allowed[start : start + PER_DOCUMENT])
        for start in range(0, statements, PER_DOCUMENT)
    ]
    return build_set(
        (f"p{place}", compile_policy(text, DocumentKind.IDENTITY))
        for place, text in enumerate(texts)
    )


def failing_of_all_kinds(number: int) -> dict[str, Any]:
    """A failing condition of each kind in turn."""
    kinds = list(FAILING.values())
    return kinds[number % len(kinds)](number)


def starred() -> PolicySet:
    """One statement whose resource is all stars."""
    text = _text(_allow("*", "arn:iam:*a*a*a*a*a*b"))
    return build_set([("p", compile_policy(text, DocumentKind.IDENTITY))])


def _wide(kind: DocumentKind) -> PolicySet:
    return build_set([(f"{kind}", compile_policy(_text(_allow("*", "*")), kind))])


def _allow(
    action: str | list[str], resource: str | list[str], condition: Any = None
) -> dict[str, Any]:
    allow: dict[str, Any] = {"Effect": "Allow", "Action": action, "Resource": resource}
    return allow | ({"Condition": condition} if condition else {})


def _text(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
