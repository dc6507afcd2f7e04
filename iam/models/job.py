"""Jobs: what the installation does by itself, when, and how each run went."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.account import MAIN_ACCOUNT
from iam.models.base import Base, IdColumn

JobNameColumn = String(64)


class Job(Base, kw_only=True):
    """One job of the installation. What it does is code; when, an operator may change."""

    __tablename__ = "jobs"

    name: Mapped[str] = mapped_column(JobNameColumn, primary_key=True)
    description: Mapped[str] = mapped_column(String(1000))
    default_schedule: Mapped[str] = mapped_column(String(200))
    # NULL: the default, also when a later release has another one.
    own_schedule: Mapped[str | None] = mapped_column(String(200), default=None)
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    is_enabled: Mapped[bool] = mapped_column(default=True)
    # Every slot up to here has a run, or never needs one.
    settled_until: Mapped[datetime]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    # Counted by hand: a run moves `settled_until`, and is no change that anybody could overwrite.
    version: Mapped[int] = mapped_column(default=1)

    @property
    def id(self) -> str:
        """A job has no id but its name, which is part of the code."""
        return self.name

    @property
    def schedule(self) -> str:
        """The cron expression that holds now."""
        return self.own_schedule or self.default_schedule

    @property
    def account(self) -> str:
        """Jobs belong to the installation, which `main` looks after."""
        return MAIN_ACCOUNT

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return f"job/{self.name}"


class RunStatus(StrEnum):
    """Where a run stands. `queued` and `running` go on; the others are ends."""

    QUEUED = "queued"
    """It waits for a worker: a new run, or the next attempt of one."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    INCOMPLETE = "incomplete"
    """It came to its end, and says that it left something out."""
    FAILED = "failed"
    """No attempt is left."""
    CANCELLED = "cancelled"
    MISSED = "missed"
    """Nobody was there to run it when it was due; a later slot stands for it."""
    LOST = "lost"
    """The worker that ran it is gone, and no attempt is left."""

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to the run any more."""
        return self not in {RunStatus.QUEUED, RunStatus.RUNNING}


_STATUSES = ", ".join(f"'{status}'" for status in RunStatus)
_ACTIVE = "status IN ('queued', 'running')"


class JobRun(Base, kw_only=True):
    """One run of a job: that of one slot of its schedule, or one that somebody asked for.

    A slot has one row, however many attempts it takes.
    """

    __tablename__ = "job_runs"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        Index("uq_job_runs_slot", "job", "slot", unique=True),
        Index("ix_job_runs_list", "job", "id"),
        Index(
            "ix_job_runs_active",
            "job",
            sqlite_where=text(_ACTIVE),
            postgresql_where=text(_ACTIVE),
        ),
        Index("ix_job_runs_finished_at", "finished_at"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    job: Mapped[str] = mapped_column(JobNameColumn, ForeignKey("jobs.name"))
    # The instant that the schedule names; NULL for a run that somebody asked for.
    slot: Mapped[datetime | None] = mapped_column(default=None)
    status: Mapped[str] = mapped_column(String(16))
    # Attempts begun so far, and the fence that the latest of them ran under.
    attempt: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int | None] = mapped_column(BigInteger, default=None)
    worker: Mapped[str] = mapped_column(String(255), default="")
    requested_by: Mapped[str] = mapped_column(String(700), default="")
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    progress_done: Mapped[int] = mapped_column(BigInteger, default=0)
    progress_total: Mapped[int | None] = mapped_column(BigInteger, default=None)
    progress_text: Mapped[str] = mapped_column(String(200), default="")
    error_code: Mapped[str | None] = mapped_column(String(64), default=None)
    error: Mapped[str | None] = mapped_column(Text, default=None)
    cancel_requested_by: Mapped[str | None] = mapped_column(String(700), default=None)

    @property
    def account(self) -> str:
        """Runs belong to the installation, which `main` looks after."""
        return MAIN_ACCOUNT

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN: that of its job, which is what policies name."""
        return f"job/{self.job}"
