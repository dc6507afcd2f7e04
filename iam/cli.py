"""DOOR: operators. The one list of commands; starts the server too."""

import os
from typing import Annotated, Any

import typer

from iam.features.access import commands as access
from iam.features.accounts import commands as accounts
from iam.features.attachments import commands as attachments
from iam.features.audit_log import commands as audit_log
from iam.features.catalogues import commands as catalogues
from iam.features.credentials import commands as credentials
from iam.features.decisions import commands as decisions
from iam.features.demo import commands as demo
from iam.features.groups import commands as groups
from iam.features.guardrails import commands as guardrails
from iam.features.installation import commands as installation
from iam.features.me import commands as me
from iam.features.policies import commands as policies
from iam.features.resource_policies import commands as resource_policies
from iam.features.roles import commands as roles
from iam.features.services import commands as services
from iam.features.signing_keys import commands as signing_keys
from iam.features.simulation import commands as simulation
from iam.features.users import commands as users
from iam.features.why import commands as why
from iam.kit.garbage import made_to_stay
from iam.terminal.commands import HELP, JsonOption, ProfileOption, ServerOption, declare
from iam.terminal.failures import EXIT_CODES_HELP, ExitCode
from iam.terminal.terminal import Terminal

GROUPS = (
    users.commands,
    services.commands,
    groups.commands,
    roles.commands,
    access.commands,
    policies.commands,
    catalogues.commands,
    attachments.inline,
    attachments.boundary,
    resource_policies.commands,
    guardrails.commands,
    credentials.commands,
    signing_keys.commands,
    accounts.commands,
    audit_log.commands,
)

app = typer.Typer(
    name="iam",
    help="Access control and identity for services and people.",
    epilog=EXIT_CODES_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=dict(HELP),
)


@app.callback()
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
    import sys

    # Imported here: no other command needs the server, and it takes a second to import.
    with made_to_stay():
        from iam.kit.logs import configure_logs
        from iam.server import run_server
        from iam.terminal.host import read_host_settings

    given: dict[str, Any] = {"host": host, "port": port}
    settings = read_host_settings(**{k: v for k, v in given.items() if v is not None})
    configure_logs(as_json=not sys.stdout.isatty())
    run_server(settings, with_demo=demo)


declare(
    app,
    "serve",
    examples=("serve", "serve --demo", "serve --host 0.0.0.0 --port 9000"),
    connects=False,
)(serve)


def work(terminal: Terminal) -> None:
    """Keep house on PostgreSQL: rotate keys in time, remove what is over.

    On SQLite the server does it itself. Any number of workers may run.
    """
    del terminal
    import sys

    with made_to_stay():
        from iam.kit.logs import configure_logs
        from iam.server import run_worker
        from iam.terminal.host import read_host_settings

    settings = read_host_settings()
    configure_logs(as_json=not sys.stdout.isatty())
    run_worker(settings)


declare(app, "worker", examples=("worker",), connects=False)(work)
installation.add_commands(app)
demo.add_commands(app)
me.add_commands(app)
decisions.add_commands(app)
why.add_commands(app)
simulation.add_commands(policies.commands.typer)
access.add_commands(policies.commands.typer)
for group in GROUPS:
    app.add_typer(group.typer)


def main() -> None:
    """Run the command that was typed."""
    # A person's variable may hold what typer would take for options of ours.
    os.environ.setdefault("TYPER_USE_RICH", "0")
    try:
        app(prog_name="iam")
    except KeyboardInterrupt:
        raise SystemExit(ExitCode.INTERRUPTED) from None
