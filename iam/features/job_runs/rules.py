"""When a job is due, what becomes of the slots that nobody was there for, when to try again. Pure.

Schedules are cron expressions as Debian's cron has them, daylight saving time included: of a job at
fixed times, a time that is skipped is due right after the gap, and a time that comes twice is due
the first time. `*` and `*/n` in minutes or hours go on evenly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from iam.errors import invalid

FIELDS: Final = 5
KEPT: Final = timedelta(days=30)
"""How long the runs of a job are kept, and so how far back a slot is looked for."""
MISSED_AT_ONCE: Final = 500
"""How many slots one transaction settles."""
LONGEST_PAUSE: Final = timedelta(minutes=5)
_FIRST_PAUSE: Final[timedelta] = timedelta(seconds=10)
_ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron expression that is known to be good, and the time zone that it is read in.

    Attributes:
        expression: Five fields.
        zone: IANA name, such as `Europe/Vienna`.
    """

    expression: str
    zone: str = "UTC"

    def after(self, instant: datetime) -> Iterator[datetime]:
        """The slots after an instant, in order, in UTC; ends when there will never be another."""
        begin = instant.astimezone(UTC if self.zone == "UTC" else ZoneInfo(self.zone))
        for slot in CronSim(self.expression, begin):
            at = slot.astimezone(UTC)
            # In the second of two equal hours, the first one comes up again.
            if at > instant:
                yield at

    def next(self, instant: datetime) -> datetime | None:
        """The first slot after an instant; `None` when there will never be one."""
        return next(self.after(instant), None)


def parse_schedule(expression: str, zone: str = "UTC") -> Schedule:
    """Read a cron expression of five fields, or an alias such as `@daily`, and a time zone.

    Raises `IamError` of kind `invalid`.
    """
    if zone not in _zones():
        raise invalid("time_zone_unknown", f"`{zone[:64]}` is no IANA time zone")
    fields = _ALIASES.get(expression.strip().lower(), expression).split()
    if len(fields) != FIELDS:
        message = f"expected {FIELDS} fields (minute hour day month weekday), found {len(fields)}"
        raise invalid("schedule_invalid", message)
    schedule = Schedule(" ".join(fields), zone)
    try:
        CronSim(schedule.expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise invalid("schedule_invalid", f"not a cron expression: {str(error).lower()}") from None
    return schedule


@dataclass(frozen=True, slots=True)
class Due:
    """What the passing of time asks for.

    Attributes:
        run: The slot to run now, if any is due: the latest, which stands for those before it.
        missed: The slots before it.
        settled_until: Up to where all slots are accounted for with that.
    """

    run: datetime | None
    missed: tuple[datetime, ...]
    settled_until: datetime


def due(schedule: Schedule, *, settled_until: datetime, now: datetime) -> Due:
    """Which slots have come since the last look, and what becomes of each.

    Slots from before runs are kept at all are passed over. When there are very many, they are
    settled in several steps: a step without `run` that moves `settled_until` is not the last.
    """
    begin = max(settled_until, now - KEPT)
    slots = []
    for slot in islice(schedule.after(begin), MISSED_AT_ONCE + 1):
        if slot > now:
            break
        slots.append(slot)
    if not slots:
        return Due(None, (), settled_until)
    if len(slots) > MISSED_AT_ONCE:
        missed = tuple(slots[:MISSED_AT_ONCE])
        return Due(None, missed, missed[-1])
    return Due(slots[-1], tuple(slots[:-1]), slots[-1])


def pause_before(attempt: int) -> timedelta:
    """How long to wait before this attempt, counted from 1, after the one before has failed."""
    doublings: int = max(attempt - 2, 0)
    return min(_FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


@cache
def _zones() -> frozenset[str]:
    # Not what is in a machine's own folder: each calls another zone `localtime`.
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
