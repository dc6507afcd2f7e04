import subprocess
import sys
from pathlib import Path

import pytest

from iam.errors import ErrorKind, IamError
from iam.kit.database_lock import LockHolder, find_holder, lock_file, locked_database

HOLD = """
import sys
from pathlib import Path
from iam.kit.database_lock import locked_database
with locked_database(Path(sys.argv[1]), role="server") as lock:
    lock.announce("http://localhost:1")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "iam.db"


def test_one_process_holds_the_lock_and_says_who_it_is(database: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(database)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as holder:  # type: ignore[call-overload] # pipes
        assert holder.stdout.readline() == b"held\n"
        assert find_holder(database) == LockHolder(holder.pid, "server", "http://localhost:1")
        with pytest.raises(IamError) as refused, locked_database(database, role="other"):
            pass
        assert (refused.value.kind, refused.value.code) == (ErrorKind.CONFLICT, "database_locked")
        assert f"server {holder.pid}" in refused.value.message
        holder.kill()
    with locked_database(database, role="other"):  # a dead process holds nothing
        pass


def test_whoever_let_go_is_no_holder(database: Path) -> None:
    assert find_holder(database) is None
    with locked_database(database, role="migrate"):
        pass
    assert find_holder(database) is None
    assert lock_file(database).stat().st_mode & 0o077 == 0
