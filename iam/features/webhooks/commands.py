"""`iam webhook ...`."""

import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from iam.terminal.commands import Commands
from iam.terminal.documents import read_text
from iam.terminal.failures import Failure
from iam.terminal.options import DescriptionOption, LimitOption, NameArgument, NewNameArgument
from iam.terminal.private_output import write_secret
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

WAIT_SECONDS: Final = 20
"""How long `iam webhook test` waits for what becomes of the test."""
REPLAYED_AT_ONCE: Final = 1_000
"""How many the server queues again at once."""
_TESTED: Final = "iam.webhook.tested.v1"

EventsOption = Annotated[
    list[str] | None,
    typer.Option("--event", metavar="TYPE", help="iam.user.*, say; may be repeated. [all]"),
]
SecretFileOption = Annotated[
    Path | None,
    typer.Option("--secret-file", metavar="FILE", help="Write the secret here, mode 0600."),
]
NatsSecretOption = Annotated[
    Path | None,
    typer.Option("--nats-secret-file", metavar="FILE", help="Holds a token, or user:password."),
]
_COLUMNS = (
    Column("Name"),
    Column("Kind"),
    Column("Url"),
    Column("Events", "event_types"),
    Column("Status"),
    Column("Failing since"),
    Column("Last delivered at"),
)
_DELIVERY_COLUMNS = (
    Column("Id"),
    Column("Type"),
    Column("Subject", lambda row: row["subject"].rpartition(":")[2]),
    Column("State"),
    Column("Attempts"),
    Column("Status", "last_status"),
    Column("Reason", "last_reason"),
    Column("Next attempt at"),
)

commands = Commands("webhook", about="Where events go: HTTP, Slack, NATS.")


@commands.command(
    "create",
    examples=(
        "webhook create mirror --url https://hooks.example.com/iam --secret-file mirror.secret",
        "webhook create alerts --kind slack --url https://... --event 'iam.credential.*'",
        "webhook create bus --kind nats --url nats://nats:4222",
    ),
)
def create_webhook(
    terminal: Terminal,
    name: NewNameArgument,
    *,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Where to send.")],
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="webhook, slack or nats.")
    ] = "webhook",
    event: EventsOption = None,
    description: DescriptionOption = None,
    nats_secret_file: NatsSecretOption = None,
    secret_file: SecretFileOption = None,
) -> None:
    """Make a webhook; its signing secret is shown once."""
    body: dict[str, Any] = {"name": name, "kind": kind, "url": url}
    options = {"event_types": event, "description": description, "secret": _read(nats_secret_file)}
    body |= {name: value for name, value in options.items() if value is not None}
    _show_secret(terminal, "/v1/webhooks", body, secret_file)


@commands.command("list")
def list_webhooks(terminal: Terminal, *, limit: LimitOption = None) -> None:
    """List webhooks, oldest first."""
    terminal.list("/v1/webhooks", _COLUMNS, limit=limit)


@commands.command("show")
def show_webhook(terminal: Terminal, webhook: NameArgument) -> None:
    """Show a webhook; never its secret."""
    terminal.output.record(terminal.api.get(terminal.refer(webhook, "webhook").path))


@commands.command("update", examples=("webhook update mirror --event 'iam.user.*'",))
def update_webhook(
    terminal: Terminal,
    webhook: NameArgument,
    *,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Where to send from now on.")
    ] = None,
    event: EventsOption = None,
    description: DescriptionOption = None,
    nats_secret_file: NatsSecretOption = None,
) -> None:
    """Change a webhook; what is not given stays as it is."""
    terminal.update(
        terminal.refer(webhook, "webhook"),
        url=url,
        event_types=event,
        description=description,
        secret=_read(nats_secret_file),
    )


@commands.command("delete")
def delete_webhook(terminal: Terminal, webhook: NameArgument) -> None:
    """Delete a webhook; what is queued is not sent."""
    terminal.deleted(terminal.refer(webhook, "webhook"))


@commands.command("enable")
def enable_webhook(terminal: Terminal, webhook: NameArgument) -> None:
    """Send events again, from now on."""
    _switch(terminal, webhook, "enable")


