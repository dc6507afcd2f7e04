import os
import stat
from pathlib import Path

import pytest

from iam.errors import ErrorKind, IamError
from iam.kit import private_files
from iam.kit.private_files import (
    create_private_file,
    make_private_directory,
    read_private_file,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    return path


def test_sr_10_a_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "data" / "key"
    before = os.umask(0)
    try:
        create_private_file(path, b"content")
    finally:
        os.umask(before)

    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert read_private_file(path) == b"content"


def test_sr_10_a_directory_that_others_may_enter_is_refused(directory: Path) -> None:
    directory.chmod(0o750)

    with pytest.raises(IamError, match=r"expected directory `.*` with mode 0700, found 0750") as e:
        make_private_directory(directory)

    assert e.value.code == "directory_exposed"


def test_an_existing_file_is_never_replaced(directory: Path) -> None:
    path = directory / "key"
    create_private_file(path, b"first")

    with pytest.raises(IamError) as refusal:
        create_private_file(path, b"second")

    assert (refusal.value.kind, refusal.value.code) == (ErrorKind.CONFLICT, "file_exists")
    assert path.read_bytes() == b"first"


def test_a_dangling_link_is_not_followed(directory: Path) -> None:
    (directory / "key").symlink_to(directory / "elsewhere")

    with pytest.raises(IamError, match="never overwritten"):
        create_private_file(directory / "key", b"content")

    assert not (directory / "elsewhere").exists()


def test_a_failed_write_leaves_nothing_behind(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OSError, match="No space left"):
        create_private_file(directory / "key", b"content")

    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_sr_10_a_file_of_ours_that_others_may_access_is_refused(directory: Path, bits: int) -> None:
    path = directory / "key"
    path.write_bytes(b"content")
    path.chmod(bits)

    with pytest.raises(IamError, match=rf"with mode 0600, found {bits:04o}") as refusal:
        read_private_file(path)

    assert refusal.value.code == "file_exposed"


@pytest.mark.parametrize("bits", [0o400, 0o600])
def test_sr_05_a_file_that_only_we_may_read_is_read(directory: Path, bits: int) -> None:
    path = directory / "key"
    path.write_bytes(b"content")
    path.chmod(bits)

    assert read_private_file(path) == b"content"


def test_a_mounted_secret_may_be_readable_but_not_writable_by_others(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_files, "MOUNTED_SECRETS", directory)
    path = directory / "key"
    path.write_bytes(b"content")

    path.chmod(0o444)
    assert read_private_file(path) == b"content"

    path.chmod(0o464)
    with pytest.raises(IamError, match="not writable by others, found 0464"):
        read_private_file(path)


def test_a_file_of_another_user_counts_as_mounted(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = directory / "key"
    path.write_bytes(b"content")
    path.chmod(0o444)
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    assert read_private_file(path) == b"content"


def test_a_missing_file_is_named(directory: Path) -> None:
    with pytest.raises(IamError, match=r"expected a file at `.*key`, found none") as refusal:
        read_private_file(directory / "key")

    assert refusal.value.code == "file_missing"


def test_what_is_no_file_is_unreadable(directory: Path) -> None:
    with pytest.raises(IamError, match="Is a directory") as refusal:
        read_private_file(directory)

    assert refusal.value.code == "file_unreadable"
