"""What there is to measure. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from iam.features.credentials.rules import ExpiryReport


@dataclass(frozen=True, slots=True)
class Readings:
    """What was measured, at one instant.

    Attributes:
        now: The instant.
        staleness: Seconds since the change log was last read.
        expiries: The live credentials, counted.
    """

    now: datetime
    staleness: float
    expiries: Sequence[ExpiryReport]
