r"""InfluxDB's line protocol: `measurement,tag=value field=value timestamp`. Pure.

https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/ says what is
escaped: in a measurement commas and spaces, in tags those and equals signs. A line cannot hold a
line break, nor a tag end in a backslash, which would escape what follows.
"""

import math
from collections.abc import Mapping
from typing import Final

_MEASUREMENT: Final = str.maketrans({",": r"\,", " ": r"\ ", "\n": r"\n", "\r": r"\r"})
_TAG: Final = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\=", "\n": r"\n", "\r": r"\r"})


def line(measurement: str, tags: Mapping[str, str], value: float, nanoseconds: int) -> str | None:
    """One point with the field `value`, a float; `None` for what the protocol has no form for.

    `nanoseconds` are since 1970. A tag without a value is left out: there is no such tag.
    """
    if not math.isfinite(value):
        return None
    parts = [measurement.translate(_MEASUREMENT)]
    for key, text in sorted(tags.items()):  # in this order a server need not sort them
        escaped = text.translate(_TAG).rstrip("\\")
        if escaped:
            parts.append(f"{key.translate(_TAG)}={escaped}")
    return f"{','.join(parts)} value={float(value)!r} {nanoseconds}"
