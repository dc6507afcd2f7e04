"""The life of the master key as an operator sees it, with real processes on SQLite."""

import json
from pathlib import Path

import pytest

from tests.host import Host

pytestmark = pytest.mark.long  # a dozen processes; what they do is shown one by one elsewhere


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def status(host: Host) -> dict[str, tuple[str, int]]:
    """State and number of values by the key's id."""
    answer = host.run("master-key", "status", "--local", "--json")
    assert answer.returncode == 0, answer.stderr
    return {each["key"]: (each["state"], each["values"]) for each in json.loads(answer.stdout)}


def test_sr_03_f_31_a_key_follows_another_while_the_server_runs_and_restarts(host: Host) -> None:
    made = host.run("bootstrap", "--local", "--service", "admin", "--save-profile")
    assert made.returncode == 0, made.stderr
    key_file = host.data / "master.key"
    (old,) = status(host)
    with host.serve() as served:
        rotated = host.run("master-key", "rotate", "--local", "--json")
        assert rotated.returncode == 0, rotated.stderr
        new = json.loads(rotated.stdout)["key_id"]
        assert len(key_file.read_text().split()) == 2
        resealed = host.run("master-key", "reseal", "--local")
        assert resealed.returncode == 0, resealed.stderr
        found = status(host)
        assert found[old] == ("retiring", 0)
        assert found[new][0] == "active"
        assert found[new][1] > 0
        early = host.run("master-key", "retire", old, "--local")
        assert early.returncode == 6
        assert "5 minutes" in early.stderr
        kept = key_file.read_bytes()
        key_file.unlink()
        # What runs goes on with the keys in its memory.
        assert host.run("keys", "rotate", IAM_URL=served.url).returncode == 0
    refused = host.run("serve", "--port", "0")
    assert refused.returncode == 78
    assert "No new key was made" in refused.stderr
    lines = kept.splitlines(keepends=True)
    key_file.write_bytes(lines[1])
    key_file.chmod(0o600)
    lacking = host.run("serve", "--port", "0")
    assert lacking.returncode == 78
    assert old in lacking.stderr
    key_file.write_bytes(kept)
    with host.serve() as served:
        assert host.run("whoami", IAM_URL=served.url).returncode == 0
