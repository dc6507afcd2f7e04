"""The engine runs anywhere: it imports itself and a short list of the standard library."""

import ast
from pathlib import Path

import pytest

from tests.contracts.source_tree import ENGINE, parse, python_files

ALLOWED = {
    "base64",
    "binascii",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "functools",
    "hashlib",
    "iam_policy",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "typing",
    "unicodedata",
}


def imported(tree: ast.Module) -> set[str]:
    """The top-level names of everything a module imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0] if node.level == 0 else "iam_policy")
    return names


@pytest.mark.parametrize("path", python_files(ENGINE), ids=str)
def test_the_engine_imports_only_what_is_listed(path: Path) -> None:
    assert imported(parse(path)) <= ALLOWED


def test_imports_inside_functions_are_seen() -> None:
    code = "def f():\n    import os.path\n    from urllib.parse import quote\n"
    assert imported(ast.parse(code)) == {"os", "urllib"}
