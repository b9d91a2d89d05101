"""What serves and works: started, checked, stopped by a signal."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import uvicorn
from rich.console import Console

from agent.model import close_model
from api.app import create_app
from api.slow_readers import protocol_dropping
from config.settings import Settings
from db.notifications import Notifications
from db.session import Database
from db.startup import database_url, migrate, require_migrated
from domain.errors import ConfigurationError
from worker.app import Worker
from worker.wiring import utc_now, wire

SHUTDOWN_SECONDS = 5


def run_on_fast_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run the work on uvloop, which takes a third less CPU a turn, or on asyncio's own loop."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(work)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - where it exists

    return uvloop.new_event_loop


async def serve_until_stopped(settings: Settings, url: str, *, with_worker: bool) -> None:
    """Serve until a signal; raises DatabaseError or ConfigurationError before it begins."""
    await check_database(url)
    stop = stop_event()
    async with serving(settings, url, with_worker=with_worker):
        Console(stderr=True).print(f"Vaultra listens on {address_of(settings)}")
        await stop.wait()


async def work_until_stopped(settings: Settings, url: str) -> None:
    """Work off jobs until a signal; raises DatabaseError before it begins."""
    await check_database(url)
    database = Database(url, pool_size=settings.database.pool_size)
    stop = stop_event()
    notifications = Notifications(database)
    wiring = wire(settings, database, notifications)
    async with notifications.listening(), Worker(database, wiring).running():
        Console(stderr=True).print("Vaultra works. Ctrl-C to stop.")
        await stop.wait()
    await close_model(wiring.agent.model)
    await database.dispose()


def prepare_database(settings: Settings) -> str:
    """Return the database's URL; the embedded one, which nobody else owns, is migrated too."""
    url = database_url(settings)
    if settings.database.url is None:
        migrate(url)
    return url


async def check_database(url: str) -> None:
    """Raise DatabaseError unless the database answers and is migrated."""
    database = Database(url, pool_size=1)
    try:
        await require_migrated(database)
    finally:
        await database.dispose()


def address_of(settings: Settings) -> str:
    """Return where a browser finds the service."""
    return settings.server.public_url or f"http://{settings.server.host}:{settings.server.port}"


class _Server(uvicorn.Server):
    """A server that leaves signals to the command that runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: uvicorn would raise them again, past all clean-up."""
        yield


def stop_event() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set from now on; a second signal ends at once."""
    loop = asyncio.get_running_loop()
    event = asyncio.Event()

    def stop(number: signal.Signals) -> None:
        event.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    return event


@contextlib.asynccontextmanager
async def serving(settings: Settings, url: str, *, with_worker: bool = True) -> AsyncIterator[None]:
    """Serve for the length of the block; raises ConfigurationError.

    That is if the port is taken, or a budget lacks the price of its model.
    """
    settings.spending(utc_now().date())
    listener = _listen(settings.server.host, settings.server.port)
    settings.server.port = listener.getsockname()[1]
    app = create_app(settings, url, with_worker=with_worker)
    config = uvicorn.Config(
        app,
        http=protocol_dropping(app.state.metrics.slow_readers.inc),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    try:
        # uvicorn tells that it has started by a flag only.
        while not server.started and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        if task.done():
            await task
            raise ConfigurationError("The server did not start. Look at the lines above.")
        # What was imported is never garbage; looking through it would stop the loop now and then.
        gc.collect()
        gc.freeze()
        # What a turn leaves behind is mostly freed by counting; cycles may wait for some turns.
        gc.set_threshold(10_000, 20, 20)
        yield
    finally:
        server.should_exit = True
        await task


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), reuse_port=False)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} on {host} cannot be used ({error.strerror}).",
            hint="Perhaps another Vaultra is running. Choose another port with VAULTRA_PORT.",
        ) from error
