"""The managed policies that come with the software, one JSON file each."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class ShippedPolicy:
    """A shipped policy: its name, what it is for, its document as text."""

    name: str
    description: str
    document: str


@cache
def shipped_policies() -> tuple[ShippedPolicy, ...]:
    """All of them, by name."""
    files = sorted(
        (file for file in resources.files(__name__).iterdir() if file.name.endswith(".json")),
        key=lambda file: file.name,
    )
    return tuple(_read(file.name, file.read_text(encoding="utf-8")) for file in files)


def _read(file_name: str, text: str) -> ShippedPolicy:
    content = json.loads(text)
    document = json.dumps(content["document"], separators=(",", ":"))
    return ShippedPolicy(file_name.removesuffix(".json"), content["description"], document)
