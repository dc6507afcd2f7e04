"""DOOR: operators. `iam` itself, and the two of its commands that start a process."""

import os
import sys
from typing import Annotated, Any, Final

import typer

from iam.kit.garbage import made_to_stay
from iam.kit.imports import missing
from iam.terminal.commands import HELP, JsonOption, ProfileOption, ServerOption, declare
from iam.terminal.failures import EXIT_CODES_HELP, ExitCode
from iam.terminal.terminal import Terminal

_UNUSED: Final = (
    "rich",  # structlog would print tracebacks with it, local variables and all
    "watchfiles",  # uvicorn would start again whenever a file changes
)
"""What others import if it is there, and no process of ours uses."""


def program() -> typer.Typer:
    """`iam` with all its commands."""
    # Imported here: a process that starts would wait for a hundred commands that it does not run.
    from iam.commands import add_commands

    app = processes()
    add_commands(app)
    return app


def processes() -> typer.Typer:
    """`iam` as far as it starts processes."""
    app = typer.Typer(
        name="iam",
        help="Access control and identity for services and people.",
        epilog=EXIT_CODES_HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=dict(HELP),
    )
    app.callback()(general)
    examples = ("serve", "serve --demo", "serve --host 0.0.0.0 --port 9000")
    declare(app, "serve", examples=examples, connects=False)(serve)
    declare(app, "worker", examples=("worker",), connects=False)(work)
    return app


def general(
    ctx: typer.Context,
    *,
    server: ServerOption = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Access control and identity for services and people."""
    ctx.obj = {"server": server, "profile": profile, "as_json": as_json}


def serve(
    terminal: Terminal,
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one. [8080]")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="With a company to look at; `iam demo remove` ends it.")
    ] = False,
) -> None:
    """Run the server.

    Without any setting it keeps its data in ./iam-data, in SQLite, and needs nothing else. Settings
    are IAM_* variables.
    """
    del terminal
    # Imported here: no other command needs the server, and it takes a second to import.
    with made_to_stay(), missing(*_UNUSED):
        from iam.kit.logs import configure_logs
        from iam.server import run_server
        from iam.terminal.host import read_host_settings

    given: dict[str, Any] = {"host": host, "port": port}
    settings = read_host_settings(**{k: v for k, v in given.items() if v is not None})
    configure_logs(as_json=not sys.stdout.isatty())
    run_server(settings, with_demo=demo)


def work(terminal: Terminal) -> None:
    """Keep house on PostgreSQL: rotate keys in time, remove what is over.

    On SQLite the server does it itself. Any number of workers may run.
    """
    del terminal
    with made_to_stay(), missing(*_UNUSED):
        from iam.kit.logs import configure_logs
        from iam.server import run_worker
        from iam.terminal.host import read_host_settings

    settings = read_host_settings()
    configure_logs(as_json=not sys.stdout.isatty())
    run_worker(settings)


def main() -> None:
    """Run the command that was typed."""
    # A person's variable may hold what typer would take for options of ours.
    os.environ.setdefault("TYPER_USE_RICH", "0")
    # What comes in may hold secrets, and a plugin of another package would see it all. To look for
    # one takes a look into every package that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    starts_process = sys.argv[1:2] in (["serve"], ["worker"])
    try:
        app = processes() if starts_process else program()
        app(prog_name="iam")
    except KeyboardInterrupt:
        raise SystemExit(ExitCode.INTERRUPTED) from None
