"""`iam policy test`, `validate` and `lint`: they need neither server nor database."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iam.terminal.commands import declare
from iam.terminal.failures import Failure, usage
from iam.terminal.terminal import Terminal

if TYPE_CHECKING:
    from iam_policy import DocumentKind, PolicyError
    from iam_policy.catalogue import ActionCatalogue
    from iam_policy.lint import Finding

_KINDS = "identity, resource, trust, boundary, session, scp or rcp"

CasesArgument = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="One case a line; - reads standard input.")
]
FilesArgument = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="JSON documents; - reads standard input.")
]
KindOption = Annotated[
    str, typer.Option("--kind", metavar="KIND", help=f"What the documents are used as: {_KINDS}.")
]


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `iam policy`."""
    tests = ("policy test cases.jsonl", "policy test - < cases.jsonl")
    declare(app, "test", examples=tests, connects=False)(test_policies)
    checks = ("policy validate policy.json", "policy validate --kind scp guardrails/*.json")
    declare(app, "validate", examples=checks, connects=False)(validate_policies)
    lints = ("policy lint policy.json", "policy lint --kind trust --strict trust.json")
    declare(app, "lint", examples=lints, connects=False)(lint_policies)


def test_policies(terminal: Terminal, files: CasesArgument) -> None:
    """Decide policy cases and compare with what they expect; docs/policy-test.md describes them.

    One JSON object a line, in and out. Fails if a case is decided otherwise or cannot be read.
    """
    from iam_policy.cases import answers

    counts: Counter[str] = Counter()
    for file in files:
        for answer in answers(_lines(file)):
            terminal.output.json_line(answer)
            counts[_outcome(answer)] += 1
    total, errors = counts.total(), counts["errors"]
    told = [f"{total} case{'' if total == 1 else 's'}", f"{counts['ok']} ok"]
    told += [f"{counts['not ok']} not ok"] if counts["not ok"] else []
    told += [f"{errors} error{'' if errors == 1 else 's'}"] if errors else []
    told += [f"{counts['undecided']} undecided"] if counts["undecided"] else []
    terminal.output.remark(", ".join(told))
    if counts["not ok"] or counts["errors"]:
        raise Failure("")


def validate_policies(
    terminal: Terminal, files: FilesArgument, *, kind: KindOption = "identity"
) -> None:
    """Say whether documents are valid policies, and everything that is wrong with them."""
    from iam_policy import PolicyError, parse_policy

    wanted = _kind(kind)
    records: list[dict[str, Any]] = []
    for file in files:
        text = _content(file)
        try:
            parse_policy(text, wanted)
        except PolicyError as error:
            records.append({"file": file, "valid": False, "defects": _defects(error)})
        else:
            records.append({"file": file, "valid": True, "defects": []})
    _tell(terminal, records)
    if not all(record["valid"] for record in records):
        raise Failure("")


def lint_policies(
    terminal: Terminal,
    files: FilesArgument,
    *,
    kind: KindOption = "identity",
    catalogue: Annotated[
        list[str] | None,
        typer.Option("--catalogue", metavar="FILE", help="An action catalogue; may be repeated."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
) -> None:
    """Say what is valid in policies, and yet wrong, dangerous or of no effect.

    Fails on errors. docs/policy-lint.md lists everything that it notices.
    """
    from iam.authz.catalogues import own_catalogues
    from iam_policy import PolicyError
    from iam_policy.lint import Severity, lint

    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    known = (*own_catalogues(), *map(_catalogue, catalogue or ()))
    wanted = _kind(kind)
    records: list[dict[str, Any]] = []
    has_failed = False
    for file in files:
        text = _content(file)
        try:
            found = lint(text, wanted, catalogues=known)
        except PolicyError as error:
            records.append({"file": file, "valid": False, "defects": _defects(error)})
            has_failed = True
        else:
            findings = [_finding(one) for one in found]
            records.append({"file": file, "valid": True, "findings": findings})
            has_failed = has_failed or any(one.severity in failing for one in found)
    _tell(terminal, records)
    if has_failed:
        raise Failure("")


def _outcome(answer: dict[str, object]) -> str:
    is_ok = answer.get("ok")
    if is_ok is None:
        return "errors" if "error" in answer else "undecided"
    return "ok" if is_ok else "not ok"


def _tell(terminal: Terminal, records: list[dict[str, Any]]) -> None:
    if terminal.output.as_json:
        terminal.output.json(records)
        return
    for record in records:
        notes = record.get("findings", ()) or record.get("defects", ())
        for note in notes:
            terminal.output.text(f"{record['file']}: {_line(note)}")
        if not notes:
            word = "nothing to say" if "findings" in record else "valid"
            terminal.output.text(f"{record['file']}: {word}")


def _line(note: dict[str, str]) -> str:
    if "found" in note:
        return f"{note['path']}: found {note['found']}, expected {note['expected']}"
    told = f"{note['severity']} {note['code']}: {note['message']}; {note['advice']}"
    return f"{note['path']}: {told}"


def _defects(error: "PolicyError") -> list[dict[str, str]]:
    return [
        {"path": defect.path, "found": defect.found, "expected": defect.expected}
        for defect in error.defects
    ]


def _finding(finding: "Finding") -> dict[str, str]:
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "path": finding.path,
        "message": finding.message,
        "advice": finding.advice,
    }


def _kind(kind: str) -> "DocumentKind":
    from iam_policy import DocumentKind

    try:
        return DocumentKind(kind)
    except ValueError:
        raise usage(f"there is no kind `{kind}`; expected {_KINDS}") from None


def _catalogue(file: str) -> "ActionCatalogue":
    from iam_policy.catalogue import CatalogueError, parse_catalogue

    try:
        return parse_catalogue(_content(file))
    except CatalogueError as error:
        defects = "\n".join(f"  {defect}" for defect in error.defects)
        raise usage(f"`{file}` is no action catalogue:\n{defects}") from None


def _content(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).expanduser().read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from None


def _lines(file: str) -> Iterator[bytes]:
    if file == "-":
        yield from sys.stdin.buffer
        return
    try:
        with Path(file).expanduser().open("rb") as lines:
            yield from lines
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: str, error: OSError) -> Failure:
    return usage(f"cannot read `{file}`: {error.strerror}")
