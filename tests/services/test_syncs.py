"""One sync at a time, asked for by those who may, and its state told as it is."""

import asyncio
import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from db.repositories.jobs import Entrypoint
from db.session import Database
from domain.access import Role
from domain.errors import NoDataError, NotFoundError, NotPermittedError, StripeKeyError
from services.stripe_sync.feeds import FEEDS
from services.stripe_sync.progress import ListProgress, to_cursors
from services.syncs import (
    STALLED_AFTER,
    SyncRequested,
    SyncStatus,
    get_sync,
    list_syncs,
    request_events,
    request_insight,
    request_sync,
    sync_status,
)
from tests.factories import Shop, make_shop
from tests.integrations.stripe.ledgers import NOW, OPENED
from tests.services.stripe_sync.connected import START, connect, requested


@pytest.fixture
async def connected(database: Database, shop: Shop) -> Shop:
    await connect(database, shop.access)
    return shop


async def ask(database: Database, shop: Shop, now: datetime = START) -> SyncRequested:
    async with database.unit_of_work() as session:
        return await request_sync(session, shop.access, now)


async def status_of(database: Database, shop: Shop, now: datetime = START) -> SyncStatus:
    async with database.unit_of_work() as session:
        return await sync_status(session, shop.access, now)


async def jobs(database: Database) -> list[str]:
    async with database.unit_of_work() as session:
        found = await session.execute(
            text("SELECT entrypoint || ' ' || convert_from(payload, 'UTF8') FROM pgqueuer")
        )
        return list(found.scalars())


async def set_sync(database: Database, sync_id: UUID, **values: Any) -> None:
    changes = ", ".join(f"{name} = :{name}" for name in values)
    async with database.unit_of_work() as session:
        await session.execute(
            text(f"UPDATE sync_runs SET {changes} WHERE id = :id"), {"id": sync_id, **values}
        )


async def set_account(database: Database, **values: Any) -> None:
    changes = ", ".join(f"{name} = :{name}" for name in values)
    async with database.unit_of_work() as session:
        await session.execute(text(f"UPDATE integration_accounts SET {changes}"), values)


async def test_request_queues_a_sync_and_its_job(database: Database, connected: Shop) -> None:
    answer = await ask(database, connected)
    assert (answer.state, answer.already_running) == ("queued", False)
    assert await jobs(database) == [f'{Entrypoint.SYNC} {{"sync_id":"{answer.sync_id}"}}']


async def test_rolled_back_request_leaves_nothing(database: Database, connected: Shop) -> None:
    async with database.unit_of_work() as session:
        await request_sync(session, connected.access, START)
        await session.rollback()
    assert await jobs(database) == []
    assert (await status_of(database, connected)).state == "never"


async def test_second_request_attaches_to_the_first(database: Database, connected: Shop) -> None:
    first, second = await ask(database, connected), await ask(database, connected)
    assert (second.sync_id, second.already_running) == (first.sync_id, True)
    assert len(await jobs(database)) == 1


async def test_requests_at_once_make_one_sync(database: Database, connected: Shop) -> None:
    answers = await asyncio.gather(*(ask(database, connected) for _ in range(5)))
    assert len({answer.sync_id for answer in answers}) == 1
    assert sorted(answer.already_running for answer in answers) == [False, True, True, True, True]
    assert len(await jobs(database)) == 1


async def test_ended_sync_is_followed_by_a_new_one(database: Database, connected: Shop) -> None:
    first = await ask(database, connected)
    await set_sync(database, first.sync_id, state="completed")
    second = await ask(database, connected)
    assert second.sync_id != first.sync_id
    assert not second.already_running


async def test_sync_without_a_sign_of_life_gets_another_job(
    database: Database, connected: Shop
) -> None:
    first = await ask(database, connected)
    assert (await ask(database, connected, START + STALLED_AFTER)).already_running
    assert len(await jobs(database)) == 1
    late = START + STALLED_AFTER + timedelta(seconds=1)
    assert await ask(database, connected, late) == SyncRequested(
        first.sync_id, "queued", already_running=True
    )
    assert len(set(await jobs(database))) == 1
    assert len(await jobs(database)) == 2


async def test_viewer_cannot_request_a_sync(database: Database, connected: Shop) -> None:
    with pytest.raises(NotPermittedError):
        async with database.unit_of_work() as session:
            await request_sync(session, connected.as_role(Role.VIEWER), START)


async def test_request_without_an_account_says_to_connect_one(
    database: Database, shop: Shop
) -> None:
    with pytest.raises(NoDataError, match="No Stripe account") as caught:
        await ask(database, shop)
    assert "restricted key" in str(caught.value.hint)


async def test_request_with_a_refused_key_says_to_reconnect(
    database: Database, connected: Shop
) -> None:
    await set_account(database, status="revoked")
    with pytest.raises(StripeKeyError, match="Reconnect"):
        await ask(database, connected)


async def test_status_without_an_account(database: Database, shop: Shop) -> None:
    status = await status_of(database, shop)
    assert (status.connected, status.state, status.percent) == (False, "never", None)
    assert (status.last_synced_at, status.age_hours, status.stale) == (None, None, True)
    assert set(status.counts.values()) == {0}


