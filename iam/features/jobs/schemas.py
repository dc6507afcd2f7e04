"""Wire shapes of jobs and their runs."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field

from iam.features.jobs.service import JobView
from iam.features.principals.schemas import Input, Output
from iam.http import examples
from iam.models import JobRun
from iam.work import UnitOfWork

_RUN: Final[dict[str, Any]] = {
    "id": examples.JOB_RUN,
    "job": "prune-tokens",
    "slot": "2026-05-11T14:20:00Z",
    "status": "running",
    "attempt": 1,
    "progress": {"done": 4000, "total": 5200, "text": ""},
    "requested_by": None,
    "cancel_requested_by": None,
    "worker": "iam-worker-2:1",
    "error_code": None,
    "error": None,
    "created_at": "2026-05-11T14:20:00Z",
    "not_before": "2026-05-11T14:20:00Z",
    "started_at": "2026-05-11T14:20:01Z",
    "finished_at": None,
}


class ProgressOut(Output):
    """How far a run is, in units of the job's own."""

    done: int
    total: int | None = Field(description="null while nobody knows")
    text: str


class JobRunOut(Output):
    """A run of a job."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_RUN))

    id: str
    job: str
    slot: datetime | None = Field(
        description="the instant in the schedule that it stands for; null when somebody asked"
    )
    status: str = Field(
        description="`queued`, `running`, `succeeded`, `incomplete`, `failed`, `cancelled`, "
        "`missed` or `lost`"
    )
    attempt: int = Field(description="attempts begun so far")
    progress: ProgressOut
    requested_by: str | None
    cancel_requested_by: str | None
    worker: str | None = Field(description="the process that ran it last")
    error_code: str | None
    error: str | None
    created_at: datetime
    not_before: datetime = Field(description="when the next attempt may begin, while queued")
    started_at: datetime | None = Field(description="when the latest attempt began")
    finished_at: datetime | None

    @classmethod
    def of(cls, row: JobRun) -> Self:
        """Present a row."""
        progress = ProgressOut(
            done=row.progress_done, total=row.progress_total, text=row.progress_text
        )
        derived = {
            "progress": progress,
            "requested_by": row.requested_by or None,
            "worker": row.worker or None,
        }
        columns = {name: getattr(row, name) for name in cls.model_fields if name not in derived}
        return cls.model_validate(columns | derived)


class JobOut(Output):
    """A job."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            name="prune-tokens",
            arn=examples.arn("job/prune-tokens"),
            description="Removes ledger rows of tokens that ended 30 days ago",
            schedule="20 * * * *",
            default_schedule="20 * * * *",
            time_zone="UTC",
            is_enabled=True,
            next_slot="2026-05-11T15:20:00Z",
            last_run=None,
            created_at=examples.CREATED,
            updated_at=examples.CREATED,
            version=1,
        )
    )

    name: str
    arn: str
    description: str
    schedule: str = Field(description="cron expression: minute, hour, day, month, weekday")
    default_schedule: str
    time_zone: str = Field(description="IANA name of the zone that the schedule is read in")
    is_enabled: bool
    next_slot: datetime | None = Field(
        description="when it is due next; null while it is disabled, and past while no worker runs"
    )
    last_run: JobRunOut | None
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="also the ETag")

    @classmethod
    def of(cls, uow: UnitOfWork, view: JobView) -> Self:
        """Present a job."""
        derived = {
            "arn": uow.arn(view.row),
            "next_slot": view.next_slot,
            "last_run": JobRunOut.of(view.last_run) if view.last_run is not None else None,
        }
        columns = {
            name: getattr(view.row, name) for name in cls.model_fields if name not in derived
        }
        return cls.model_validate(columns | derived)


class JobPatch(Input):
    """What to change of a job; members that are left out stay as they are."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(schedule="30 2 * * *", time_zone="Europe/Lisbon")
    )

    schedule: Annotated[
        str | None, Field(max_length=200, description="null: the default again; `@daily` works too")
    ] = None
    time_zone: Annotated[str, Field(max_length=64)] = "UTC"
    is_enabled: bool = True
