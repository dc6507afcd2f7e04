"""Backup, loss and recovery as an operator does them, with real processes on SQLite."""

import json
import shutil
from pathlib import Path

import pytest

from tests.host import Host

pytestmark = pytest.mark.long  # a dozen processes; what they do is shown one by one elsewhere


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_f_24_after_the_loss_of_a_disk_the_backup_and_the_recovery_key_bring_everything_back(
    host: Host, tmp_path: Path
) -> None:
    made = host.run("bootstrap", "--local", "--service", "admin", "--json")
    assert made.returncode == 0, made.stderr
    early = host.run("backup", "create", "--local")
    assert early.returncode == 6
    assert "master-key escrow" in early.stderr
    identity = tmp_path / "recovery-key.txt"
    key = json.loads(host.run("master-key", "keygen", "--output", str(identity), "--json").stdout)
    copy = tmp_path / "copy.age"
    escrow = host.run(
        "master-key", "escrow", "--local",
        "--recipient", key["recipient"], "--output", str(copy),
    )  # fmt: skip
    assert escrow.returncode == 0, escrow.stderr
    arguments = ("master-key", "recover", str(copy), "--identity", str(identity), "--json")
    code = json.loads(host.run(*arguments).stdout)["confirmation"]
    wrong = host.run("master-key", "confirm", "0000-0000-0000-0000", "--local")
    assert wrong.returncode == 5
    confirmed = host.run("master-key", "confirm", code, "--local")
    assert confirmed.returncode == 0, confirmed.stderr
    with host.serve():
        backup = json.loads(host.run("backup", "create", "--local", "--json").stdout)
        refused = host.run("backup", "restore", backup["path"], "--local", "--replace")
        assert refused.returncode == 6
        assert "in use by server" in refused.stderr
    away = shutil.copy(backup["path"], tmp_path / "away")
    shutil.rmtree(host.data)
    lost = host.run("backup", "restore", str(away), "--local")
    assert lost.returncode == 7
    assert "--identity" in lost.stderr
    restored = host.run(
        "backup", "restore", str(away), "--local", "--identity", str(identity), "--json"
    )
    assert restored.returncode == 0, restored.stderr
    assert json.loads(restored.stdout)["quarantined"] == 1
    assert (host.data / "master.key").stat().st_mode & 0o777 == 0o600
    again = host.run("backup", "restore", str(away), "--local")
    assert again.returncode == 6
    assert "--replace" in again.stderr
    replaced = host.run("backup", "restore", str(away), "--local", "--replace", "--json")
    assert replaced.returncode == 0, replaced.stderr
    epochs = [json.loads(each.stdout)["restore_epoch"] for each in (restored, replaced)]
    assert epochs[0] < epochs[1]
    assert (host.data / "iam.db.replaced").exists()
    assert not list(host.data.glob("*.restoring*"))
    admin = host.run("bootstrap", "--local", "--service", "admin", "--save-profile")
    assert admin.returncode == 0, admin.stderr
    with host.serve() as served:
        assert host.run("whoami", IAM_URL=served.url).returncode == 0
        old = json.loads(made.stdout)
        denied = host.run(
            "whoami",
            IAM_URL=served.url,
            IAM_CLIENT_ID=old["client_id"],
            IAM_CLIENT_SECRET=old["client_secret"],
        )
        assert denied.returncode == 3
