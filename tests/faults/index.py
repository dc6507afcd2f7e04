"""The table in README.md, which says where each fault is shown."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
_README: Final = Path(__file__).with_name("README.md")
_ROW = re.compile(r"\| (?P<fault>F-\d\d) \| (?P<what>[^|]+) \| (?P<tests>[^|]+) \|")
_TEST = re.compile(r"`(?P<file>[\w./]+\.py)::(?P<name>\w+)`( \((?P<profile>long)\))?")


class Proof(NamedTuple):
    """A test that shows what a fault does, and does not.

    Attributes:
        fault: Such as `F-01`.
        what: The fault in words.
        file: Where the test is, below the root of the repository.
        name: The name of the test.
        is_long: Whether only the long profile runs all of it.
    """

    fault: str
    what: str
    file: str
    name: str
    is_long: bool


def proofs() -> Iterator[Proof]:
    """Every test that the table names, in its order."""
    for line in _README.read_text(encoding="utf-8").splitlines():
        row = _ROW.match(line)
        if row is None:
            continue
        for test in _TEST.finditer(row["tests"]):
            is_long = test["profile"] is not None
            yield Proof(row["fault"], row["what"], test["file"], test["name"], is_long)


def is_there(proof: Proof) -> bool:
    """Whether the file has such a test."""
    return _function(proof) is not None


def is_marked_long(proof: Proof) -> bool:
    """Whether the whole test runs in the long profile only."""
    found = _function(proof)
    assert found is not None
    marks = [ast.unparse(mark) for mark in found.decorator_list]
    for node in _tree(proof.file).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            value = node.value
            marks += map(ast.unparse, value.elts if isinstance(value, ast.List) else [value])
    return "pytest.mark.long" in marks


def _function(proof: Proof) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    if not (ROOT / proof.file).is_file():
        return None
    for node in ast.walk(_tree(proof.file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == proof.name:
            return node
    return None


def _tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))
