import sys
from importlib import import_module

import pytest

from iam.kit.imports import missing

UNUSED = "this"  # a module of the standard library that nobody imports


def test_what_is_missing_cannot_be_imported_until_the_block_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, UNUSED, raising=False)
    with missing(UNUSED), pytest.raises(ModuleNotFoundError):
        import_module(UNUSED)
    import_module(UNUSED)
    assert "Zen" in capsys.readouterr().out


def test_what_is_imported_already_stays() -> None:
    with missing("sys"):
        assert import_module("sys") is sys
    assert sys.modules["sys"] is sys


def test_a_failure_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, UNUSED, raising=False)
    with pytest.raises(LookupError), missing(UNUSED):
        raise LookupError
    assert UNUSED not in sys.modules
