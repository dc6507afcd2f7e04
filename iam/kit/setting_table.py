"""Settings as rows of a table: name, variable, default, bounds and meaning of each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import cache
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from iam.kit.setting_sources import variable_of

HIDDEN: Final = "(hidden)"
_UNITS: Final = ((86_400, "D"), (3_600, "H"), (60, "M"), (1, "S"))
_BOUNDS: Final = (
    ("ge", "at least {}"),
    ("gt", "above {}"),
    ("le", "at most {}"),
    ("lt", "below {}"),
)


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting.

    Attributes:
        name: Dotted, as in the configuration file: `tokens.user_ttl`.
        about: What its group is for; empty for settings of no group.
        default: As one would write it; empty if there is none.
        bounds: What values it takes, in words; may be empty.
        is_secret: Whether its value is never shown.
    """

    name: str
    about: str
    description: str
    default: str
    bounds: str
    is_secret: bool

    @property
    def variable(self) -> str:
        """The variable in the environment."""
        return variable_of(self.name)

    @property
    def group(self) -> str:
        """The group; empty if it is of none."""
        return self.name.rpartition(".")[0]


@cache
def setting_rows(model: type[BaseModel]) -> tuple[SettingRow, ...]:
    """Every setting of a model, those of its groups behind its own."""
    return tuple(sorted(_rows(model), key=lambda row: bool(row.group)))


def _rows(model: type[BaseModel], prefix: str = "") -> Iterator[SettingRow]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _rows(kind, f"{name}.")
        else:
            about = (model.__doc__ or "").partition("\n")[0] if prefix else ""
            yield SettingRow(
                prefix + name,
                about,
                field.description or "",
                written(field.default),
                _bounds(field),
                is_secret=not field.repr,
            )


def value_at(settings: BaseModel, name: str) -> Any:
    """The value of the setting of this dotted name."""
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def written(value: Any) -> str:
    """A value as one would write it into a variable."""
    match value:
        case None | ():
            return ""
        case bool():
            return str(value).lower()
        case timedelta():
            return _duration(value)
        case Enum():
            return str(value.value)
        case tuple():
            return ",".join(value)
        case _:
            return str(value)


def shown(row: SettingRow, value: Any) -> str:
    """A value as anybody may see it: no secret, and no address with what may be one in it."""
    if value is not None and row.is_secret:
        return HIDDEN
    text = written(value)
    if "://" not in text:
        return text
    parts = urlsplit(text)
    host = parts.netloc.rpartition("@")
    netloc = f"{HIDDEN}@{host[2]}" if host[1] else parts.netloc
    return urlunsplit(parts._replace(netloc=netloc, query=HIDDEN if parts.query else ""))


def markdown(rows: Iterable[SettingRow]) -> str:
    """The table of the documentation: one for the settings of no group, and one for each group."""
    lines: list[str] = []
    for group, members in groupby(rows, key=lambda row: row.group):
        of_group = list(members)
        if group:
            lines += ["", f"### `{group}`: {of_group[0].about.rstrip('.')}", ""]
        lines += ["| variable | default | meaning |", "|---|---|---|"]
        lines += [_line(row) for row in of_group]
    return "\n".join(lines) + "\n"


def _line(row: SettingRow) -> str:
    default = f"`{row.default}`" if row.default else ""
    meaning = "; ".join(filter(None, (row.description, row.bounds))).replace("|", "\\|")
    return f"| `{row.variable}` | {default} | {meaning} |"


def _duration(value: timedelta) -> str:
    """ISO 8601, in its largest unit that has no rest: PT90M, P30D."""
    if value.microseconds:
        return f"PT{value.total_seconds():g}S"
    seconds = int(value.total_seconds())
    size, unit = next((s, u) for s, u in _UNITS if seconds % s == 0 and (seconds >= s or s == 1))
    return f"P{'' if unit == 'D' else 'T'}{seconds // size}{unit}"


def _bounds(field: FieldInfo) -> str:
    found = [
        text.format(written(getattr(each, name)))
        for each in field.metadata
        for name, text in _BOUNDS
        if getattr(each, name, None) is not None
    ]
    return ", ".join(found)
