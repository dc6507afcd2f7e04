"""Declares commands: each takes a `Terminal` first, and gets the options that all commands have."""

import inspect
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import typer

from iam.errors import ErrorKind, IamError
from iam.terminal.connection import ConnectionChoice
from iam.terminal.failures import ExitCode, Failure
from iam.terminal.output import Output
from iam.terminal.own_name import own_name
from iam.terminal.terminal import Terminal

Declared = TypeVar("Declared", bound=Callable[..., None])

ServerOption = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="The server to speak to.")
]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="The stored profile to use.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
HELP: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

_CODE_OF_KIND: Final = {
    ErrorKind.UNAUTHENTICATED: ExitCode.NOT_AUTHENTICATED,
    ErrorKind.DENIED: ExitCode.NOT_ALLOWED,
    ErrorKind.NOT_FOUND: ExitCode.NOT_FOUND,
    ErrorKind.CONFLICT: ExitCode.CONFLICT,
    ErrorKind.UNAVAILABLE: ExitCode.UNAVAILABLE,
}


class Commands:
    """The commands about one thing: `iam user ...`."""

    def __init__(self, name: str, *, about: str) -> None:
        self.typer = typer.Typer(
            name=name,
            help=about,
            no_args_is_help=True,
            rich_markup_mode=None,
            context_settings=dict(HELP),
        )

    def command(
        self, name: str, *, examples: tuple[str, ...] = ()
    ) -> Callable[[Declared], Declared]:
        """Declare a command; `examples` are shown by `--help`, without the program's name."""
        return declare(self.typer, name, examples=examples)


def declare(
    app: typer.Typer, name: str, *, examples: tuple[str, ...] = (), connects: bool = True
) -> Callable[[Declared], Declared]:
    """Declare a command of `app` whose function takes a `Terminal` first.

    One that does not connect to a server gets no options that say to which.
    """

    def add(function: Declared) -> Declared:
        run = _run(function, connects=connects)
        app.command(
            name,
            epilog=_epilog(examples),
            short_help=_first_sentence(function),
            context_settings=dict(HELP),
        )(run)
        return function

    return add


def _first_sentence(function: Callable[..., None]) -> str:
    """What a list of commands says of this one, in full: left to itself, click cuts it short."""
    paragraph = inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).partition(". ")[0].removesuffix(".") + "."


def _epilog(examples: tuple[str, ...]) -> str | None:
    if not examples:
        return None
    # \b keeps the lines as they are.
    return "\n".join(["\b", "Examples:", *(f"  {own_name()} {example}" for example in examples)])


def _run(function: Callable[..., None], *, connects: bool) -> Callable[..., None]:
    """What typer calls: the function's own parameters and those that every command has."""
    shared = _CONNECTION_OPTIONS if connects else ()

    def run(**given: Any) -> None:
        choice = {each.name: given.pop(each.name) for each in shared}
        terminal = _terminal(given.pop("ctx"), choice, as_json=given.pop("as_json"))
        code = _finish(terminal, lambda: function(terminal, **given))
        if code is not ExitCode.OK:
            raise typer.Exit(code)

    own = list(inspect.signature(function).parameters.values())[1:]
    run.__doc__ = function.__doc__
    run.__name__ = function.__name__
    run.__signature__ = inspect.Signature([  # type: ignore[attr-defined] # functions may have one
        _keyword("ctx", typer.Context, inspect.Parameter.empty),
        *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
        *shared,
        _keyword("as_json", JsonOption, default=False),
    ])  # fmt: skip
    return run


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, annotation=annotation, default=default)


_CONNECTION_OPTIONS: Final = (
    _keyword("server", ServerOption, None),
    _keyword("profile", ProfileOption, None),
)


def _terminal(ctx: typer.Context, choice: dict[str, str | None], *, as_json: bool) -> Terminal:
    """The options of this command, and where it has none, those before its name."""
    general: dict[str, Any] = ctx.obj or {}
    found = ConnectionChoice(
        server=choice.get("server") or general.get("server"),
        profile=choice.get("profile") or general.get("profile"),
    )
    return Terminal(found, Output(as_json=as_json or bool(general.get("as_json"))))


def _finish(terminal: Terminal, work: Callable[[], None]) -> ExitCode:
    """Run a command to its end; whatever it raises becomes a text and an exit code."""
    try:
        work()
        sys.stdout.flush()
    except Failure as failure:
        terminal.output.failure(failure)
        return failure.exit_code
    except IamError as error:
        local = _local_failure(error)
        terminal.output.failure(local)
        return local.exit_code
    except BrokenPipeError:
        # `iam ... | head` has seen enough. Python flushes once more at its end, into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        terminal.close()
    return ExitCode.OK


def _local_failure(error: IamError) -> Failure:
    code = _CODE_OF_KIND.get(error.kind, ExitCode.FAILED)
    return Failure(error.message, exit_code=code, detail={"code": error.code, **error.detail})
