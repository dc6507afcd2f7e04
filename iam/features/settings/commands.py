"""`iam config check` and `iam config show`: the settings of this host."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from iam.terminal.commands import HELP, declare
from iam.terminal.failures import Failure
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

if TYPE_CHECKING:
    from iam.terminal.setting_checks import Finding

_COLUMNS: Final = (Column("Setting", "variable"), Column("Value"), Column("From", "source"))


def add_commands(app: typer.Typer) -> None:
    """Add `config`."""
    config = typer.Typer(
        name="config",
        help="The settings of this host: what counts, from where, and what is wrong with it.",
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings=dict(HELP),
    )
    declare(config, "check", examples=("config check",), connects=False)(check)
    examples = ("config show", "config show --json", "config show --markdown")
    declare(config, "show", examples=examples, connects=False)(show)
    app.add_typer(config)


def check(terminal: Terminal) -> None:
    """List everything that is wrong with the settings, at once.

    Looks at variables, files, what does not go together, the master key and the database. Exit code
    0 if the server would start, 78 if not, 7 if only the database does not answer.
    """
    import asyncio

    from iam.terminal.setting_checks import check_settings, exit_code

    findings = asyncio.run(check_settings())
    if terminal.output.as_json:
        terminal.output.json([_record(finding) for finding in findings])
    for finding in () if terminal.output.as_json else findings:
        advice = f"\n         {finding.advice}" if finding.advice else ""
        terminal.output.text(f"{finding.grade:8} {finding.about}: {finding.text}{advice}")
    if not any(finding.grade == "error" for finding in findings):
        terminal.output.remark("the server would start with these settings")
        return
    raise Failure("the settings cannot be used", exit_code=exit_code(findings))


def _record(finding: "Finding") -> dict[str, str]:
    return {
        "status": finding.grade,
        "about": finding.about,
        "text": finding.text,
        "advice": finding.advice,
    }


def show(
    terminal: Terminal,
    *,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Every setting there is, as in the documentation.")
    ] = False,
) -> None:
    """Show what every setting is, and from where; secrets are hidden."""
    from iam.terminal.setting_views import page, views

    if markdown:
        terminal.output.text(page())
    else:
        terminal.output.records(_COLUMNS, views())
