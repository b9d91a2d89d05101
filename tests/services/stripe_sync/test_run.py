"""Whatever happens on its way, a sync ends properly and its ledger is exact."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.models import SyncRun
from db.session import Database, Session
from domain.errors import StripeError
from integrations.stripe.gateway import Page
from integrations.stripe.resources import CHARGES, PERMISSIONS
from sandbox.stripe.faults import Faults, Trouble
from sandbox.stripe.server import SandboxStripe, serve
from services.stripe_sync.copying import BATCH_PAGES
from services.stripe_sync.run import SyncContext
from services.syncs import sync_status
from tests.factories import Shop
from tests.integrations.stripe.ledgers import KEY, small_shop
from tests.services.stripe_sync.connected import (
    START,
    Killed,
    SmallPages,
    Wrap,
    account_row,
    connect,
    differences,
    ledger_of,
    requested,
    run,
    sync,
    view,
)
from tests.services.stripe_sync.expected_rows import expected, stored


async def test_killed_sync_goes_on_behind_its_last_commit_from_any_page(
    database: Database, connected: Shop, sandbox: SandboxStripe
) -> None:
    """One attempt after the other dies one page later, so that each page is a place of death."""
    sync_id = await requested(database, connected.access)
    deaths = 0
    while (await view(database, connected, sync_id)).state != "completed":
        try:
            await run(database, sync_id, sandbox.url, wrap=dying_after(deaths + 1))
        except BaseExceptionGroup as group:
            if group.split(Killed)[1] is not None:
                raise
            deaths += 1
    done = await view(database, connected, sync_id)
    wanted = expected(sandbox.api.ledger)
    assert await stored(database, connected, wanted) == wanted
    assert done.attempt == deaths + 1
    assert {name: count for name, count in done.counts.items() if count} == {
        name: len(rows) for name, rows in wanted.items()
    }
    assert deaths > 2 * BATCH_PAGES


def dying_after(pages: int) -> Wrap:
    """A gateway with one item a page that ends the process at the page behind so many."""

    def trouble(number: int) -> None:
        if number > pages:
            raise Killed

    return lambda gateway: SmallPages(gateway, 1, trouble)


async def test_cancelled_sync_stays_for_another_attempt(
    database: Database, connected: Shop, sandbox: SandboxStripe
) -> None:
    sync_id = await requested(database, connected.access)
    reached = asyncio.Event()

    class Hanging(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Any:
            if self.asked == 20:
                reached.set()
                await asyncio.Event().wait()
            return await super().list_page(resource, **parameters)

    attempt = asyncio.create_task(
        run(database, sync_id, sandbox.url, wrap=lambda g: Hanging(g, limit=1))
    )
    await reached.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert (await view(database, connected, sync_id)).state == "running"
    await run(database, sync_id, sandbox.url, now=START + timedelta(hours=2))
    assert (await view(database, connected, sync_id)).state == "completed"
    assert await differences(database, connected, sandbox.url) == []


async def test_data_is_as_of_the_start_of_the_first_attempt(
    database: Database, shop: Shop, sandbox: SandboxStripe
) -> None:
    integration_id = await connect(database, shop.access)
    sync_id = await requested(database, shop.access)

    def die(_number: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        await run(database, sync_id, sandbox.url, wrap=lambda g: SmallPages(g, trouble=die))
    assert (await account_row(database, integration_id)).last_synced_at is None
    await run(database, sync_id, sandbox.url, now=START + timedelta(hours=2))
    assert (await account_row(database, integration_id)).last_synced_at == START


@pytest.mark.parametrize(
    "troubles",
    [
        (Trouble.RATE_LIMITED,),
        (Trouble.FAILED,),
        (Trouble.TRUNCATED,),
        (Trouble.RATE_LIMITED, Trouble.FAILED, Trouble.TRUNCATED),
    ],
)
async def test_passing_trouble_loses_and_doubles_nothing(
    database: Database, connected: Shop, troubles: tuple[Trouble, ...]
) -> None:
    """One request in four is struck. Every fourth would be the same one again and again, when
    four lists are read at the same pace."""
    choices = [*troubles, *[None] * 3 * len(troubles)]
    faults = Faults(script=tuple(Random(1).choices(choices, k=2_000)))
    async with serve(small_shop(), keys=[KEY], clock=lambda: START, faults=faults) as sandbox:
        done = await sync(database, connected, sandbox.url, wrap=lambda g: SmallPages(g, limit=2))
        assert sum(sandbox.api.statuses.values()) > sum(done.counts.values()) // 2
        assert done.state == "completed"
        sandbox.api.faults = Faults()
        assert await differences(database, connected, sandbox.url) == []


async def test_lasting_trouble_fails_the_sync_and_the_next_one_completes(
    database: Database, connected: Shop, sandbox: SandboxStripe
) -> None:
    sandbox.api.faults = Faults(failed_every=1)
    failed = await sync(database, connected, sandbox.url)
    assert (failed.state, failed.error_code) == ("failed", "stripe_error")
    assert "answered 500" in str(failed.error_message)
    sandbox.api.faults = Faults()
    assert (await sync(database, connected, sandbox.url)).state == "completed"
    assert await differences(database, connected, sandbox.url) == []


async def test_refused_key_fails_the_sync_and_revokes_the_account(
    database: Database, shop: Shop, sandbox: SandboxStripe
) -> None:
    integration_id = await connect(database, shop.access, "rk_test_rolled_by_its_owner")
    failed = await sync(database, shop, sandbox.url)
    assert (failed.state, failed.error_code) == ("failed", "stripe_key_refused")
    assert "rolled_by_its_owner" not in str(failed.error_message)
    assert (await account_row(database, integration_id)).status == "revoked"


async def test_key_renewed_while_the_old_one_is_refused_stays_active(
    database: Database, shop: Shop, sandbox: SandboxStripe
) -> None:
    integration_id = await connect(database, shop.access, "rk_test_old")
    sync_id = await requested(database, shop.access)

    class Renewing(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Any:
            await connect(database, shop.access)
            return await super().list_page(resource, **parameters)

    await run(database, sync_id, sandbox.url, wrap=Renewing)
    assert (await view(database, shop, sync_id)).error_code == "stripe_key_refused"
    assert (await account_row(database, integration_id)).status == "active"


async def test_permission_without_which_there_is_no_ledger_fails_the_sync_and_is_named(
    database: Database, shop: Shop
) -> None:
    integration_id = await connect(database, shop.access)
    granted = [p for p in PERMISSIONS if p != CHARGES.permission]
    async with serve(small_shop(), keys={KEY: granted}, clock=lambda: START) as sandbox:
        failed = await sync(database, shop, sandbox.url)
    assert (failed.state, failed.error_code) == ("failed", "stripe_permission_missing")
    assert "rak_charge_read" in str(failed.error_message)
    assert (await account_row(database, integration_id)).status == "active"


async def test_unexpected_error_is_raised_and_told_without_detail(
    database: Database, connected: Shop, sandbox: SandboxStripe
) -> None:
    def trip(number: int) -> None:
        if number == 2:
            raise ZeroDivisionError("internal detail")

    sync_id = await requested(database, connected.access)
    with pytest.raises(ZeroDivisionError):
        await run(database, sync_id, sandbox.url, wrap=lambda g: SmallPages(g, trouble=trip))
    failed = await view(database, connected, sync_id)
    assert (failed.state, failed.error_code) == ("failed", "error")
    assert "internal detail" not in str(failed.error_message)


async def test_batch_that_cannot_be_written_moves_no_cursor(
    database: Database, connected: Shop, sandbox: SandboxStripe
) -> None:
    class Misspelling(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            page = await super().list_page(resource, **parameters)
            if resource is not CHARGES:
                return page
            items = [msgspec.structs.replace(charge, currency="dollars") for charge in page.items]
            return replace(page, items=items)

    sync_id = await requested(database, connected.access)
    with pytest.raises(DBAPIError):
        await run(database, sync_id, sandbox.url, wrap=Misspelling)
    failed = await view(database, connected, sync_id)
    assert (failed.state, failed.counts["charges"]) == ("failed", 0)
    assert "dollars" not in str(failed.error_message)


async def test_endless_list_fails_the_sync(
    database: Database, connected: Shop, sandbox: SandboxStripe
) -> None:
    class Repeating(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Any:
            parameters["starting_after"] = None
            return await super().list_page(resource, **parameters)

    failed = await sync(database, connected, sandbox.url, wrap=lambda g: Repeating(g, limit=1))
    assert failed.state == "failed"
    assert "does not come to an end" in str(failed.error_message)


@pytest.mark.parametrize("state", ["completed", "failed"])
async def test_ended_sync_is_not_run_again(
    database: Database, connected: Shop, sandbox: SandboxStripe, state: str
) -> None:
    sync_id = await requested(database, connected.access)
    async with database.unit_of_work() as session:
        (await session.get_one(SyncRun, sync_id)).state = state
    await run(database, sync_id, sandbox.url)
    assert (await view(database, connected, sync_id)).attempt == 0
    assert sum(sandbox.api.traffic.values()) == 0


@pytest.mark.parametrize(
    ("pages", "state"), [(1_000, "completed"), (2 * BATCH_PAGES + 2, "running")]
)
async def test_attempt_that_lost_its_lease_writes_nothing_more(
    database: Database, connected: Shop, sandbox: SandboxStripe, pages: int, state: str
) -> None:
    """Another attempt takes over while the first is fetching, and ends or dies on its way."""
    sync_id = await requested(database, connected.access)
    left: list[object] = []

    async def take_over() -> None:
        with suppress(BaseExceptionGroup):
            await run(database, sync_id, sandbox.url, wrap=dying_after(pages))
        left.append(await ledger_of(database, connected.access))
        left.append(await view(database, connected, sync_id))

    takeovers: list[asyncio.Task[None]] = []

    class TakenOver(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            if not takeovers:
                takeovers.append(asyncio.create_task(take_over()))
            await asyncio.shield(takeovers[0])
            return await super().list_page(resource, **parameters)

    await run(database, sync_id, sandbox.url, wrap=TakenOver)
    now = await view(database, connected, sync_id)
    assert (now.state, now.attempt) == (state, 2)
    assert left == [await ledger_of(database, connected.access), now]


async def test_what_follows_a_sync_is_committed_with_it(
    database: Database, connected: Shop, sandbox: SandboxStripe
) -> None:
    seen: list[SyncContext] = []

    async def after(session: Session, context: SyncContext) -> None:
        seen.append(context)
        status = await sync_status(session, connected.access, START)
        assert (status.state, status.last_synced_at) == ("completed", START)
        await session.execute(text("UPDATE businesses SET industry = 'followed'"))

    done = await sync(database, connected, sandbox.url, after=after)
    [context] = seen
    assert (context.sync_id, context.business_id) == (done.id, connected.business_id)
    assert context.started_at == START
    async with database.unit_of_work() as session:
        found = await session.execute(text("SELECT industry FROM businesses"))
        assert found.scalar_one() == "followed"


async def test_sync_does_not_count_if_what_follows_it_fails(
    database: Database, shop: Shop, sandbox: SandboxStripe
) -> None:
    integration_id = await connect(database, shop.access)

    async def after(_session: Session, _context: SyncContext) -> None:
        raise ZeroDivisionError

    sync_id = await requested(database, shop.access)
    with pytest.raises(ZeroDivisionError):
        await run(database, sync_id, sandbox.url, after=after)
    assert (await view(database, shop, sync_id)).state == "failed"
    assert (await account_row(database, integration_id)).last_synced_at is None


async def test_percentage_rises_to_the_end_and_is_hundred_only_there(
    database: Database, connected: Shop, sandbox: SandboxStripe
) -> None:
    shown: list[int | None] = []

    class Watching(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Any:
            async with database.unit_of_work() as session:
                shown.append((await sync_status(session, connected.access, START)).percent)
            return await super().list_page(resource, **parameters)

    done = await sync(database, connected, sandbox.url, wrap=lambda g: Watching(g, limit=1))
    percentages = [percent for percent in shown if percent is not None]
    assert len(percentages) == len(shown)
    assert (percentages[0], done.percent) == (0, 100)
    assert percentages == sorted(percentages)
    assert 50 < percentages[-1] < 100


async def test_stripe_error_of_a_gateway_is_not_raised(
    database: Database, connected: Shop, sandbox: SandboxStripe
) -> None:
    def trouble(_number: int) -> None:
        raise StripeError("Stripe is closed today.")

    failed = await sync(
        database, connected, sandbox.url, wrap=lambda g: SmallPages(g, trouble=trouble)
    )
    assert (failed.state, failed.error_message) == ("failed", "Stripe is closed today.")
