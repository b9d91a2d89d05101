"""A whole Vaultra with a real shop's purchases, in one process."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api.auth import issue_token
from cli.client import SERVER_FILE
from cli.processes import (
    address_of,
    check_database,
    run_on_fast_loop,
    serving,
    stop_event,
)
from config.logs import set_up_logs
from config.settings import Settings, load_settings
from db.columns import KeyRing
from db.session import Database
from db.startup import database_url, empty, migrate
from domain.access import Access
from domain.errors import ConfigurationError, ExternalServiceError
from domain.periods import Month, last_complete_month
from integrations.stripe.client import StripeClient
from sandbox.stripe import cdnow
from sandbox.stripe import server as stand_in
from services import integrations, syncs
from services.demo import ensure_demo
from services.inspection import inspect_account
from worker.wiring import utc_now

DEMO_FILE = "demo.json"
STRIPE_KEY = stand_in.DEFAULT_KEY
TOKEN_LIFETIME = timedelta(days=30)
RESYNC_AFTER = timedelta(hours=12)
POLL_SECONDS = 0.25
# Eighteen months of purchases end with the last month.
MONTHS = 18


@dataclass(frozen=True)
class DemoState:
    """What a demo keeps from one start to the next: its secret and where its data ends."""

    secret: str
    last_month: Month

    @classmethod
    def load(cls, folder: Path, today: date) -> DemoState:
        """Read the state, or make and keep a new one."""
        file = folder / DEMO_FILE
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            return cls(kept["secret"], Month.parse(kept["last_month"]))
        state = cls(secrets.token_urlsafe(32), last_complete_month(today))
        kept = {"secret": state.secret, "last_month": str(state.last_month)}
        write_private(file, json.dumps(kept))
        return state


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def run_demo(*, reset: bool) -> None:
    """Run the demo until a signal."""
    settings = load_settings()
    set_up_logs("ERROR")
    console = Console(stderr=True)
    folder = settings.server.state_folder.resolve()
    with console.status("Starting PostgreSQL …"):
        url = database_url(settings)
        if reset:
            _reset(settings, url, folder)
        migrate(url)
    state = DemoState.load(folder, utc_now().date())
    settings.security.secret_keys = SecretStr(state.secret)
    run_on_fast_loop(Demo(settings, url, state, console).run())


def _reset(settings: Settings, url: str, folder: Path) -> None:
    if settings.database.url is not None:
        raise ConfigurationError(
            "--reset only empties the embedded database, and DATABASE_URL is set.",
            hint="Drop and create the demo's database yourself, or unset DATABASE_URL.",
        )
    asyncio.run(empty(url))
    (folder / DEMO_FILE).unlink(missing_ok=True)


class Demo:
    """One demo: stand-in Stripe, service and worker, until a signal."""

    def __init__(self, settings: Settings, url: str, state: DemoState, console: Console) -> None:
        """Prepare; `run` starts everything."""
        self._settings = settings
        self._url = url
        self._state = state
        self._console = console

    async def run(self) -> None:
        """Start, sync where needed, tell the address, and serve until a signal."""
        stop = stop_event()
        await check_database(self._url)
        async with AsyncExitStack() as stack:
            with self._console.status("Loading the shop's purchases …"):
                shop = await asyncio.to_thread(cdnow.load_shop, last_month=self._state.last_month)
            stripe = await stack.enter_async_context(stand_in.serve(shop, keys=(STRIPE_KEY,)))
            self._settings.stripe.api_base = stripe.url
            self._settings.stripe.requests_per_second = stand_in.REQUESTS_PER_SECOND
            await stack.enter_async_context(serving(self._settings, self._url))
            database = Database(self._url, pool_size=2)
            stack.push_async_callback(database.dispose)
            access = await self._connect(database)
            if not await self._sync(database, access, stop):
                return
            self._announce(stack, access)
            await stop.wait()

    async def _connect(self, database: Database) -> Access:
        ring = KeyRing(self._settings.security.key_ring())
        async with database.unit_of_work() as session:
            first = self._state.last_month.plus(1 - MONTHS).first_day
            access = await ensure_demo(session, founded_on=first)
            connected = await integrations.find_integration(session, access)
        if connected is None:
            gateway = StripeClient(
                STRIPE_KEY, api_base=self._settings.stripe.api_base, timeout_seconds=30
            )
            async with gateway as opened:
                inspected = await inspect_account(opened)
            async with database.unit_of_work() as session:
                await integrations.connect_stripe(
                    session,
                    access,
                    STRIPE_KEY,
                    ring=ring,
                    account=inspected.account,
                    missing=inspected.missing,
                    now=utc_now(),
                )
        return access

    async def _sync(self, database: Database, access: Access, stop: asyncio.Event) -> bool:
        """Have a first sync to its end, with progress; refresh later ones in the background."""
        async with database.unit_of_work() as session:
            status = await syncs.sync_status(session, access, utc_now())
            synced_at = status.last_synced_at
            if synced_at is None or utc_now() - synced_at > RESYNC_AFTER:
                await syncs.request_sync(session, access, utc_now())
        return synced_at is not None or await self._show_progress(database, access, stop)

    async def _show_progress(self, database: Database, access: Access, stop: asyncio.Event) -> bool:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console) as progress:
            bar = progress.add_task("Reading the shop's Stripe account", total=100)
            while not stop.is_set():
                async with database.unit_of_work() as session:
                    status = await syncs.sync_status(session, access, utc_now())
                if status.state == "failed":
                    raise ExternalServiceError(f"The first sync failed: {status.error}")
                progress.update(bar, completed=status.percent or 0)
                if status.last_synced_at is not None:
                    return True
                await asyncio.sleep(POLL_SECONDS)
        return False

    def _announce(self, stack: AsyncExitStack, access: Access) -> None:
        token = issue_token(
            self._settings.security.key_ring(),
            access.user_id,
            now=utc_now(),
            lifetime=TOKEN_LIFETIME,
        )
        address = address_of(self._settings)
        file = self._settings.server.state_folder.resolve() / SERVER_FILE
        write_private(file, json.dumps({"url": address, "token": token}))
        stack.callback(file.unlink, missing_ok=True)
        out = Console(soft_wrap=True, highlight=False)
        out.print(f"Open  {address}/#token={token}")
        out.print('Ask   .venv/bin/vaultra chat --once "Would we get a loan?"')
        out.print("Talk  .venv/bin/vaultra chat")
        out.print("Stop  Ctrl-C")
        if self._state.last_month < last_complete_month(utc_now().date()):
            out.print(f"The data ends in {self._state.last_month}; --reset moves it up to now.")
