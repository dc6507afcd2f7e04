"""Stored profiles: who a person's `iam` command is, on which server. A private file per user.

The SDK reads the same file (`iam_sdk.credentials`).
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from iam.terminal.failures import misconfigured

DEFAULT_PROFILE: Final = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A server and a credential for it."""

    issuer: str
    url: str
    client_id: str
    client_secret: str = field(repr=False)


def profiles_file() -> Path:
    """Where the profiles are."""
    from iam_sdk.credentials import PROFILES_FILE

    return PROFILES_FILE.expanduser()


def profile_names() -> list[str]:
    """The names of the stored profiles."""
    return sorted(_read())


def save_profile(name: str, profile: Profile) -> Path:
    """Store a profile under this name, in a file that only its owner may read."""
    file = profiles_file()
    content = json.dumps({**_read(), name: asdict(profile)}, indent=2).encode()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Written beside and renamed: an interrupted write must not lose the other profiles.
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content + b"\n")
    beside.replace(file)
    return file


def _read() -> dict[str, Any]:
    file = profiles_file()
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise misconfigured(
            f"cannot read the profiles in `{file}`", "repair or remove it"
        ) from None
    if not isinstance(content, dict):
        raise misconfigured(f"expected profiles by name in `{file}`", "repair or remove it")
    return content
