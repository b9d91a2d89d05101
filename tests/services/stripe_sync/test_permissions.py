"""A list that the key may not read is named and passed over, and read whole once it may be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from db.session import Database
from integrations.stripe.resources import CUSTOMERS, EVENTS, PERMISSIONS
from sandbox.stripe.server import SandboxStripe, serve
from services.stripe_sync.run import run_sync
from services.syncs import SyncStatus, sync_status
from tests.factories import Shop
from tests.integrations.stripe.ledgers import KEY, NOW, small_shop
from tests.services.stripe_sync.connected import (
    account_row,
    connect,
    differences,
    ledger_of,
    opener,
    requested,
    sync,
)
from tests.services.stripe_sync.expected_rows import instant
from tests.services.stripe_sync.moving import DAY, Moving, busy_shop, moving


@asynccontextmanager
async def stripe_without(*lacking: str, at: int = NOW) -> AsyncIterator[SandboxStripe]:
    granted = [permission for permission in PERMISSIONS if permission not in lacking]
    async with serve(small_shop(), keys={KEY: granted}, clock=lambda: instant(at)) as sandbox:
        yield sandbox


async def status_of(database: Database, shop: Shop) -> SyncStatus:
    async with database.unit_of_work() as session:
        return await sync_status(session, shop.access, instant(NOW))


async def test_list_that_may_not_be_read_is_named_and_the_rest_is_read(
    database: Database, connected: Shop
) -> None:
    async with stripe_without(CUSTOMERS.permission) as sandbox:
        done = await sync(database, connected, sandbox.url)
        wanted = await differences_but_for(database, connected, "customers")
    assert (done.state, done.missing_permissions) == ("completed", ["rak_customer_read"])
    assert (await status_of(database, connected)).missing_permissions == ["rak_customer_read"]
    assert wanted == []


async def differences_but_for(database: Database, shop: Shop, name: str) -> list[object]:
    """What the ledger lacks beside a list, compared with a key that may read everything."""
    async with stripe_without() as sandbox:
        found = await differences(database, shop, sandbox.url)
    assert {part for part, *_ in found} == {name}
    return [difference for difference in found if difference[0] != name]


async def test_list_is_read_whole_once_the_key_may_read_it(
    database: Database, connected: Shop
) -> None:
    async with stripe_without(CUSTOMERS.permission) as sandbox:
        await sync(database, connected, sandbox.url)
    assert (await ledger_of(database, connected.access))["customers"] == {}
    # A key that has all of them is connected, which says that nothing is missing any more.
    await connect(database, connected.access)
    later = NOW + 10 * DAY
    async with stripe_without(at=later) as sandbox:
        done = await sync(database, connected, sandbox.url, now=instant(later))
        assert await differences(database, connected, sandbox.url) == []
    assert done.counts["customers"] == len(small_shop().customers)
    assert done.missing_permissions == []
    assert (await status_of(database, connected)).missing_permissions == []


async def test_attempt_that_goes_on_remembers_what_is_missing(
    database: Database, connected: Shop
) -> None:
    sync_id = await requested(database, connected.access)
    async with stripe_without(CUSTOMERS.permission, EVENTS.permission) as sandbox:
        fails = True

        async def after(*_: object) -> None:
            if fails:
                raise BaseExceptionGroup("killed", [KeyboardInterrupt()])

        clock = lambda: instant(NOW)  # noqa: E731
        with pytest.raises(BaseExceptionGroup):
            await run_sync(
                database, sync_id, open_gateway=opener(sandbox.url), clock=clock, after=after
            )
        fails = False
        await run_sync(
            database, sync_id, open_gateway=opener(sandbox.url), clock=clock, after=after
        )
    status = await status_of(database, connected)
    assert status.state == "completed"
    assert status.missing_permissions == ["rak_customer_read", "rak_event_read"]


async def test_without_events_later_syncs_read_again_what_may_have_changed(
    database: Database, connected: Shop
) -> None:
    async with stripe_without(EVENTS.permission) as sandbox:
        done = await sync(database, connected, sandbox.url)
    assert done.missing_permissions == ["rak_event_read"]
    later = NOW + 10 * DAY
    async with stripe_without(EVENTS.permission, at=later) as sandbox:
        done = await sync(database, connected, sandbox.url, now=instant(later))
    assert done.counts["charges"] == len(small_shop().charges)
    async with stripe_without(at=later) as sandbox:
        assert await differences(database, connected, sandbox.url) == []


async def test_event_of_a_list_that_may_not_be_read_waits_for_the_permission(
    database: Database, shop: Shop
) -> None:
    integration_id = await connect(database, shop.access)
    async with moving(database, shop, integration_id, busy_shop()) as busy:
        await busy.sync()
        busy.time.pass_by(hours=1)
        await busy.receive(*await busy.events())
        await _apply_without(busy, "rak_charge_read")
        aside = "SELECT count(*) FROM stripe_event_failures WHERE set_aside_at IS NOT NULL"
        assert await busy.value(aside) > 0
        named = "SELECT DISTINCT error_code || ' ' || error_message FROM stripe_event_failures"
        assert await busy.value(named) == "stripe_permission_missing rak_charge_read"
        # Connecting again, with a key that may, lets them be tried again.
        await connect(database, shop.access)
        assert await busy.value(aside) == 0
        await busy.apply()
        assert await busy.differences() == []


async def _apply_without(busy: Moving, permission: str) -> None:
    granted = [name for name in PERMISSIONS if name != permission]
    async with serve(busy_shop(), keys={KEY: granted}, clock=busy.time) as other:
        there = Moving(busy.database, busy.shop, busy.integration_id, other, busy.time)
        await there.apply()
    assert (await account_row(busy.database, busy.integration_id)).status == "active"
