"""Every import contract is broken once, in a copy of the tree, and must turn red.

A contract whose wildcard matches nothing, or whose module was renamed, is green for ever. So the
copy gets one more feature, with every kind of module that a feature may have, and each case below
adds one import that its contract forbids.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOORS = ("routes", "fast", "pages", "commands", "jobs")
INNER = ("schemas", "service", "grants", "queries", "snapshots", "rules", "shipped")
SPECIMEN = "iam.features.specimen"

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
    ("commands-are-clients", "iam.terminal", "fastapi"),
    ("server-has-no-terminal", f"{SPECIMEN}.routes", "iam.terminal"),
    ("server-has-no-terminal", "iam.app", "typer"),
    ("rules-are-pure", f"{SPECIMEN}.rules", "sqlalchemy"),
    ("rules-are-pure", f"{SPECIMEN}.rules", "iam.models.base"),
    ("settings-by-argument", f"{SPECIMEN}.service", "iam.settings"),
    ("settings-by-argument", "iam.http", "iam.settings"),
    ("journal-owns-its-tables", f"{SPECIMEN}.service", "iam.models.audit_entry"),
    ("journal-owns-its-tables", f"{SPECIMEN}.queries", "iam.models.outbox_message"),
    ("server-uses-pure-sdk", f"{SPECIMEN}.service", "iam_sdk.jwks"),
    ("server-uses-pure-sdk", "iam.http", "iam_sdk.source"),
    ("verification-is-pure", "iam_sdk.tokens", "time"),
    ("verification-is-pure", "iam_sdk.jws", "httpx2"),
    ("engine-is-pure", "iam_policy.names", "os"),
    ("engine-is-pure", "iam_policy.names", "jwt"),
]


def path_of(module: str, root: Path) -> Path:
    parts = module.split(".")
    base = root if parts[0] == "iam" else root / "sdk"
    package = base.joinpath(*parts)
    return package / "__init__.py" if package.is_dir() else package.with_suffix(".py")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tree")
    for name in ("iam", "sdk"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    specimen = copy / "iam" / "features" / "specimen"
    specimen.mkdir()
    (specimen / "__init__.py").touch()
    for name in (*DOORS, *INNER):
        (specimen / f"{name}.py").touch()
    # A feature that stands below the one under test, so that the way back is a cycle.
    (specimen / "service.py").write_text("import iam.features.users.service\n")
    return copy


def contracts_hold(tree: Path, contract: str) -> tuple[bool, str]:
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [program, "--contract", contract, "--cache-dir", tree / ".cache"],
        check=False,
        cwd=tree,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{tree}:{tree / 'sdk'}", "PATH": ""},
    )
    return result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("contract", "importer", "imported"), FORBIDDEN)
def test_a_forbidden_import_breaks_its_contract(
    tree: Path, contract: str, importer: str, imported: str
) -> None:
    path = path_of(importer, tree)
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\nimport {imported}\n")
    try:
        held, report = contracts_hold(tree, contract)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    assert not held
    assert "BROKEN" in report, report


def test_every_contract_is_broken_once() -> None:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert {each["id"] for each in configured["contracts"]} == {each[0] for each in FORBIDDEN}


def test_the_copy_without_a_forbidden_import_is_clean(tree: Path) -> None:
    for contract in sorted({each[0] for each in FORBIDDEN}):
        held, report = contracts_hold(tree, contract)
        assert held, report
