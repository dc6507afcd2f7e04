"""The SDK installs alone, and needs neither the server nor a web framework."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.source_tree import ROOT

pytestmark = pytest.mark.long

# What may come with the SDK: an HTTP client, a signature library, and what those two need.
ALLOWED = {
    "anyio",
    "certifi",
    "cffi",
    "cryptography",
    "h11",
    "httpcore2",
    "httpx2",
    "iam-sdk",
    "idna",
    "pycparser",
    "pyjwt",
    "truststore",
    "typing-extensions",
}
IMPORT_ALL = """
import importlib, pkgutil
for root in ("iam_policy", "iam_sdk"):
    package = importlib.import_module(root)
    for module in pkgutil.walk_packages(package.__path__, root + "."):
        importlib.import_module(module.name)
        print(module.name)
"""
LIST_ALL = """
from importlib.metadata import distributions
for each in distributions():
    print(each.name.lower().replace("_", "-"))
"""


def output(*command: str | Path, cwd: Path) -> list[str]:
    result = subprocess.run(command, check=True, cwd=cwd, stdout=subprocess.PIPE, text=True)
    return result.stdout.split()


def test_a_service_gets_the_sdk_and_little_else(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    output(sys.executable, "-m", "venv", tmp_path, cwd=tmp_path)
    output(python, "-m", "pip", "install", "--quiet", ROOT / "sdk", cwd=tmp_path)
    # Some modules are for one framework; they too must import where that framework is absent.
    assert "iam_sdk.tokens" in output(python, "-c", IMPORT_ALL, cwd=tmp_path)
    installed = set(output(python, "-c", LIST_ALL, cwd=tmp_path)) - {"pip", "setuptools"}
    assert "iam-sdk" in installed
    assert installed <= ALLOWED
