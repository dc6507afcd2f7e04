"""Every import contract is broken once, in a copy of the tree, and must turn red.

A contract whose wildcard matches nothing, or whose module was renamed, is green for ever. So the
copy gets one more feature, with every kind of module that a feature may have, and each case below
adds one import that its contract forbids.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOORS = ("routes", "fast", "pages", "commands", "jobs")
INNER = (
    "local_commands",
    "schemas",
    "service",
    "grants",
    "queries",
    "snapshots",
    "rules",
    "shipped",
)
SPECIMEN = "iam.features.specimen"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]

FORBIDDEN = [
    ("products", "iam_sdk.tokens", "iam.errors"),
    ("products", "iam_policy.names", "iam_sdk.jws"),
    ("server-layers", "iam.errors", "iam.kit.clock"),
    ("server-layers", "iam.models.base", "iam.journal.events"),
    ("server-layers", "iam.authz", "iam.runtime"),
    ("server-layers", "iam.http", "iam.features.users.service"),
    ("server-layers", "iam.http", "iam.terminal"),
    ("server-layers", "iam.features.users.service", "iam.app"),
    ("server-layers", "iam.utils", "iam.errors"),
    ("feature-shape", f"{SPECIMEN}.rules", f"{SPECIMEN}.queries"),
    ("feature-shape", f"{SPECIMEN}.service", f"{SPECIMEN}.schemas"),
    ("feature-shape", f"{SPECIMEN}.routes", f"{SPECIMEN}.fast"),
    ("feature-shape", f"{SPECIMEN}.queries", f"{SPECIMEN}.snapshots"),
    ("feature-shape", f"{SPECIMEN}.local_commands", f"{SPECIMEN}.commands"),
    ("feature-shape", f"{SPECIMEN}.helpers", f"{SPECIMEN}.rules"),
    ("features-acyclic", "iam.features.users.service", f"{SPECIMEN}.service"),
    ("doors-are-private", f"{SPECIMEN}.routes", "iam.features.users.routes"),
    ("doors-are-private", f"{SPECIMEN}.service", "iam.features.users.commands"),
    ("no-web-below-doors", f"{SPECIMEN}.service", "fastapi"),
    ("no-web-below-doors", f"{SPECIMEN}.snapshots", "starlette.responses"),
    ("no-web-below-doors", f"{SPECIMEN}.queries", "iam.runtime"),
    ("no-web-below-doors", "iam.work", "starlette"),
    ("no-web-below-doors", "iam.errors", "fastapi"),
    ("commands-are-clients", f"{SPECIMEN}.commands", "iam.http"),
    ("commands-are-clients", f"{SPECIMEN}.local_commands", "starlette"),
    ("commands-are-clients", "iam.terminal", "fastapi"),
    ("server-has-no-terminal", f"{SPECIMEN}.routes", "iam.terminal"),
    ("server-has-no-terminal", "iam.app", "typer"),
    ("rules-are-pure", f"{SPECIMEN}.rules", "sqlalchemy"),
    ("rules-are-pure", f"{SPECIMEN}.rules", "iam.models.base"),
    ("rules-are-pure", f"{SPECIMEN}.rules", "iam.authz.gather"),
    ("settings-by-argument", f"{SPECIMEN}.service", "iam.settings"),
    ("settings-by-argument", "iam.authz", "iam.settings"),
    ("journal-owns-its-tables", f"{SPECIMEN}.service", "iam.models.audit_entry"),
    ("journal-owns-its-tables", f"{SPECIMEN}.queries", "iam.models.outbox_message"),
    ("server-uses-pure-sdk", f"{SPECIMEN}.service", "iam_sdk.testing"),
    ("server-uses-pure-sdk", "iam.authz", "iam_sdk"),
    ("verification-is-pure", "iam_sdk.tokens", "time"),
    ("verification-is-pure", "iam_sdk.jws", "httpx2"),
    ("engine-is-pure", "iam_policy.names", "os"),
    ("engine-is-pure", "iam_policy.names", "jwt"),
]


# One process for all cases: importing the linter takes longer than using it.
LINTER = """
import contextlib, io, json, pathlib, sys
from importlinter.cli import lint_imports

def report(contract):
    with contextlib.redirect_stdout(io.StringIO()) as output:
        lint_imports("pyproject.toml", limit_to_contracts=contract, cache_dir=None)
    return output.getvalue().partition("\\n\\n\\n")[2]  # without its logo

reports = [report(())]
for contract, path, imported in json.load(sys.stdin):
    path = pathlib.Path(path)
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\\nimport {imported}\\n")
    reports.append(report((contract,)))
    path.unlink() if before is None else path.write_text(before)
json.dump(reports, sys.stdout)
"""


def path_of(module: str, root: Path) -> Path:
    parts = module.split(".")
    base = root if parts[0] == "iam" else root / "sdk"
    package = base.joinpath(*parts)
    return package / "__init__.py" if package.is_dir() else package.with_suffix(".py")


def plant_tree(root: Path) -> None:
    for name in ("iam", "sdk"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    specimen = root / "iam" / "features" / "specimen"
    specimen.mkdir()
    (specimen / "__init__.py").touch()
    for name in (*DOORS, *INNER):
        (specimen / f"{name}.py").touch()
    # It stands above a real feature, so that an import back is a cycle.
    (specimen / "service.py").write_text("import iam.features.users.service\n")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str] | None, str]:
    """What the linter says of the clean copy (under None) and of each forbidden import."""
    root = tmp_path_factory.mktemp("tree")
    plant_tree(root)
    cases = [(contract, str(path_of(at, root)), imported) for contract, at, imported in FORBIDDEN]
    linter = subprocess.run(
        [sys.executable, "-c", LINTER],
        check=True,
        cwd=root,
        input=json.dumps(cases),
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": f"{root}:{root / 'sdk'}"},
    )
    return dict(zip((None, *FORBIDDEN), json.loads(linter.stdout), strict=True))


@pytest.mark.parametrize("case", FORBIDDEN, ids=" ".join)
def test_a_forbidden_import_breaks_its_contract(
    reports: dict[tuple[str, str, str] | None, str], case: tuple[str, str, str]
) -> None:
    assert "0 kept, 1 broken" in reports[case], reports[case]


def test_the_copy_without_a_forbidden_import_is_clean(
    reports: dict[tuple[str, str, str] | None, str],
) -> None:
    assert f"{len(CONTRACTS)} kept, 0 broken" in reports[None], reports[None]


def test_every_contract_is_broken_once() -> None:
    assert {each["id"] for each in CONTRACTS} == {contract for contract, _, _ in FORBIDDEN}
