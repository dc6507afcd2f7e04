"""`iam guardrail ...`."""

from typing import Annotated

import typer

from iam.terminal.commands import Commands
from iam.terminal.documents import read_json
from iam.terminal.failures import usage
from iam.terminal.options import DescriptionOption, DocumentArgument, LimitOption
from iam.terminal.references import quoted
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

GuardrailArgument = Annotated[
    str,
    typer.Argument(metavar="GUARDRAIL", help="scp/NAME for principals, rcp/NAME for resources."),
]
TargetArgument = Annotated[
    str, typer.Argument(metavar="TARGET", help="installation, or account/NAME.")
]
_COLUMNS = (
    Column("Guardrail", lambda row: f"{row['kind']}/{row['name']}"),
    Column("Shipped", "is_shipped"),
    Column("Description"),
    Column("Id"),
)
_TARGET_COLUMNS = (Column("Target"), Column("Attached at"))

commands = Commands("guardrail", about="What nobody may exceed, whatever else allows it.")


@commands.command("create", examples=("guardrail create scp/keep-audit-log @guardrail.json",))
def create_guardrail(
    terminal: Terminal,
    guardrail: GuardrailArgument,
    document: DocumentArgument,
    *,
    description: DescriptionOption = None,
) -> None:
    """Create a guardrail. It binds nobody until it is attached."""
    body = {"document": read_json(document), "description": description or ""}
    terminal.output.record(terminal.api.put(_path(guardrail), body))


@commands.command("list")
def list_guardrails(terminal: Terminal, *, limit: LimitOption = None) -> None:
    """List guardrails, oldest first."""
    terminal.list("/v1/guardrails", _COLUMNS, limit=limit)


@commands.command("show")
def show_guardrail(terminal: Terminal, guardrail: GuardrailArgument) -> None:
    """Show a guardrail and its document."""
    terminal.output.record(terminal.api.get(_path(guardrail)))


@commands.command("targets")
def list_targets(
    terminal: Terminal, guardrail: GuardrailArgument, *, limit: LimitOption = None
) -> None:
    """List what a guardrail is attached to."""
    terminal.list(f"{_path(guardrail)}/attachments", _TARGET_COLUMNS, limit=limit)


@commands.command("update", examples=("guardrail update scp/keep-audit-log @guardrail.json",))
def update_guardrail(
    terminal: Terminal,
    guardrail: GuardrailArgument,
    document: DocumentArgument,
    *,
    description: DescriptionOption = None,
) -> None:
    """Replace the document of a guardrail; the description stays unless it is given."""
    path = _path(guardrail)
    kept = terminal.api.get(path)["description"] if description is None else description
    body = {"document": read_json(document), "description": kept}
    terminal.output.record(terminal.api.put(path, body, whatever_version=True))


@commands.command("delete")
def delete_guardrail(terminal: Terminal, guardrail: GuardrailArgument) -> None:
    """Delete a guardrail that is attached nowhere."""
    terminal.api.delete(_path(guardrail))
    terminal.output.done(f"deleted guardrail {guardrail}")


@commands.command("attach", examples=("guardrail attach scp/keep-audit-log account/acme",))
def attach_guardrail(
    terminal: Terminal, guardrail: GuardrailArgument, target: TargetArgument
) -> None:
    """Attach a guardrail to the installation or to an account."""
    answer = terminal.api.put(_attachment(guardrail, target))
    terminal.output.done(f"guardrail {guardrail} binds {target} now", answer)


@commands.command("detach")
def detach_guardrail(
    terminal: Terminal, guardrail: GuardrailArgument, target: TargetArgument
) -> None:
    """Take a guardrail off. A level without any for principals allows them nothing."""
    terminal.api.delete(_attachment(guardrail, target))
    terminal.output.done(f"guardrail {guardrail} is off {target}")


def _path(guardrail: str) -> str:
    kind, _, name = guardrail.partition("/")
    if kind not in {"scp", "rcp"} or name in {"", ".", ".."}:
        raise usage(f"expected scp/NAME or rcp/NAME, found `{guardrail}`")
    return f"/v1/guardrails/{kind}/{quoted(name)}"


def _attachment(guardrail: str, target: str) -> str:
    return f"{_path(guardrail)}/attachments/{target}"
