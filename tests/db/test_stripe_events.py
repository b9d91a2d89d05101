"""An event is stored once, processed once, and set aside when it cannot be."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from db.models import IntegrationAccount, StripeEvent
from db.repositories import stripe_events
from db.repositories.ledger import LedgerOwner, next_version
from db.repositories.stripe_events import MAX_ATTEMPTS, EventCounts, SeenEvent, SetAsideEvent, Via
from db.repositories.webhooks import accept_event
from db.session import Database
from tests.db.ledger_samples import owner_of
from tests.factories import Shop, make_shop

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALLOWED = {
    "created",
    "livemode",
    "api_version",
    "object",
    "object_id",
    "charge",
    "via",
    "version",
}


def event(number: int, *, object_id: str = "ch_1") -> SeenEvent:
    return SeenEvent(
        stripe_event_id=f"evt_{number}",
        event_type="charge.updated",
        created=1_780_000_000 + number,
        livemode=False,
        api_version="2026-10-28.endive",
        object="charge",
        object_id=object_id,
        charge=None,
        via=Via.POLL,
    )


@pytest.fixture
async def owner(database: Database, shop: Shop) -> LedgerOwner:
    return await owner_of(database, shop)


async def store(database: Database, account: UUID, *events: SeenEvent) -> int:
    async with database.unit_of_work() as session:
        return await stripe_events.insert_events(session, account, events)


async def waiting(database: Database, account: UUID, limit: int = 100) -> list[str]:
    async with database.unit_of_work() as session:
        found = await stripe_events.unprocessed(session, account, limit)
    return [pending.stripe_event_id for pending in found]


async def id_of(database: Database, number: int) -> UUID:
    query = select(StripeEvent.id).where(StripeEvent.stripe_event_id == f"evt_{number}")
    async with database.unit_of_work() as session:
        return (await session.execute(query)).scalar_one()


async def fail(
    database: Database,
    *ids: UUID,
    times: int = 1,
    code: str = "stripe_error",
    at_once: bool = False,
) -> None:
    for _ in range(times):
        async with database.unit_of_work() as session:
            await stripe_events.record_failure(
                session, ids, error_code=code, error_message="No.", now=NOW, at_once=at_once
            )


async def aside(database: Database) -> list[SetAsideEvent]:
    async with database.unit_of_work() as session:
        return list(await stripe_events.list_set_aside(session))


async def test_event_is_stored_once(database: Database, owner: LedgerOwner) -> None:
    account = owner.integration_id
    assert await store(database, account, event(1), event(2), event(2)) == 2
    assert await store(database, account, event(2), event(3)) == 1
    assert await store(database, account) == 0
    assert await waiting(database, account) == ["evt_1", "evt_2", "evt_3"]


async def test_deliveries_at_once_store_an_event_once(
    database: Database, owner: LedgerOwner
) -> None:
    batch = [event(number) for number in range(1_000)]
    orders = [random.Random(seed).sample(batch, len(batch)) for seed in range(4)]
    stored = await asyncio.gather(
        *(store(database, owner.integration_id, *order) for order in orders)
    )
    assert sum(stored) == len(batch)


async def test_only_what_names_the_object_is_kept(database: Database, owner: LedgerOwner) -> None:
    seen = event(1)._replace(charge="ch_2", via=Via.WEBHOOK)
    await store(database, owner.integration_id, seen)
    async with database.unit_of_work() as session:
        row = (await session.execute(select(StripeEvent))).scalar_one()
    assert row.payload is not None
    assert set(row.payload) == ALLOWED
    assert (row.payload["via"], row.payload["charge"]) == ("webhook", "ch_2")
    assert (row.event_type, row.processed_at) == ("charge.updated", None)


async def test_version_is_drawn_as_the_event_is_stored(
    database: Database, owner: LedgerOwner
) -> None:
    async with database.unit_of_work() as session:
        before = await next_version(session)
    await store(database, owner.integration_id, event(1), event(2))
    async with database.unit_of_work() as session:
        after = await next_version(session)
        first, second = await stripe_events.unprocessed(session, owner.integration_id, 10)
    assert before < first.version < second.version < after
    assert (first.created, first.object, first.object_id, first.charge) == (
        1_780_000_001,
        "charge",
        "ch_1",
        None,
    )


async def test_repeated_delivery_does_not_renew_the_version(
    database: Database, owner: LedgerOwner
) -> None:
    await store(database, owner.integration_id, event(1))
    async with database.unit_of_work() as session:
        [first] = await stripe_events.unprocessed(session, owner.integration_id, 10)
    await store(database, owner.integration_id, event(1))
    async with database.unit_of_work() as session:
        assert await stripe_events.unprocessed(session, owner.integration_id, 10) == [first]


async def test_events_wait_in_the_order_of_their_arrival(
    database: Database, owner: LedgerOwner
) -> None:
    await store(database, owner.integration_id, event(9))
    await store(database, owner.integration_id, event(1))
    assert await waiting(database, owner.integration_id) == ["evt_9", "evt_1"]
    assert await waiting(database, owner.integration_id, limit=1) == ["evt_9"]


async def test_events_of_another_account_are_not_seen(
    database: Database, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"), account="acct_2")
    await store(database, other.integration_id, event(1))
    assert await waiting(database, owner.integration_id) == []


async def test_processed_event_waits_no_more(database: Database, owner: LedgerOwner) -> None:
    await store(database, owner.integration_id, event(1), event(2))
    done = await id_of(database, 1)
    await fail(database, done, times=2)
    async with database.unit_of_work() as session:
        await stripe_events.mark_processed(session, [done], NOW)
        await stripe_events.mark_processed(session, [done], NOW + timedelta(hours=1))
    async with database.unit_of_work() as session:
        row = await session.get_one(StripeEvent, done)
        counts = await stripe_events.count_by_state(session)
    assert row.processed_at == NOW
    assert await waiting(database, owner.integration_id) == ["evt_2"]
    assert counts == EventCounts(pending=1, processed=1, set_aside=0)


async def test_event_is_set_aside_at_the_fifth_failure_and_the_rest_goes_on(
    database: Database, owner: LedgerOwner
) -> None:
    account = owner.integration_id
    await store(database, account, event(1), event(2))
    poison = await id_of(database, 1)
    await fail(database, poison, times=MAX_ATTEMPTS - 1)
    assert await waiting(database, account) == ["evt_1", "evt_2"]
    await fail(database, poison)
    assert await waiting(database, account) == ["evt_2"]
    async with database.unit_of_work() as session:
        counts = await stripe_events.count_by_state(session)
    assert counts == EventCounts(pending=1, processed=0, set_aside=1)


async def test_what_was_set_aside_is_named(database: Database, owner: LedgerOwner) -> None:
    await store(database, owner.integration_id, event(1, object_id="ch_7"))
    poison = await id_of(database, 1)
    await fail(database, poison, code="stripe_permission_missing", at_once=True)
    assert await aside(database) == [
        SetAsideEvent(
            id=poison,
            business_id=owner.business_id,
            integration_id=owner.integration_id,
            stripe_event_id="evt_1",
            event_type="charge.updated",
            object="charge",
            object_id="ch_7",
            attempts=1,
            error_code="stripe_permission_missing",
            error_message="No.",
            set_aside_at=NOW,
        )
    ]


async def test_long_message_is_cut_to_its_column(database: Database, owner: LedgerOwner) -> None:
    await store(database, owner.integration_id, event(1))
    async with database.unit_of_work() as session:
        await stripe_events.record_failure(
            session,
            [await id_of(database, 1)],
            error_code="stripe_error",
            error_message="x" * 501,
            now=NOW,
            at_once=True,
        )
    [found] = await aside(database)
    assert found.error_message == "x" * 500


async def test_failure_of_an_unknown_event_is_ignored(database: Database) -> None:
    await fail(database, uuid4(), at_once=True)
    await fail(database)
    assert await aside(database) == []


async def test_only_events_of_the_account_and_the_reason_are_freed(
    database: Database, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"), account="acct_2")
    account = owner.integration_id
    await store(database, account, event(1), event(2), event(3))
    await store(database, other.integration_id, event(4))
    for number, code in ((1, "permission"), (2, "other"), (4, "permission")):
        await fail(database, await id_of(database, number), code=code, at_once=True)
    await fail(database, await id_of(database, 3), code="permission", times=2)
    async with database.unit_of_work() as session:
        assert await stripe_events.free_set_aside(session, account, "permission") == 1
    assert await waiting(database, account) == ["evt_1", "evt_3"]
    assert await waiting(database, other.integration_id) == []
    # What was not set aside keeps its count.
    await fail(database, await id_of(database, 3), times=3)
    assert await waiting(database, account) == ["evt_1"]


async def test_freed_event_has_all_its_attempts_again(
    database: Database, owner: LedgerOwner
) -> None:
    await store(database, owner.integration_id, event(1))
    poison = await id_of(database, 1)
    await fail(database, poison, times=MAX_ATTEMPTS)
    async with database.unit_of_work() as session:
        await stripe_events.free_set_aside(session, owner.integration_id, "stripe_error")
    await fail(database, poison, times=MAX_ATTEMPTS - 1)
    assert await waiting(database, owner.integration_id) == ["evt_1"]


async def _used_by_another(database: Database) -> LedgerOwner:
    """The connection of another shop, of whose events one is processed and one set aside."""
    other = await owner_of(database, await make_shop(database, "Other shop"))
    await store(database, other.integration_id, event(1), event(2))
    await fail(database, await id_of(database, 2), at_once=True)
    async with database.unit_of_work() as session:
        await stripe_events.mark_processed(session, [await id_of(database, 1)], NOW)
    return other


async def test_account_that_changes_hands_takes_its_events_along(
    database: Database, owner: LedgerOwner
) -> None:
    await _used_by_another(database)
    assert await store(database, owner.integration_id, event(1), event(2)) == 2
    assert await waiting(database, owner.integration_id) == ["evt_1", "evt_2"]
    assert await aside(database) == []


async def test_webhook_of_an_account_that_changed_hands_takes_its_event_along(
    database: Database, owner: LedgerOwner
) -> None:
    other = await _used_by_another(database)
    async with database.unit_of_work() as session:
        (await session.get_one(IntegrationAccount, other.integration_id)).status = "revoked"
    for number in (1, 2):
        assert await accept_event(database, event(number), account="acct_1", deauthorizes=False)
    assert await waiting(database, owner.integration_id) == ["evt_1", "evt_2"]
    assert await aside(database) == []


async def test_workers_at_once_do_not_deadlock(database: Database, owner: LedgerOwner) -> None:
    await store(database, owner.integration_id, *(event(n) for n in range(40)))
    async with database.unit_of_work() as session:
        found = await stripe_events.unprocessed(session, owner.integration_id, 40)
    ids = [pending.id for pending in found]

    async def process(order: list[UUID]) -> None:
        for part in range(0, 40, 10):
            async with database.unit_of_work() as session:
                await stripe_events.mark_processed(session, order[part:], NOW)

    await asyncio.gather(
        process(ids), process(ids[::-1]), fail(database, *ids[::-1], times=4), fail(database, *ids)
    )
    assert await waiting(database, owner.integration_id) == []
