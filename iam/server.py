"""DOOR: the processes. Prepare the installation, serve or keep house until told to stop.

Started by `iam serve`; one process, one event loop, one worker. On SIGTERM or SIGINT it says that
it is not ready, serves on for as long as its proxies need to notice (`IAM_DRAIN_NOTICE`), takes no
new connections then, finishes the requests that it has, and ends with exit code 0. A second signal
cuts the notice short.
"""

import asyncio
import errno
import math
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import FrameType
from typing import Final

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from iam.app import build_app
from iam.features.installation.queries import has_administrator
from iam.features.installation.service import start_installation
from iam.http.connection import BoundedConnection
from iam.kit.garbage import collect_rarely
from iam.runtime import Runtime
from iam.settings import Settings
from iam.terminal.failures import misconfigured
from iam.terminal.host import SERVER_ROLE, Prepare, opened_runtime, root_of, sole_use
from iam.terminal.own_name import own_name
from iam.worker import keep_house

IDLE_SECONDS: Final = 30
"""How long an idle connection is kept."""
_BACKLOG: Final = 2048
_DRAIN: Final = timedelta(seconds=8)
_PATIENCE: Final = timedelta(seconds=1)
_CLOSE: Final = (b"connection", b"close")

_log = structlog.get_logger(__name__)


def run_server(settings: Settings, *, with_demo: bool = False) -> None:
    """Serve until told to stop, `with_demo` with the demo company.

    Raises `Failure` or `IamError` when that cannot begin.
    """
    prepare = prepare_with_company if with_demo else prepare_installation
    listener = _bind(settings.host, settings.port)
    try:
        port = listener.getsockname()[1]
        settings = _with_url(settings, port)
        with sole_use(settings, role=SERVER_ROLE) as lock:

            def announce(*, is_new: bool) -> None:
                if lock is not None:
                    lock.announce(settings.public_url)
                _announce(settings, is_new=is_new)
                warn_of_address(settings)

            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(settings, listener, announce, prepare))
    finally:
        listener.close()


async def _serve(
    settings: Settings, listener: socket.socket, announce: Callable[..., None], prepare: Prepare
) -> None:
    async with opened_runtime(settings, prepare=prepare, migrates=settings.auto_migrate) as runtime:
        async with runtime.begin(root_of(runtime), read_only=True) as uow:
            is_new = not await has_administrator(uow)
        config = server_config(build_app(runtime), drain=settings.drain)
        server = _Server(config, runtime, lambda: announce(is_new=is_new))
        # uvicorn drains, and then raises the signal again for whoever was there before it. That
        # is us, and the drain is all we wanted.
        for caught in (signal.SIGINT, signal.SIGTERM):
            signal.signal(caught, lambda *_: None)
        async with _housekeeping(runtime, since=server.accepts):
            await server.serve(sockets=[listener])
    await end_leftovers()
    if not server.started:
        raise misconfigured("the server did not start", "its log lines above say why")
    _log.info("stopped")


@asynccontextmanager
async def _housekeeping(runtime: Runtime, *, since: asyncio.Event) -> AsyncIterator[None]:
    """On SQLite this process keeps house as well: no other may use the database."""
    if not runtime.database.is_sqlite:
        yield
        return

    async def keep() -> None:
        await since.wait()  # nobody who waits for the server waits for its housekeeping too
        await keep_house(runtime)

    keeper = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


def run_worker(settings: Settings) -> None:
    """Keep house until told to stop: what `iam serve` does by itself on SQLite.

    Raises `Failure` or `IamError` when that cannot begin.
    """
    if settings.database_url is None:
        raise misconfigured(
            "on SQLite the server keeps house itself",
            "run `iam serve`; a worker of its own is for PostgreSQL (IAM_DATABASE_URL)",
        )
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    for caught in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(caught, stop.set)
    async with opened_runtime(
        settings, prepare=prepare_installation, migrates=settings.auto_migrate
    ) as runtime:
        await runtime.start()
        keeper = asyncio.create_task(keep_house(runtime))
        _log.info("working")
        await stop.wait()
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await runtime.stop()
    _log.info("stopped")


