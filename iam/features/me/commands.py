"""`iam whoami`."""

import typer

from iam.terminal.commands import declare
from iam.terminal.terminal import Terminal


def add_commands(app: typer.Typer) -> None:
    """Add the command to `iam` itself."""
    declare(app, "whoami", examples=("whoami", "--profile staging whoami"))(whoami)


def whoami(terminal: Terminal) -> None:
    """Tell as whom, and on which server, commands act."""
    me = terminal.api.get("/v1/me")
    if terminal.output.as_json:
        terminal.output.json(me)
        return
    shown = {
        "arn": me["arn"],
        "id": me["sub"],
        "account": me["account"],
        "groups": [arn.rpartition(":")[2] for arn in me["groups"]],
        "server": terminal.api.url,
        "token until": me["token"]["expires_at"],
    }
    terminal.output.record(shown)
