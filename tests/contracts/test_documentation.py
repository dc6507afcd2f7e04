"""Every command that the documentation shows exists, with the options it shows."""

import re
import runpy
import shlex
import subprocess
import sys

import pytest

from tests.contracts.source_tree import ROOT

DEV = runpy.run_path(str(ROOT / "dev"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:console|sh|shell|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"[A-Z][A-Z0-9_]*=")


def shown_commands(document: str) -> list[list[str]]:
    """The words of every command in a document's console blocks, output left out."""
    commands = []
    for block in BLOCK.findall(document):
        lines = block.replace("\\\n", " ").splitlines()
        prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        for line in prompted or lines:
            for part in re.split(r"\s(?:\||&&|;|>)\s", line):
                words = shlex.split(part, comments=True)
                while words and ASSIGNMENT.match(words[0]):
                    words.pop(0)
                if words:
                    commands.append(words)
    return commands


def iam_arguments(words: list[str]) -> list[str] | None:
    """What a shown command hands to ``iam``, if it is one of ours that ends there."""
    if words[:1] == ["iam"]:
        return words[1:]
    if words[:3] == ["uv", "run", "iam"] or words[:2] == ["./dev", "iam"]:
        return words[words.index("iam") + 1 :]
    if words[:2] == ["./dev", "serve"]:
        return words[1:]
    if words[:2] == ["docker", "compose"] and "iam" in words:
        return words[words.index("iam") + 1 :]
    return None


SHOWN = [words for path in DOCUMENTS for words in shown_commands(path.read_text(encoding="utf-8"))]
OURS = sorted({tuple(found) for words in SHOWN if (found := iam_arguments(words)) is not None})


def test_every_dev_command_shown_exists() -> None:
    names = {words[1] for words in SHOWN if words[0] == "./dev" and len(words) > 1}
    assert "test" in names
    assert names - {"--help"} <= set(DEV["COMMANDS"])


@pytest.mark.parametrize("arguments", OURS, ids=" ".join)
def test_every_iam_command_shown_exists_with_its_options(arguments: tuple[str, ...]) -> None:
    # Help is answered only after the command and all its options were understood.
    result = subprocess.run(
        [sys.executable, "-m", "iam", *arguments, "--help"],
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


def test_commands_are_told_from_their_output() -> None:
    document = """
```console
$ IAM_URL=http://x iam user list --json | jq .   # people
ann
$ ./dev test
```
```sh
uv run iam serve
docker compose exec server iam keys list
```
```json
{"iam": 1}
```
"""
    assert [iam_arguments(words) for words in shown_commands(document)] == [
        ["user", "list", "--json"],
        None,
        None,
        ["serve"],
        ["keys", "list"],
    ]


def test_the_architecture_names_every_feature_and_no_other() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("| features |")[2].partition("\n\n")[0]
    named = {
        name
        for row in table.splitlines()
        for name in re.findall(r"`(\w+)`", row[: row.find("|", 2)])
    }
    assert named == {path.parent.name for path in (ROOT / "iam" / "features").glob("*/__init__.py")}