@commands.command("disable")
def disable_webhook(terminal: Terminal, webhook: NameArgument) -> None:
    """Send nothing more; what is queued dies, and can be replayed later."""
    _switch(terminal, webhook, "disable")


@commands.command("rotate", examples=("webhook rotate mirror --secret-file mirror.secret",))
def rotate_secret(
    terminal: Terminal, webhook: NameArgument, *, secret_file: SecretFileOption = None
) -> None:
    """Make a new signing secret; for a day the old one signs as well."""
    path = terminal.refer(webhook, "webhook").path
    _show_secret(terminal, f"{path}:rotate-secret", {}, secret_file)


@commands.command("test")
def test_webhook(terminal: Terminal, webhook: NameArgument) -> None:
    """Send a test event, and say what became of it: exit code 1 unless it arrived."""
    path = terminal.refer(webhook, "webhook").path
    known = {each["id"] for each in _tests(terminal, path)}
    terminal.api.post(f"{path}:test")
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        new = [each for each in _tests(terminal, path) if each["id"] not in known]
        if new and new[0]["attempts"]:
            terminal.output.record(new[0])
            if new[0]["state"] != "delivered":
                raise Failure(f"the test did not arrive: {new[0]['last_reason']}")
            return
        time.sleep(0.3)
    advice = f"`iam webhook deliveries {webhook}` tells what became of it"
    raise Failure("the test was not attempted yet", advice=advice)


@commands.command(
    "deliveries", examples=("webhook deliveries mirror --state dead", "webhook deliveries mirror")
)
def list_deliveries(
    terminal: Terminal,
    webhook: NameArgument,
    *,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="pending, delivered or dead.")
    ] = None,
    limit: LimitOption = None,
) -> None:
    """List what was and is to be sent, newest first."""
    path = terminal.refer(webhook, "webhook").path
    terminal.list(f"{path}/deliveries", _DELIVERY_COLUMNS, limit=limit, state=state)


@commands.command("replay", examples=("webhook replay mirror", "webhook replay mirror dlv_..."))
def replay(
    terminal: Terminal,
    webhook: NameArgument,
    delivery: Annotated[
        str | None, typer.Argument(metavar="DELIVERY", help="Only this one: dlv_...")
    ] = None,
) -> None:
    """Queue dead deliveries again, all of them or one."""
    path = terminal.refer(webhook, "webhook").path
    one = f"/{terminal.refer(delivery, 'delivery').quoted}" if delivery else ""
    total = count = terminal.api.post(f"{path}/deliveries{one}:replay")["replayed"]
    while count == REPLAYED_AT_ONCE:  # fewer are all: what dies again at once is not asked for
        count = terminal.api.post(f"{path}/deliveries:replay")["replayed"]
        total += count
    done = f"queued {total} deliver{'y' if total == 1 else 'ies'} again"
    terminal.output.done(done, {"replayed": total})


def _tests(terminal: Terminal, path: str) -> list[dict[str, Any]]:
    found = terminal.api.get(f"{path}/deliveries?limit=20")["items"]
    return [each for each in found if each["type"] == _TESTED]


def _switch(terminal: Terminal, webhook: str, verb: str) -> None:
    reference = terminal.refer(webhook, "webhook")
    answer = terminal.api.post(f"{reference.path}:{verb}")
    terminal.output.done(f"{answer['name']} is {answer['status']}", answer)


def _read(path: Path | None) -> str | None:
    return None if path is None else read_text(path).strip()


def _show_secret(
    terminal: Terminal, path: str, body: dict[str, Any], secret_file: Path | None
) -> None:
    with write_secret(secret_file) as write:
        made = terminal.api.post(path, body or None)
        secret = made.get("signing_secret")
        if secret is not None and secret_file is not None:
            write(secret)
            made = {**made, "signing_secret": f"in {secret_file}"}
    terminal.output.record(made)
    if secret is not None and secret_file is None:
        terminal.output.remark("the secret is not shown again")