async def end_leftovers(*, patience: timedelta = _PATIENCE) -> None:
    """Cancel what is left over, so that the process ends.

    The end of the event loop cancels once, and waits for ever. A connection of SQLite that was cut
    off in the middle of a statement closes by a task that waits, once it is cancelled, for a thread
    that has ended; the second time it ends.
    """
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=patience.total_seconds())


async def prepare_installation(runtime: Runtime) -> None:
    """Make what every installation has, and bring it up to date."""
    await start_installation(lambda: runtime.begin(root_of(runtime)))


async def prepare_with_company(runtime: Runtime) -> None:
    """As `prepare_installation`, and make the demo company or what is missing of it."""
    # Not at the top: few servers have the company, and all would wait for its import.
    from iam.features.demo.service import seed_company

    await prepare_installation(runtime)
    await seed_company(runtime.begin, root_of(runtime))


class _Server(uvicorn.Server):
    """Says so when it accepts connections, and when it soon will not."""

    def __init__(
        self, config: uvicorn.Config, runtime: Runtime, announce: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._runtime = runtime
        self._announce = announce
        self._loop = asyncio.get_running_loop()
        self.accepts = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        await super().startup(sockets)
        if self.started:
            collect_rarely()
            self._announce()
            self.accepts.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal: the first begins to drain, the second ends the notice."""
        notice = self._runtime.settings.drain_notice.total_seconds()
        if self._runtime.is_draining or not notice or not self.started:
            self._runtime.is_draining = True
            super().handle_exit(sig, frame)
            return
        self._runtime.is_draining = True
        # Who keeps a connection is to open the next one elsewhere; uvicorn renews the one list
        # from the other every second.
        self.config.encoded_headers.append(_CLOSE)
        self.server_state.default_headers.append(_CLOSE)
        # A signal is taken between two steps of the loop, which may sleep for long.
        later = super().handle_exit
        self._loop.call_soon_threadsafe(self._loop.call_later, notice, later, sig, frame)


def server_config(app: ASGIApp, *, drain: timedelta = _DRAIN) -> uvicorn.Config:
    """How we serve; what a benchmark compares us with differs in the protocol alone."""
    return uvicorn.Config(
        app,
        http=BoundedConnection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # iam.http.edge knows which proxies to believe
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=math.ceil(drain.total_seconds()),
    )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        advice = "is iam running already? `--port` takes another port, `--port 0` a free one"
        raise misconfigured(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            advice if error.errno == errno.EADDRINUSE else "check --host and --port",
        ) from None
    return listener


def _with_url(settings: Settings, port: int) -> Settings:
    """The settings with the address at which this very process is reached, if none was given."""
    if settings.url is not None or "issuer" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"url": f"http://localhost:{port}"})


def warn_of_address(settings: Settings) -> None:
    """Say what to set when other machines may come in, and would be sent to themselves."""
    if settings.is_reached_beyond_its_name:
        advice = "set IAM_ISSUER to the address under which other machines reach this service"
        _log.warning("issuer_is_loopback", url=settings.public_url, advice=advice)


def _announce(settings: Settings, *, is_new: bool) -> None:
    url, next_command = settings.public_url, first_command(settings) if is_new else None
    if not sys.stdout.isatty():
        more = {"next_command": next_command} if next_command else {}
        _log.info("ready", url=url, issuer=settings.issuer, **more)
        return
    lines = ["", f"iam serves at {url}", ""]
    if next_command:
        lines += [
            "Nobody may do anything here yet. Make the first administrator, in another terminal:",
            "",
            f"  {next_command}",
            "",
        ]
    print("\n".join([*lines, "Ctrl-C stops it.", ""]), flush=True)  # noqa: T201 -- it talks to a person


def first_command(settings: Settings) -> str:
    """What the first person here has to type."""
    data = settings.data_dir
    is_elsewhere = "data_dir" in settings.model_fields_set
    prefix = f"IAM_DATA_DIR={data.absolute()} " if is_elsewhere else ""
    return f"{prefix}{own_name()} bootstrap --local --service admin --save-profile"
