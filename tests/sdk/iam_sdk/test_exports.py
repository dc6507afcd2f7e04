"""The public surface is what `__all__` says, and importing it costs next to nothing."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import iam_sdk
from iam_sdk import errors

HEAVY = ["jwt", "cryptography", "httpx", "httpx2", "starlette", "fastapi", "asyncio"]
FRAMEWORKS = ["httpx", "httpx2", "starlette", "fastapi", "requests", "aiohttp", "flask"]
MODULES = sorted(file.stem for file in Path(next(iter(iam_sdk.__path__))).glob("[a-z]*.py"))


def loaded_by(statement: str, names: list[str]) -> list[str]:
    code = f"import sys; {statement}; print(*(n for n in {names!r} if n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    return done.stdout.split()


def test_every_exported_name_is_there_and_named_as_at_home() -> None:
    assert sorted(iam_sdk._HOMES) == sorted(iam_sdk.__all__) == list(iam_sdk.__all__)
    for name in iam_sdk.__all__:
        home = import_module(f"iam_sdk.{iam_sdk._HOMES[name]}")
        assert getattr(iam_sdk, name) is getattr(home, name)


def test_what_is_not_exported_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no `nothing`"):
        iam_sdk.nothing  # noqa: B018 - the access is the test


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import iam_sdk", HEAVY) == []


def test_no_module_loads_a_framework() -> None:
    everything = ", ".join(f"iam_sdk.{module}" for module in MODULES)
    assert loaded_by(f"import {everything}", FRAMEWORKS) == []


def test_the_tree_of_errors_in_the_docstring_is_the_real_one() -> None:
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.IamSdkError)
    ]
    drawn = str(errors.__doc__)
    assert [c.__name__ for c in classes if c.__name__ not in drawn] == []
    assert drawn.index("ConfigurationError") < drawn.index("│   └── CredentialsNotFoundError")
