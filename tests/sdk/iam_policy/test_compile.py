import json

import pytest

from iam_policy import CompiledPolicy, DocumentKind, Limits, PolicyError, compile_policy
from iam_policy import compile as compile_module
from iam_policy.compile import compile_stored
from iam_policy.principals import Naming
from tests.sdk.iam_policy.scenes import ALICE, document, policies, statement

TEXT = json.dumps(document(statement()))


def test_the_same_text_is_compiled_once() -> None:
    first = compile_policy(TEXT, DocumentKind.IDENTITY)
    assert compile_policy(TEXT, DocumentKind.IDENTITY) is first
    boundary = compile_policy(TEXT, DocumentKind.BOUNDARY)
    assert boundary is not first
    assert boundary.kind is DocumentKind.BOUNDARY
    assert len({first, boundary, compile_policy(TEXT + " ", DocumentKind.IDENTITY)}) == 3


def test_policies_are_equal_by_content() -> None:
    first = compile_policy(TEXT, DocumentKind.IDENTITY)
    twin = CompiledPolicy(first.content_hash, DocumentKind.IDENTITY, ())
    assert twin == first
    assert hash(twin) == hash(first)
    assert first != TEXT


def test_a_defective_document_is_refused_every_time() -> None:
    for _ in range(2):
        with pytest.raises(PolicyError):
            compile_policy("{}", DocumentKind.IDENTITY)
    with pytest.raises(PolicyError):
        compile_policy('{"\ud800":1}', DocumentKind.IDENTITY)


def test_the_cache_is_bounded_and_keeps_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_module, "_CACHE_SIZE", 3)
    kept = compile_policy(TEXT, DocumentKind.IDENTITY)
    for place in range(6):
        compile_policy(TEXT + " " * (place + 2), DocumentKind.IDENTITY)
        assert compile_policy(TEXT, DocumentKind.IDENTITY) is kept
    assert len(compile_module._cache) == 3


def test_an_imported_document_does_not_pass_as_an_own_one() -> None:
    one = statement(NotPrincipal={"IAM": "main"})
    text = json.dumps(document(one))
    compile_policy(text, DocumentKind.RESOURCE, imported=True)
    with pytest.raises(PolicyError):
        compile_policy(text, DocumentKind.RESOURCE)


def test_a_stored_document_that_no_longer_parses_becomes_a_finding() -> None:
    broken = compile_stored('{"Statement":[{}]}', DocumentKind.SCP)
    assert broken.finding == "a stored scp policy is defective at $.Statement[0].Effect"
    assert compile_stored(TEXT, DocumentKind.IDENTITY).finding is None


def test_a_stored_document_may_be_larger_than_the_limit_of_today() -> None:
    text = json.dumps(document(*[statement(Sid=f"s{n}") for n in range(100)]))
    with pytest.raises(PolicyError):
        compile_policy(text, DocumentKind.SESSION, Limits())
    assert compile_stored(text, DocumentKind.SESSION).finding is None


def test_a_statement_without_principals_is_about_everyone() -> None:
    (entry,) = policies(document(statement())).entries
    assert entry.statement.names(ALICE, bounded=True) is Naming.DIRECT
