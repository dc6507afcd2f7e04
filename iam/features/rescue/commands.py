"""`iam rescue --local`: the way back in, on the host itself."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from iam.terminal.commands import declare
from iam.terminal.first_credential import hand_over
from iam.terminal.local import LocalOption, demand_local, local_runtime
from iam.terminal.profiles import Profile
from iam.terminal.terminal import Terminal

if TYPE_CHECKING:
    from iam.features.rescue.service import RescueCredential
    from iam.runtime import Runtime
    from iam.terminal.host import HostSettings

_PROFILE: Final = "rescue"


def add_commands(app: typer.Typer) -> None:
    """Add the command to `iam` itself."""
    examples = ('rescue --local --reason "nobody is left who can sign in" --save-profile',)
    declare(app, "rescue", examples=examples, connects=False)(rescue)


def rescue(
    terminal: Terminal,
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; everybody will read it.")
    ],
    local: LocalOption = False,
    save: Annotated[
        bool, typer.Option("--save-profile", help="Store the credential as profile `rescue`.")
    ] = False,
) -> None:
    """Open a way back in, on the host of the server, when nobody can administer any more.

    Makes a service that may do everything for 15 minutes, whatever policies and guardrails say, and
    shows its client secret once. Put administrators back meanwhile: afterwards it may do nothing.
    Always raises an alarm: an event of high severity, to the audit log and every webhook that wants
    it, and a line in the log of this host.
    """
    demand_local("rescue", local=local)
    import asyncio

    from iam.terminal.host import read_host_settings, server_url

    settings = read_host_settings()
    made = asyncio.run(_rescue(settings, reason))
    terminal.output.remark(
        f"`{made.service}` may do everything until {made.ends_at:%H:%M:%S} UTC; "
        "the audit log says so, by `root`"
    )
    profile = Profile(
        issuer=settings.issuer,
        url=server_url(settings) or settings.public_url,
        client_id=made.client_id,
        client_secret=made.client_secret,
    )
    hand_over(terminal, profile, stored_as=_PROFILE if save else None)


async def _rescue(settings: "HostSettings", reason: str) -> "RescueCredential":
    import structlog

    from iam.features.rescue.rules import checked_reason
    from iam.features.rescue.service import rescue as open_way
    from iam.terminal.host import root_of

    reason = checked_reason(reason)
    async with local_runtime(settings, role="rescue", prepare=_prepare) as runtime:
        async with runtime.begin(root_of(runtime)) as uow:
            made = await open_way(uow, reason=reason)
        # For whoever watches the logs of this host: no policy allowed this.
        structlog.get_logger(__name__).critical(
            "rescue_opened",
            severity="high",
            reason=reason,
            service=made.service,
            client_id=made.client_id,
            ends_at=made.ends_at.isoformat(),
        )
    return made


async def _prepare(runtime: "Runtime") -> None:
    from iam.features.installation.service import start_installation
    from iam.terminal.host import root_of

    await start_installation(lambda: runtime.begin(root_of(runtime)))
