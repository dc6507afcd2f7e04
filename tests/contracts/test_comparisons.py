"""Secrets are compared in constant time, with ``hmac.compare_digest``, never with ``==``."""

import ast
import re
from pathlib import Path

import pytest

from tests.contracts.source_tree import SDK, SERVER, parse, python_files

SECRET = re.compile(r"secret|csrf|hmac|password|passphrase|(^|_)(mac|otp|totp|hash|digest)$")
# Digests of what everybody may see; they name content and protect nothing.
PUBLIC = {"content_hash", "content_digest", "request_hash", "body_hash"}


def identifier(node: ast.expr) -> str:
    """The last name of an expression: ``a.b.client_secret`` is ``client_secret``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_secret(node: ast.expr) -> bool:
    name = identifier(node)
    # In capitals it is a constant that names a kind of secret, and no secret itself.
    return name not in PUBLIC and not name.isupper() and SECRET.search(name) is not None


def is_column(node: ast.expr) -> bool:
    """Whether this is a table's column, so that the database compares and not we."""
    owner = node.value if isinstance(node, ast.Attribute) else None
    return identifier(owner)[:1].isupper() or identifier(owner) == "c" if owner else False


def unsafe_comparisons(tree: ast.Module) -> list[int]:
    """The lines on which something secret is compared with an operator."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            by_value = any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
            if by_value and any(map(is_secret, sides)) and not any(map(is_column, sides)):
                lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("path", python_files(SERVER, SDK), ids=str)
def test_sr_08_secrets_are_compared_in_constant_time(path: Path) -> None:
    assert not unsafe_comparisons(parse(path))


@pytest.mark.parametrize(
    ("code", "is_unsafe"),
    [
        ("stored.secret_hash == presented", True),
        ("given != csrf", True),
        ("mac == expected", True),
        ("client_secret == row.value", True),
        ("hmac.compare_digest(stored.secret_hash, presented)", False),
        ("select(Credential).where(Credential.secret_hash == presented)", False),
        ("kind == CredentialKind.CLIENT_SECRET", False),
        ("secret is None", False),
        ("len(secret) == 32", False),
        ("policy.content_hash == known", False),
    ],
)
def test_the_rule_tells_a_secret_from_what_is_none(code: str, is_unsafe: bool) -> None:
    assert bool(unsafe_comparisons(ast.parse(code))) is is_unsafe
