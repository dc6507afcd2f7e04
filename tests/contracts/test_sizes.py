"""Modules and functions stay small enough to read at once."""

from pathlib import Path
from statistics import median

import pytest

from tests.contracts.source_tree import (
    ENGINE,
    ROOT,
    SDK,
    SERVER,
    body_lines,
    functions,
    parse,
    python_files,
)

MODULE_CAP = 400
FUNCTION_CAP = 40
ENDPOINT_CAP = 15
MODULE_MEDIAN = 120
FUNCTION_MEDIAN = 10

PRODUCT = python_files(SERVER, ENGINE, SDK)
# Migrations are not here: what one changes belongs together, and is never edited again.
SCRIPTS = [Path("dev"), *python_files("benchmarks", "examples")]


def length(path: Path) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("path", [*PRODUCT, *SCRIPTS], ids=str)
def test_a_module_is_at_most_400_lines(path: Path) -> None:
    assert length(path) <= MODULE_CAP


@pytest.mark.parametrize("path", [*PRODUCT, *SCRIPTS], ids=str)
def test_a_function_is_at_most_40_lines(path: Path) -> None:
    sizes = {function.name: body_lines(function) for function in functions(parse(path))}
    assert not {name: size for name, size in sizes.items() if size > FUNCTION_CAP}


def test_an_endpoint_parses_calls_once_and_presents() -> None:
    sizes = {
        f"{path}: {function.name}": body_lines(function)
        for path in python_files("iam/features")
        if path.name == "routes.py"
        for function in functions(parse(path))
        if function.decorator_list
    }
    assert sizes
    assert not {name: size for name, size in sizes.items() if size > ENDPOINT_CAP}


def test_the_usual_module_is_about_100_lines() -> None:
    assert median(map(length, PRODUCT)) <= MODULE_MEDIAN


def test_the_usual_function_is_at_most_10_lines() -> None:
    sizes = [body_lines(function) for path in PRODUCT for function in functions(parse(path))]
    assert median(sizes) <= FUNCTION_MEDIAN
