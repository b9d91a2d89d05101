"""serve, worker and migrate: the commands; what they run is loaded when they run."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from config.logs import set_up_logs
from config.settings import load_settings

# ruff: noqa: PLC0415 - the service takes seconds to import; `vaultra chat` must not.


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Only serve; workers run elsewhere.")
    ] = False,
) -> None:
    """Serve the API, and work off its jobs in the same process."""
    from cli.processes import prepare_database, run_on_fast_loop, serve_until_stopped

    settings = load_settings()
    if host is not None:
        settings.server.host = host
    if port is not None:
        settings.server.port = port
    set_up_logs(settings.server.log_level)
    settings.security.key_ring()
    settings.stripe.webhook_secrets()
    url = prepare_database(settings)
    run_on_fast_loop(serve_until_stopped(settings, url, with_worker=not no_worker))


def worker() -> None:
    """Work off jobs: runs, syncs. Any number of workers share one database."""
    from cli.processes import prepare_database, run_on_fast_loop, work_until_stopped

    settings = load_settings()
    set_up_logs(settings.server.log_level)
    settings.security.key_ring()
    run_on_fast_loop(work_until_stopped(settings, prepare_database(settings)))


def migrate() -> None:
    """Bring the database's schema up to this version."""
    from db.startup import database_url
    from db.startup import migrate as upgrade

    upgrade(database_url(load_settings()))
    Console(stderr=True).print("The database is up to date.")