async def test_status_of_a_queued_sync_is_zero_percent(database: Database, connected: Shop) -> None:
    await ask(database, connected)
    status = await status_of(database, connected)
    assert (status.connected, status.state, status.percent) == (True, "queued", 0)


async def test_status_of_a_running_sync_tells_its_percent_and_an_estimate(
    database: Database, connected: Shop
) -> None:
    """Half of the charges are 45 items; charges are 24 hundredths of nine tenths of the work."""
    charges = ListProgress.start(None, top=NOW, bottom=OPENED)
    halfway = charges.stored(None, ("ch_1", OPENED + (NOW - OPENED) // 2), rows=45)
    waiting = {feed.name: charges for feed in FEEDS}
    lists = {**waiting, "charges": halfway}
    await set_sync(
        database,
        (await ask(database, connected)).sync_id,
        state="running",
        started_at=START,
        cursors=json.dumps(to_cursors(lists, saved_at=START)),
    )
    status = await status_of(database, connected)
    assert (status.state, status.percent, status.total) == ("running", 10, 90 * 100 // 24)


async def test_status_tells_which_permissions_are_missing(
    database: Database, connected: Shop
) -> None:
    metadata = {"livemode": False, "missing": ["rak_dispute_read"]}
    await set_account(database, metadata=json.dumps(metadata))
    assert (await status_of(database, connected)).missing_permissions == ["rak_dispute_read"]


async def test_view_of_a_sync_tells_what_it_found(database: Database, connected: Shop) -> None:
    sync_id = (await ask(database, connected)).sync_id
    findings = {"missing": ["rak_dispute_read"], "events": 3}
    await set_sync(database, sync_id, findings=json.dumps(findings), purpose="reconcile")
    async with database.unit_of_work() as session:
        view = await get_sync(session, connected.access, sync_id)
    assert (view.missing_permissions, view.findings) == (["rak_dispute_read"], {"events": 3})
    assert (view.purpose, view.total) == ("reconcile", None)


async def test_events_of_an_account_are_applied_by_one_job_at_a_time(
    database: Database, connected: Shop
) -> None:
    accounts = [uuid4(), uuid4()]
    async with database.unit_of_work() as session:
        for account in (*accounts, *accounts):
            await request_events(session, account)
    assert sorted(await jobs(database)) == sorted(
        f'{Entrypoint.EVENTS} {{"integration_id":"{account}"}}' for account in accounts
    )


async def test_refreshes_of_one_business_within_seconds_are_one_job(
    database: Database, connected: Shop
) -> None:
    for _ in range(3):
        async with database.unit_of_work() as session:
            await request_insight(session, connected.business_id)
    assert await jobs(database) == [
        f'{Entrypoint.INSIGHT} {{"business_id":"{connected.business_id}","cause":"events"}}'
    ]


async def test_status_of_a_failed_sync_tells_why(database: Database, connected: Shop) -> None:
    sync_id = (await ask(database, connected)).sync_id
    await set_sync(database, sync_id, state="failed", error_message="Stripe said no.")
    status = await status_of(database, connected)
    assert (status.state, status.percent, status.error) == ("failed", None, "Stripe said no.")


async def test_status_with_a_refused_key_is_not_connected(
    database: Database, connected: Shop
) -> None:
    await set_account(database, status="revoked")
    assert not (await status_of(database, connected)).connected


@pytest.mark.parametrize(
    ("age", "hours", "stale"),
    [
        (timedelta(minutes=11), Decimal("0.1"), False),
        (timedelta(days=7), Decimal("168.0"), False),
        (timedelta(days=7, minutes=6), Decimal("168.1"), True),
    ],
)
async def test_data_is_stale_after_a_week(
    database: Database, connected: Shop, age: timedelta, hours: Decimal, stale: bool
) -> None:
    await set_account(database, last_synced_at=START - age)
    status = await status_of(database, connected)
    assert (status.age_hours, status.stale) == (hours, stale)
    assert status.last_synced_at == START - age


async def test_another_business_sees_none_of_it(database: Database, connected: Shop) -> None:
    sync_id = await requested(database, connected.access)
    other = await make_shop(database, "Other shop")
    assert (await status_of(database, other)).state == "never"
    async with database.unit_of_work() as session:
        with pytest.raises(NotFoundError):
            await get_sync(session, other.access, sync_id)
        assert (await list_syncs(session, other.access)).items == []


async def test_syncs_are_listed_newest_first_in_pages(database: Database, connected: Shop) -> None:
    made = []
    for day in range(5):
        sync = await ask(database, connected, START + timedelta(days=day // 2))
        await set_sync(database, sync.sync_id, state="completed")
        made.append(sync.sync_id)
    async with database.unit_of_work() as session:
        first = await list_syncs(session, connected.access, limit=2)
        second = await list_syncs(session, connected.access, limit=2, after=first.next)
        third = await list_syncs(session, connected.access, limit=2, after=second.next)
    listed = [view.id for page in (first, second, third) for view in page.items]
    assert listed == made[::-1]
    assert third.next is None


async def test_list_behind_an_unknown_sync_is_refused(database: Database, connected: Shop) -> None:
    async with database.unit_of_work() as session:
        with pytest.raises(NotFoundError):
            await list_syncs(session, connected.access, after=uuid4())
