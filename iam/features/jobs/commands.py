"""`iam job ...`."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from iam.terminal.commands import Commands
from iam.terminal.failures import Failure, usage
from iam.terminal.options import LimitOption
from iam.terminal.references import quoted
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Its name; see `iam job list`.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Its id: run_...; see `iam job history`.")
]
_LOOK_SECONDS: Final = 1.0
_UNDER_WAY: Final = frozenset({"queued", "running"})
_WELL: Final = "succeeded"


def _progress(run: Mapping[str, Any]) -> str:
    progress = run["progress"]
    total = "" if progress["total"] is None else f" of {progress['total']}"
    return f"{progress['done']}{total} {progress['text']}".rstrip()


_COLUMNS: Final = (
    Column("Job", "name"),
    Column("Schedule"),
    Column("Time zone"),
    Column("Enabled", "is_enabled"),
    Column("Next", "next_slot"),
    Column("Last run", lambda row: (row["last_run"] or {}).get("created_at")),
    Column("Went", lambda row: (row["last_run"] or {}).get("status")),
)
_RUN_COLUMNS: Final = (
    Column("Slot", lambda row: row["slot"] or "by hand"),
    Column("Status"),
    Column("Attempt"),
    Column("Started", "started_at"),
    Column("Finished", "finished_at"),
    Column("Progress", _progress),
    Column("Error", "error_code"),
    Column("Id"),
)

commands = Commands("job", about="What the installation does by itself, and how it went.")


@commands.command("list")
def list_jobs(terminal: Terminal, *, limit: LimitOption = None) -> None:
    """List jobs by name."""
    terminal.list("/v1/jobs", _COLUMNS, limit=limit)


@commands.command("show", examples=("job show prune-tokens",))
def show_job(terminal: Terminal, job: JobArgument) -> None:
    """Show a job and its last run."""
    terminal.output.record(terminal.api.get(_path(job)))


@commands.command("run", examples=("job run prune-tokens --follow",))
def run_job(
    terminal: Terminal,
    job: JobArgument,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show its progress, and wait for its end.")
    ] = False,
) -> None:
    """Run a job now, whatever its schedule says."""
    run = terminal.api.post(f"{_path(job)}:run")
    if not follow:
        terminal.output.record(run)
        return
    run = _followed(terminal, run)
    terminal.output.record(run)
    if run["status"] != _WELL:
        raise Failure(f"the run has not succeeded: {run['status']}")


@commands.command("history", examples=("job history prune-tokens --status failed",))
def list_runs(
    terminal: Terminal,
    job: JobArgument,
    *,
    status: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="Such as failed or missed.")
    ] = None,
    limit: LimitOption = 20,
) -> None:
    """List the runs of a job, newest first; the last 20 unless told otherwise."""
    terminal.list(f"{_path(job)}/runs", _RUN_COLUMNS, limit=limit, status=status)


@commands.command("cancel", examples=("job cancel prune-tokens run_...",))
def cancel_run(terminal: Terminal, job: JobArgument, run: RunArgument) -> None:
    """End a run: at once while it waits, within seconds while it runs."""
    answer = terminal.api.post(f"{_path(job)}/runs/{quoted(run)}:cancel")
    terminal.output.done(f"run {run} ends", answer)


@commands.command("enable")
def enable_job(terminal: Terminal, job: JobArgument) -> None:
    """Have a job run by its schedule again."""
    answer = terminal.api.patch(_path(job), {"is_enabled": True})
    terminal.output.done(f"enabled job {job}", answer)


@commands.command("disable")
def disable_job(terminal: Terminal, job: JobArgument) -> None:
    """Have a job run only when somebody asks for it."""
    answer = terminal.api.patch(_path(job), {"is_enabled": False})
    terminal.output.done(f"disabled job {job}", answer)


@commands.command(
    "schedule",
    examples=(
        "job schedule prune-tokens '30 2 * * *' --time-zone Europe/Lisbon",
        "job schedule prune-tokens --default",
    ),
)
def schedule_job(
    terminal: Terminal,
    job: JobArgument,
    expression: Annotated[
        str | None,
        typer.Argument(metavar="CRON", help="minute hour day month weekday; or such as @daily."),
    ] = None,
    *,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", metavar="ZONE", help="Such as Europe/Lisbon.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="The default schedule again.")] = False,
) -> None:
    """Change when a job runs."""
    if default and expression is not None:
        raise usage("give a cron expression or --default, not both")
    changes: dict[str, Any] = {"schedule": expression} if expression or default else {}
    if time_zone is not None:
        changes["time_zone"] = time_zone
    if not changes:
        raise usage("nothing to change", "give a cron expression, --time-zone or --default")
    terminal.output.record(terminal.api.patch(_path(job), changes))


def _followed(terminal: Terminal, run: dict[str, Any]) -> dict[str, Any]:
    """The run at its end; until then what changes is told line by line."""
    path = f"{_path(run['job'])}/runs/{quoted(run['id'])}"
    told = ""
    while True:
        text = f"{run['status']} {_progress(run)}"
        if text != told:
            terminal.output.remark(text)
        if run["status"] not in _UNDER_WAY:
            return run
        told = text
        time.sleep(_LOOK_SECONDS)
        run = terminal.api.get(path)


def _path(job: str) -> str:
    return f"/v1/jobs/{quoted(job)}"
