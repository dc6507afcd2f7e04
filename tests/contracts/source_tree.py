"""The files of this repository, for tests that judge the source itself."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVER = "iam"
ENGINE = "sdk/iam_policy"
SDK = "sdk/iam_sdk"
_SKIPPED = {".boot", ".git", ".interop", ".venv", "__pycache__", "dist", "iam-data"}


def python_files(*folders: str) -> list[Path]:
    """Every module below these folders, as paths relative to the root."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found if not _SKIPPED & set(path.parts))


@cache
def parse(path: Path) -> ast.Module:
    """The syntax tree of one module."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods and inner ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function's body, without its docstring."""
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def tracked_texts() -> Iterator[tuple[Path, str]]:
    """Every text file that git knows or would add, with its content."""
    listed = subprocess.run(
        [
            "/usr/bin/env",
            "git",
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        try:
            yield Path(name), (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):  # a picture; or deleted, not yet committed
            continue
