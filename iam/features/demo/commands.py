"""`iam demo seed --local` and `iam demo remove --local`: a company to look at, on the host."""

from typing import TYPE_CHECKING, Annotated

import typer

from iam.terminal.commands import HELP, declare
from iam.terminal.local import LocalOption, demand_local, local_runtime
from iam.terminal.terminal import Terminal

if TYPE_CHECKING:
    from iam.runtime import Runtime


def add_commands(app: typer.Typer) -> None:
    """Add `iam demo ...` to `iam`."""
    demo = typer.Typer(
        name="demo",
        help="A company to look at: people, services, policies, flawed credentials.",
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings=dict(HELP),
    )
    declare(demo, "seed", examples=("demo seed --local",), connects=False)(seed)
    declare(demo, "remove", examples=("demo remove --local",), connects=False)(remove)
    app.add_typer(demo)


def seed(
    terminal: Terminal,
    *,
    local: LocalOption = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where there are other principals already.")
    ] = False,
) -> None:
    """Make the demo company, on the host of the server; what is there already stays.

    All of it carries the tag demo=true, and nobody can sign in as anybody in it.
    """
    demand_local("demo seed", local=local)
    import asyncio

    is_new = asyncio.run(_seed(anyway=anyway))
    text = "the demo company is there" if is_new else "the demo company was there"
    terminal.output.done(text, {"changed": is_new})


def remove(terminal: Terminal, *, local: LocalOption = False) -> None:
    """Delete the demo company, and nothing else. The audit log keeps what happened."""
    demand_local("demo remove", local=local)
    import asyncio

    number = asyncio.run(_remove())
    terminal.output.done(f"{number} things of the demo company are gone", {"removed": number})


async def _seed(*, anyway: bool) -> bool:
    from iam.features.demo.service import seed_company
    from iam.terminal.host import read_host_settings, root_of

    async with local_runtime(read_host_settings(), role="demo", prepare=_prepare) as runtime:
        return await seed_company(runtime.begin, root_of(runtime), anyway=anyway)


async def _remove() -> int:
    from iam.features.demo.service import remove_company
    from iam.terminal.host import read_host_settings, root_of

    async with local_runtime(read_host_settings(), role="demo", prepare=_prepare) as runtime:
        return await remove_company(runtime.begin, root_of(runtime))


async def _prepare(runtime: "Runtime") -> None:
    from iam.features.installation.service import start_installation
    from iam.terminal.host import root_of

    await start_installation(lambda: runtime.begin(root_of(runtime)))
