"""The settings of this host as people may see them."""

from typing import Final

from iam.kit.setting_table import markdown, setting_rows, shown, value_at
from iam.settings import Settings, examine_settings
from iam.terminal.host import unusable

_DEFAULT: Final = "default"


def page() -> str:
    """The table of the documentation."""
    return markdown(setting_rows(Settings)).rstrip()


def views() -> list[dict[str, str]]:
    """Every setting that counts now, with its source.

    Raises `Failure` that lists every problem when there are any.
    """
    reading = examine_settings()
    if reading.settings is None:
        raise unusable(reading.problems)
    given = reading.found.given
    return [
        {
            "name": row.name,
            "variable": row.variable,
            "value": shown(row, value_at(reading.settings, row.name)),
            "source": given[row.name].source if row.name in given else _DEFAULT,
        }
        for row in setting_rows(Settings)
    ]
