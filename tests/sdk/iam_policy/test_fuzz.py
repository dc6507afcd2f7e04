"""Hostile documents and requests: only typed errors, and a decision never raises.

Documents of the corpus are mutated as values and as text, contexts are filled with what no reader
expects, by a seeded generator: a failing seed is a test case. The long profile, ``pytest -m long
tests/sdk/iam_policy``, takes 1,000,000 inputs.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random  # noqa: TID251 -- seeded: the same inputs in every run
from typing import Any

import pytest

from iam_policy import (
    CompiledPolicy,
    DocumentKind,
    JsonError,
    Layers,
    PolicyError,
    Principal,
    Request,
    as_dict,
    build_set,
    compile_policy,
    compile_stored,
    evaluate,
    explain,
    for_caller,
    parse_json,
)
from tests.sdk.iam_policy.scenes import sifting

CORPUS = Path(__file__).parents[2] / "corpus" / "aws_docs.jsonl"
REQUESTS_A_DOCUMENT = 3
EXPLAINED_ONE_IN = 50

TEXTS = [
    "",
    "*",
    "?" * 40,
    "*a" * 12,
    "s3:*",
    "arn:aws:s3:::b/${aws:username}",
    "arn:aws:s3:::${aws:username, 'x'}*",
    "${",
    "${}",
    "${aws:TagKeys}",
    "arn:aws:sqs",
    "arn:*:*:*:*:*",
    "2012-10-17",
    "2008-10-17",
    "Allow",
    "Deny",
    "true",
    "1e400",
    "-0",
    "9" * 41,
    "2026-02-30",
    "2026-01-01T25:00:00Z",
    "10.0.0.0/33",
    "::ffff:1.2.3.4/8",
    "fe80::1%eth0",
    "\x00",
    "\ud800",
    "\u0130",
    "é" * 600,
    "AAAA====",
]
NAMES = [
    "Version",
    "Statement",
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
    "AWS",
    "IAM",
    "Service",
    "StringEquals",
    "ForAllValues:StringLike",
    "ForAnyValue:StringNotEqualsIgnoreCaseIfExists",
    "NumericLessThanIfExists",
    "DateGreaterThan",
    "NotIpAddress",
    "ArnNotLike",
    "BinaryEquals",
    "Bool",
    "Null",
    "NullIfExists",
    "aws:username",
    "AWS:UserName",
    "aws:TagKeys",
]
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    10**400,
    10**5_000,
    float("nan"),
    float("inf"),
    1e-320,
    b"\xff\x00",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    ["a", 1, True, b"x"],
    frozenset({"a", "b"}),
    object(),
    *TEXTS,
]
CALLERS = [
    Principal("arn:aws:iam::111122223333:user/alice", "111122223333", "usr_" + "0" * 26),
    Principal("arn:aws:iam::111122223333:root", "111122223333"),
    Principal("arn:aws:sts::111122223333:assumed-role/app/s1", "111122223333"),
    Principal("arn:aws:sts::111122223333:assumed-role/", "111122223333"),
    Principal("arn:", None),
    Principal("ec2.amazonaws.com", None),
    Principal(None, None),
    Principal("\ud800", ""),
]


def corpus_documents() -> list[Any]:
    found: list[Any] = []
    for line in CORPUS.read_text().splitlines():
        case = json.loads(line)
        found += case["identity_policies"]
        found += filter(None, [case["resource_policy"]])
    return [json.loads(text) for text in sorted({json.dumps(one) for one in found})]


def mutated(value: Any, draw: Random) -> Any:
    """Change one place in a JSON value, wherever it is."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        name = draw.choice(list(value))
        return value | {name: mutated(value[name], draw)}
    if isinstance(value, list) and value and draw.random() < 0.85:
        place = draw.randrange(len(value))
        return [*value[:place], mutated(value[place], draw), *value[place + 1 :]]
    return changed(value, draw)


def changed(value: Any, draw: Random) -> Any:
    match draw.randrange(6):
        case 0:
            return draw.choice(TEXTS)
        case 1:
            return [value, draw.choice(TEXTS)]
        case 2:
            return {draw.choice(NAMES): value}
        case 3:
            extra = {draw.choice(NAMES): draw.choice(TEXTS)}
            return (value if isinstance(value, dict) else {}) | extra
        case 4:
            return draw.choice([None, True, 0, -1.5, 10**30, [], {}, [[]]])
        case _:
            return (
                {name: one for name, one in value.items() if draw.random() < 0.5}
                if isinstance(value, dict)
                else str(value)[: draw.randrange(20)]
            )


