"""`iam mail ...`."""

import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from iam.terminal.commands import Commands, declare
from iam.terminal.documents import read_text
from iam.terminal.failures import Failure
from iam.terminal.options import LimitOption, NameArgument, NewNameArgument
from iam.terminal.references import quoted
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

WAIT_SECONDS: Final = 30
"""How long `iam mail test` waits for what becomes of the mail."""

HostOption = Annotated[str | None, typer.Option("--host", metavar="HOST", help="The SMTP server.")]
PortOption = Annotated[
    int | None, typer.Option("--port", metavar="N", help="By default 587, 465 or 25.")
]
SecurityOption = Annotated[
    str | None, typer.Option("--security", metavar="KIND", help="starttls (default), tls or none.")
]
SenderOption = Annotated[
    str | None, typer.Option("--from", metavar="ADDRESS", help="Where mails come from.")
]
PreferenceOption = Annotated[
    int | None, typer.Option("--preference", metavar="N", help="The lowest is tried first; 10.")
]
UsernameOption = Annotated[
    str | None, typer.Option("--username", metavar="NAME", help="Whom to log in as.")
]
PasswordFileOption = Annotated[
    Path | None, typer.Option("--password-file", metavar="FILE", help="Holds the password.")
]
TemplateArgument = Annotated[
    str, typer.Argument(metavar="TEMPLATE", help="The kind of mail: test, credential_expiring.")
]
SubjectOption = Annotated[str, typer.Option("--subject", metavar="TEXT", help="One line.")]
TextOption = Annotated[Path, typer.Option("--text", metavar="FILE", help="The plain text.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="The HTML.")]

_COLUMNS = (
    Column("Name"),
    Column("Preference"),
    Column("Host"),
    Column("Port"),
    Column("Security"),
    Column("Sender"),
)

commands = Commands("mail", about="Mail: servers, templates, a test.")
routes = Commands("route", about="The SMTP servers, tried in the order of their preference.")
templates = Commands("template", about="What mails say.")
commands.typer.add_typer(routes.typer)
commands.typer.add_typer(templates.typer)


@routes.command(
    "create",
    examples=(
        "mail route create first --host smtp.example.com --from iam@example.com",
        "mail route create second --host smtp2.example.com --from iam@example.com --preference 20",
    ),
)
def create_route(
    terminal: Terminal,
    name: NewNameArgument,
    *,
    host: HostOption = None,
    sender: SenderOption = None,
    port: PortOption = None,
    security: SecurityOption = None,
    preference: PreferenceOption = None,
    username: UsernameOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Add a server."""
    terminal.create(
        "/v1/mail-routes",
        name=name,
        host=host,
        sender=sender,
        port=port,
        security=security,
        preference=preference,
        username=username,
        password=_read(password_file),
    )


@routes.command("list")
def list_routes(terminal: Terminal, *, limit: LimitOption = None) -> None:
    """List servers, oldest first."""
    terminal.list("/v1/mail-routes", _COLUMNS, limit=limit)


@routes.command("show")
def show_route(terminal: Terminal, name: NameArgument) -> None:
    """Show a server; never its password."""
    terminal.output.record(terminal.api.get(terminal.refer(name, "mail-route").path))


@routes.command("update", examples=("mail route update first --preference 30",))
def update_route(
    terminal: Terminal,
    name: NameArgument,
    *,
    host: HostOption = None,
    sender: SenderOption = None,
    port: PortOption = None,
    security: SecurityOption = None,
    preference: PreferenceOption = None,
    username: UsernameOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Change a server; what is not given stays as it is."""
    terminal.update(
        terminal.refer(name, "mail-route"),
        host=host,
        sender=sender,
        port=port,
        security=security,
        preference=preference,
        username=username,
        password=_read(password_file),
    )


@routes.command("delete")
def delete_route(terminal: Terminal, name: NameArgument) -> None:
    """Delete a server."""
    terminal.deleted(terminal.refer(name, "mail-route"))


@templates.command("list")
def list_templates(terminal: Terminal, *, limit: LimitOption = None) -> None:
    """List the texts that are the account's own."""
    columns = (Column("Name"), Column("Subject"), Column("Updated at"))
    terminal.list("/v1/mail-templates", columns, limit=limit)


@templates.command("show", examples=("mail template show test",))
def show_template(terminal: Terminal, template: TemplateArgument) -> None:
    """Show what a mail says."""
    terminal.output.record(terminal.api.get(_path(template)))


@templates.command(
    "put", examples=("mail template put test --subject 'A test' --text test.txt --html test.html",)
)
def put_template(
    terminal: Terminal,
    template: TemplateArgument,
    *,
    subject: SubjectOption,
    text: TextOption,
    html: HtmlOption = None,
) -> None:
    """Give a mail a text of the account's own."""
    answer = terminal.api.put_over(_path(template), _wording(subject, text, html))
    terminal.output.done(f"`{template}` has a text of your own", answer)


@templates.command("preview", examples=("mail template preview test --subject A --text test.txt",))
def preview_template(
    terminal: Terminal,
    template: TemplateArgument,
    *,
    subject: SubjectOption,
    text: TextOption,
    html: HtmlOption = None,
) -> None:
    """Show what a mail would look like; nothing is kept or sent."""
    body = _wording(subject, text, html)
    terminal.output.record(terminal.api.post(f"{_path(template)}:preview", body))


@templates.command("delete")
def delete_template(terminal: Terminal, template: TemplateArgument) -> None:
    """Go back to the shipped text."""
    terminal.deleted(terminal.refer(template, "mail-template"))


def send_test(
    terminal: Terminal,
    to: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where to send it.")],
) -> None:
    """Send a test, and say what became of it: exit code 1 unless a server took it."""
    mail_id = terminal.api.post("/v1/mail:test", {"to": to})["id"]
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        found = terminal.api.get("/v1/mail-deliveries?limit=50")["items"]
        mine = [each for each in found if each["mail_id"] == mail_id and each["attempts"]]
        if mine:
            terminal.output.record(mine[0])
            if mine[0]["state"] != "delivered":
                raise Failure(f"no server took the mail: {mine[0]['last_reason']}")
            return
        time.sleep(0.3)
    advice = "`iam mail deliveries` tells what became of it"
    raise Failure("the mail was not attempted yet", advice=advice)


def list_deliveries(
    terminal: Terminal,
    *,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="pending, delivered or dead.")
    ] = None,
    limit: LimitOption = None,
) -> None:
    """List what became of mails, newest first."""
    columns = (
        Column("Mail", "mail_id"),
        Column("Template"),
        Column("State"),
        Column("Attempts"),
        Column("Status", "last_status"),
        Column("Reason", "last_reason"),
    )
    terminal.list("/v1/mail-deliveries", columns, limit=limit, state=state)


declare(commands.typer, "test", examples=("mail test ana@example.com",))(send_test)
declare(commands.typer, "deliveries")(list_deliveries)


def _path(template: str) -> str:
    return f"/v1/mail-templates/{quoted(template)}"


def _wording(subject: str, text: Path, html: Path | None) -> dict[str, Any]:
    body = {"subject": subject, "text": read_text(text)}
    return body if html is None else {**body, "html": read_text(html)}


def _read(path: Path | None) -> str | None:
    return None if path is None else read_text(path).strip()
