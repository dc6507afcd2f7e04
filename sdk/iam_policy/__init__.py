"""The policy engine: AWS IAM policy documents in, decisions out. Pure: no I/O, no clock.

Parse and compile a document once (`compile_policy`), index the documents of a layer once
(`build_set`), then ask as often as needed (`evaluate`)::

    text = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
    own = build_set([("inline:all", compile_policy(text, DocumentKind.IDENTITY))])
    alice = Principal(arn="arn:iam:iam::main:user/alice", account="main")
    request = Request(alice, "billing:GetInvoice", "arn:iam:billing::main:invoice/42")
    assert evaluate(request, Layers(identity=own)).allowed

Everything is deterministic and free of side effects but for bounded caches. `parse_json` is here
because tokens, requests and documents must be read by the same strict rules.
"""

from iam_policy.compile import CompiledPolicy, compile_policy, compile_stored
from iam_policy.decision import Decision, Effect, Layer, Match
from iam_policy.document import (
    Clause,
    Defect,
    DocumentKind,
    Limits,
    Policy,
    PolicyError,
    Statement,
    parse_policy,
)
from iam_policy.evaluate import evaluate
from iam_policy.explain import Explanation, explain
from iam_policy.index import EMPTY, PolicySet, build_set
from iam_policy.layers import Layers
from iam_policy.names import Arn, ArnError, canonical_defect, is_canonical
from iam_policy.nearest import Miss, nearest_miss
from iam_policy.request import Context, Principal, Request
from iam_policy.strict_json import JsonError, JsonLimits, parse_json
from iam_policy.telling import CallerReason, as_dict, for_caller, reason, sentences
from iam_policy.traces import ClauseVerdict, Trace

__all__ = [
    "EMPTY",
    "Arn",
    "ArnError",
    "CallerReason",
    "Clause",
    "ClauseVerdict",
    "CompiledPolicy",
    "Context",
    "Decision",
    "Defect",
    "DocumentKind",
    "Effect",
    "Explanation",
    "JsonError",
    "JsonLimits",
    "Layer",
    "Layers",
    "Limits",
    "Match",
    "Miss",
    "Policy",
    "PolicyError",
    "PolicySet",
    "Principal",
    "Request",
    "Statement",
    "Trace",
    "as_dict",
    "build_set",
    "canonical_defect",
    "compile_policy",
    "compile_stored",
    "evaluate",
    "explain",
    "for_caller",
    "is_canonical",
    "nearest_miss",
    "parse_json",
    "parse_policy",
    "reason",
    "sentences",
]
