"""Wire shape of a diagnosis."""

from collections.abc import Sequence
from typing import Self

from pydantic import ConfigDict, Field

from iam.features.diagnostics.rules import Diagnosis, Grade
from iam.features.principals.schemas import Output
from iam.http import examples

_CHECK = {
    "check": "backup",
    "status": "warning",
    "text": "the newest backup is 3 days old",
    "advice": "`iam job history create-backup`",
}


class CheckOut(Output):
    """One thing that was looked at."""

    check: str = Field(description="what was looked at")
    status: Grade
    text: str = Field(description="what was found")
    advice: str = Field(description="what to do; empty if all is well")


class DiagnosticsOut(Output):
    """Everything that was looked at."""

    model_config = ConfigDict(json_schema_extra=examples.example(status="warning", checks=[_CHECK]))

    status: Grade = Field(description="the worst of them")
    checks: list[CheckOut]

    @classmethod
    def of(cls, found: Sequence[Diagnosis]) -> Self:
        """The diagnosis on the wire."""
        checks = [
            CheckOut(check=each.check, status=each.grade, text=each.text, advice=each.advice)
            for each in found
        ]
        grades = list(Grade)
        return cls(status=max((each.grade for each in found), key=grades.index), checks=checks)