def damaged(text: str, draw: Random) -> str:
    """Change the text itself: cut it, double a part, put a character somewhere."""
    place, other = sorted(draw.randrange(len(text) + 1) for _ in range(2))
    match draw.randrange(4):
        case 0:
            return text[:place] + text[other:]
        case 1:
            return text[:other] + text[place:]
        case 2:
            return text[:place] + draw.choice('{}[]",:\\u0*?$\x00\ufeff\ud800') + text[place:]
        case _:
            return text[:place] + "[" * draw.randrange(60) + text[place:]


def texts(draw: Random) -> Iterator[str]:
    documents = corpus_documents()
    while True:
        value = draw.choice(documents)
        for _ in range(draw.randrange(4)):
            value = mutated(value, draw)
        text = json.dumps(value)
        yield damaged(text, draw) if draw.random() < 0.3 else text


def request(draw: Random) -> Request:
    keys = [*draw.sample(NAMES[:-1], draw.randrange(4)), "AWS:UserName"]
    if draw.random() < 0.05:
        keys.append("aws:username")  # the same key again, in another case
    actions = ["s3:GetObject", "S3:putobject", "iam:GetUser", ":", "\ud800:x"]
    resources = ["arn:aws:s3:::bucket/key", "arn:aws:s3:::b/alice", "arn:aws:sqs:::q", "*"]
    return Request(
        draw.choice(CALLERS),
        draw.choice(actions if draw.random() < 0.8 else TEXTS),
        draw.choice(resources if draw.random() < 0.8 else TEXTS),
        {key: draw.choice(VALUES) for key in keys},
        draw.choice([None, "111122223333", "444455556666", "", "\ud800"]),
    )


def compiled(text: str, kind: DocumentKind) -> CompiledPolicy:
    try:
        return compile_policy(text, kind)
    except PolicyError:
        return compile_stored(text, kind)


def kind_for(text: str, draw: Random) -> DocumentKind:
    fitting = DocumentKind.RESOURCE if "Principal" in text else DocumentKind.IDENTITY
    return fitting if draw.random() < 0.5 else draw.choice(list(DocumentKind))


def layers(text: str, kind: DocumentKind) -> Layers:
    one = build_set([("p", compiled(text, kind))])
    return {
        DocumentKind.IDENTITY: lambda: Layers(identity=one),
        DocumentKind.RESOURCE: lambda: Layers(resource=one),
        DocumentKind.TRUST: lambda: Layers(resource=one, resource_policy_required=True),
        DocumentKind.BOUNDARY: lambda: Layers(identity=one, boundary=one),
        DocumentKind.SESSION: lambda: Layers(identity=one, sessions=one),
        DocumentKind.SCP: lambda: Layers(identity=one, scps=(one,)),
        DocumentKind.RCP: lambda: Layers(identity=one, rcps=(one, one)),
    }[kind]()


def run(seed: int, inputs: int) -> int:
    """Put documents and requests in, until as many were; return how many were decided cleanly."""
    draw, clean = Random(seed), 0  # noqa: S311 -- the same inputs in every run, no secret
    documents = texts(draw)
    for _ in range(inputs // (1 + REQUESTS_A_DOCUMENT)):
        text = next(documents)
        with suppress(JsonError):
            parse_json(text)
        kind = kind_for(text, draw)
        found, sifted = layers(text, kind), layers(text, kind)
        for _ in range(REQUESTS_A_DOCUMENT):
            asked = request(draw)
            decision = evaluate(asked, found)
            assert not (decision.findings and decision.allowed)
            clean += not decision.findings
            with sifting():
                assert decision.findings or evaluate(asked, sifted) == decision
            if draw.randrange(EXPLAINED_ONE_IN) == 0:
                explanation = explain(asked, found)
                assert explanation.decision == decision
                assert str(for_caller(explanation))
                assert json.dumps(as_dict(explanation))
    return clean


def test_ds_05_hostile_documents_and_requests_raise_nothing() -> None:
    assert run(seed=1, inputs=6_000) > 500  # and not all of them fail at the first hurdle


@pytest.mark.long
def test_ds_05_a_million_hostile_documents_and_requests_raise_nothing() -> None:
    for seed in range(20):
        assert run(seed=1_000 + seed, inputs=50_000) > 4_000
