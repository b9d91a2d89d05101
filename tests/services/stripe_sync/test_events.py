"""What changes reaches the ledger, in whatever order pages, events and webhooks come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from domain.errors import StripeError
from integrations.stripe.failures import TransientStripeError
from integrations.stripe.gateway import Page
from integrations.stripe.resources import (
    CHARGES,
    CUSTOMERS,
    EVENTS,
    Event,
    EventData,
    EventObject,
)
from services.stripe_sync.plan import LONGEST_GAP
from services.syncs import sync_status
from tests.integrations.stripe.ledgers import KEY
from tests.services.stripe_sync.connected import (
    Killed,
    SmallPages,
    requested,
    run,
    truth,
    view,
)
from tests.services.stripe_sync.moving import Moving
from tests.services.stripe_sync.test_run import dying_after

# What Stripe keeps of the events.
KEPT = timedelta(days=30)
# What is left behind by another job that fetches every charge.
_READ_AGAIN = """
    WITH read AS (
        UPDATE ledger_charges SET source_version = nextval('ledger_versions') RETURNING 1
    ) SELECT count(*) FROM read
"""


async def test_two_events_of_one_second_leave_the_state_after_both(busy: Moving) -> None:
    await busy.sync()
    busy.time.pass_by(seconds=60.3)
    first = await busy.events()
    await busy.receive(*first)
    await busy.apply()
    assert await busy.refunded("ch_Old19") == 100
    busy.time.pass_by(seconds=0.5)
    second = await busy.events()
    assert {event.created for event in second} & {event.created for event in first}
    await busy.receive(*second)
    await busy.apply()
    assert await busy.refunded("ch_Old19") == 300
    assert await busy.differences() == []


@pytest.mark.parametrize("kind", ["refund", "dispute", "radar.early_fraud_warning"])
async def test_charge_is_fetched_for_what_shows_in_it_though_it_has_no_event(
    busy: Moving, kind: str
) -> None:
    await busy.sync()
    busy.time.pass_by(seconds=61)
    named = EventData(EventObject(kind, "of_1", charge="ch_Old19"))
    created = int(busy.time.second)
    await busy.receive(
        Event(id="evt_1", created=created, type=f"{kind}.created", livemode=False, data=named)
    )
    await busy.apply()
    assert await busy.refunded("ch_Old19") == 300


async def test_two_events_of_one_second_that_come_in_the_wrong_order(busy: Moving) -> None:
    await busy.sync()
    busy.time.pass_by(seconds=61)
    for event in (await busy.events())[::-1]:
        await busy.receive(event)
        await busy.apply()
    assert await busy.refunded("ch_Old19") == 300
    assert await busy.differences() == []


async def test_object_read_between_two_of_its_events_is_fetched_behind_the_second(
    busy: Moving,
) -> None:
    """Both wait when they are applied, and what was read is newer than the first alone."""
    await busy.sync()
    busy.time.pass_by(seconds=60.3)
    await busy.receive(*await busy.events())
    assert await busy.value(_READ_AGAIN) > 0
    busy.time.pass_by(seconds=0.5)
    await busy.receive(*await busy.events())
    await busy.apply()
    assert await busy.refunded("ch_Old19") == 300
    assert await busy.differences() == []


async def test_page_fetched_before_a_refund_and_written_after_its_webhook_changes_nothing(
    busy: Moving,
) -> None:
    """The sync holds a page of charges while one of them is refunded and its webhook applied."""

    class Holding(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            page = await super().list_page(resource, **parameters)
            if resource is CHARGES and not busy.seen:
                busy.time.pass_by(seconds=61)
                await busy.receive(*await busy.events())
                assert await busy.apply() > 0
                # The charge itself has not been read by the sync, or only in this page.
                assert await busy.refunded("ch_Old19") == 300
                assert [c.amount_refunded for c in page.items if c.id == "ch_Old19"] == [0]
            return page

    await busy.sync(Holding)
    assert await busy.refunded("ch_Old19") == 300
    busy.time.pass_by(seconds=1)
    assert await busy.differences() == []


async def test_event_of_another_account_is_not_stored(busy: Moving) -> None:
    class Mixing(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            page = await super().list_page(resource, **parameters)
            if resource is not EVENTS:
                return page
            items = [msgspec.structs.replace(e, account="acct_Other") for e in page.items]
            return replace(page, items=items)

    await busy.sync(Mixing)
    busy.time.pass_by(days=1)
    await busy.sync(Mixing)
    assert await busy.value("SELECT count(*) FROM stripe_events") == 0


async def test_event_of_the_account_itself_is_stored(busy: Moving) -> None:
    class Naming(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            page = await super().list_page(resource, **parameters)
            if resource is not EVENTS:
                return page
            own = (await busy.account()).external_id
            items = [msgspec.structs.replace(event, account=own) for event in page.items]
            return replace(page, items=items)

    await busy.sync()
    busy.time.pass_by(days=1)
    await busy.sync(Naming)
    assert await busy.value("SELECT count(*) FROM stripe_events") > 0
    assert await busy.differences() == []


async def test_later_sync_brings_what_changed_on_old_objects_by_their_events(
    busy: Moving,
) -> None:
    await busy.sync()
    busy.time.pass_by(days=10)
    before = busy.stripe.api.traffic.copy()
    done = await busy.sync()
    asked = busy.stripe.api.traffic - before
    assert await busy.refunded("ch_Old3") == 250
    assert await busy.differences() == []
    lists = {path: count for path, count in asked.items() if "{" not in path}
    # One page of each list and one of the events, and what changed is fetched by its id. The lines
    # of the balance are read once more behind the events.
    assert lists.pop("/v1/balance_transactions") == 2
    assert len(lists) == 12
    assert set(lists.values()) == {1}
    assert done.findings["events"] > 10


async def test_later_sync_is_exact_wherever_it_is_killed(busy: Moving) -> None:
    await busy.sync()
    busy.time.pass_by(days=10)
    sync_id = await requested(busy.database, busy.shop.access, busy.time())
    deaths = 0
    while (await view(busy.database, busy.shop, sync_id)).state != "completed":
        try:
            await run(
                busy.database, sync_id, busy.url, wrap=dying_after(2 * deaths + 1), now=busy.time()
            )
        except (Killed, BaseExceptionGroup):
            deaths += 1
    assert deaths > 5
    assert await busy.differences() == []


async def test_events_that_were_seen_are_not_read_or_applied_again(busy: Moving) -> None:
    await busy.sync()
    busy.time.pass_by(days=1)
    await busy.sync()
    seen = await busy.value("SELECT count(*) FROM stripe_events")
    before = busy.stripe.api.traffic.copy()
    done = await busy.sync()
    assert await busy.value("SELECT count(*) FROM stripe_events") == seen
    assert not [path for path in busy.stripe.api.traffic - before if "{" in path]
    assert done.findings == {}


async def test_changes_during_the_first_sync_are_in_it(busy: Moving) -> None:
    """Time goes on with every request, and with it what is new and what is refunded."""

    def hurry(_number: int) -> None:
        busy.time.pass_by(hours=5)

    await busy.sync(lambda gateway: SmallPages(gateway, 3, hurry))
    await busy.sync()
    assert await busy.differences() == []


async def test_after_a_long_gap_what_may_have_changed_is_read_again(busy: Moving) -> None:
    """The events of the first half of the gap are not listed any more."""
    await busy.sync()
    busy.time.pass_by(days=60)
    assert LONGEST_GAP < KEPT
    done = await busy.sync()
    wanted = await truth(busy.url)
    assert {name: done.counts[name] for name in ("refunds", "disputes")} == {
        "refunds": len(wanted["refunds"]),
        "disputes": len(wanted["disputes"]),
    }
    assert await busy.refunded("ch_Old1") == 250
    # Among what has changed is a customer that was deleted, and the event of that is not listed.
    assert await busy.differences() == []


async def test_deleted_customer_is_marked_and_stays(busy: Moving) -> None:
    await busy.sync()
    deleted = "SELECT deleted FROM ledger_customers WHERE stripe_id = 'cus_Old5'"
    assert await busy.value(deleted) is False
    busy.time.pass_by(hours=6)
    await busy.receive(*await busy.events())
    await busy.apply()
    assert await busy.value(deleted) is True
    busy.time.pass_by(days=1)
    await busy.sync()
    assert await busy.value(deleted) is True


async def test_page_fetched_before_a_deletion_and_written_after_it_changes_nothing(
    busy: Moving,
) -> None:
    class Holding(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            page = await super().list_page(resource, **parameters)
            if resource is CUSTOMERS and not busy.seen:
                assert "cus_Old5" in {customer.id for customer in page.items}
                busy.time.pass_by(hours=6)
                await busy.receive(*await busy.events())
                await busy.apply()
            return page

    await busy.sync(Holding)
    present = "SELECT count(*) FROM ledger_customers WHERE stripe_id = 'cus_Old5' AND NOT deleted"
    assert await busy.value(present) == 0


async def test_event_whose_object_cannot_be_fetched_is_set_aside_and_the_rest_goes_on(
    busy: Moving,
) -> None:
    await busy.sync()

    class Refusing(SmallPages):
        async def retrieve(self, resource: Any, object_id: str) -> Any:
            if object_id == "re_Late0":
                raise StripeError("Stripe's answer does not have the documented form.")
            return await super().retrieve(resource, object_id)

    busy.time.pass_by(hours=1)
    await busy.receive(*await busy.events())
    waiting = "SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"
    aside = "SELECT count(*) FROM stripe_event_failures WHERE set_aside_at IS NOT NULL"
    for attempt in range(1, 6):
        await busy.apply(Refusing)
        assert (await busy.value(waiting), await busy.value(aside)) == (1, int(attempt == 5))
    assert await busy.refunded("ch_Old0") == 250
    assert await busy.apply() == 0


async def test_event_waits_until_the_charge_that_shows_it_can_be_fetched(busy: Moving) -> None:
    await busy.sync()

    class Refusing(SmallPages):
        async def retrieve(self, resource: Any, object_id: str) -> Any:
            if resource is CHARGES:
                raise StripeError("Stripe's answer does not have the documented form.")
            return await super().retrieve(resource, object_id)

    busy.time.pass_by(hours=1)
    named = [e for e in await busy.events() if e.data.object.id == "re_Late0"]
    await busy.receive(*named)
    assert await busy.apply(Refusing) == 0
    assert await busy.apply() == len(named) > 0
    assert await busy.refunded("ch_Old0") == 250


async def test_object_that_does_not_fit_is_set_aside_and_the_rest_is_stored(
    busy: Moving,
) -> None:
    await busy.sync()

    class Misspelling(SmallPages):
        async def retrieve(self, resource: Any, object_id: str) -> Any:
            found = await super().retrieve(resource, object_id)
            if object_id == "re_Late0":
                return msgspec.structs.replace(found, currency="dollars")
            return found

    busy.time.pass_by(hours=1)
    await busy.receive(*await busy.events())
    await busy.apply(Misspelling)
    failed = await busy.value(
        "SELECT error_code || ' ' || error_message FROM stripe_event_failures"
    )
    assert failed.startswith("unstorable_object ")
    assert "dollars" not in failed
    assert await busy.refunded("ch_Old0") == 250
    await busy.apply()
    busy.time.pass_by(seconds=1)
    assert await busy.differences() == []


async def test_busy_stripe_leaves_events_waiting_without_counting_against_them(
    busy: Moving,
) -> None:
    await busy.sync()

    class Overloaded(SmallPages):
        async def retrieve(self, *_: Any) -> Any:
            raise TransientStripeError

    busy.time.pass_by(hours=1)
    await busy.receive(*await busy.events())
    with pytest.raises(TransientStripeError):
        await busy.apply(Overloaded)
    assert await busy.value("SELECT count(*) FROM stripe_event_failures") == 0
    await busy.apply()
    assert await busy.differences() == []


async def test_refused_key_revokes_the_account_and_keeps_the_events(busy: Moving) -> None:
    await busy.sync()
    busy.time.pass_by(hours=1)
    events = await busy.events()
    await busy.receive(*events)
    busy.stripe.api.accounts.revoke_key(KEY)
    assert await busy.apply() == 0
    assert (await busy.account()).status == "revoked"
    assert await busy.value("SELECT count(*) FROM stripe_events WHERE processed_at IS NULL") == len(
        events
    )


async def test_event_that_comes_again_is_applied_once(busy: Moving) -> None:
    await busy.sync()
    busy.time.pass_by(hours=1)
    events = await busy.events()
    await busy.receive(*events, *events)
    await busy.apply()
    before = busy.stripe.api.traffic.copy()
    await busy.receive(*events)
    assert await busy.apply() == 0
    assert busy.stripe.api.traffic == before


async def test_webhooks_bring_the_new_lines_of_the_balance_and_ask_for_one_refresh(
    busy: Moving,
) -> None:
    await busy.sync()
    busy.time.pass_by(hours=1)
    for event in await busy.events():
        await busy.receive(event)
        await busy.apply()
    assert await busy.jobs("insight") == 1
    assert await busy.differences() == []


async def test_two_jobs_at_once_apply_events_as_one_would(busy: Moving) -> None:
    await busy.sync()
    busy.time.pass_by(days=3)
    await busy.receive(*await busy.events())
    await asyncio.gather(busy.apply(), busy.apply(), busy.apply())
    assert await busy.value("SELECT count(*) FROM stripe_events WHERE processed_at IS NULL") == 0
    assert await busy.differences() == []


async def test_poll_with_nothing_new_costs_one_request_and_moves_the_freshness(
    busy: Moving,
) -> None:
    await busy.sync()
    busy.time.pass_by(seconds=30)
    before = busy.stripe.api.traffic.copy()
    await busy.poll()
    assert busy.stripe.api.traffic - before == {"/v1/events": 1}
    account = await busy.account()
    assert account.last_synced_at == busy.time()
    assert await busy.jobs("stripe_sync") == 1  # the one that was asked for and run by hand
    async with busy.database.unit_of_work() as session:
        assert (await sync_status(session, busy.shop.access, busy.time())).state == "completed"


async def test_poll_that_sees_something_new_asks_for_a_sync(busy: Moving) -> None:
    await busy.sync()
    before = await busy.account()
    busy.time.pass_by(minutes=20)
    await busy.poll()
    async with busy.database.unit_of_work() as session:
        assert (await sync_status(session, busy.shop.access, busy.time())).state == "queued"
    assert (await busy.account()).last_synced_at == before.last_synced_at
    await run(
        busy.database,
        await requested(busy.database, busy.shop.access, busy.time()),
        busy.url,
        now=busy.time(),
    )
    assert await busy.differences() == []


async def test_what_has_no_event_is_read_though_polls_have_moved_on(busy: Moving) -> None:
    """A balance line whose events were all missed, as a monthly fee has none."""
    await busy.sync()
    busy.time.pass_by(minutes=20)

    class Silent(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            page = await super().list_page(resource, **parameters)
            return replace(page, items=[]) if resource is EVENTS else page

    await busy.poll(Silent)
    busy.time.pass_by(minutes=20)
    await busy.sync(Silent)
    lines = await busy.value("SELECT count(*) FROM ledger_balance_transactions")
    assert lines == len((await truth(busy.url))["balance_transactions"])


async def test_nothing_is_polled_before_the_first_sync(busy: Moving) -> None:
    await busy.poll()
    assert busy.stripe.api.traffic.total() == 0


async def test_waiting_events_are_applied_though_the_poll_sees_nothing_new(busy: Moving) -> None:
    await busy.sync()
    busy.time.pass_by(hours=1)
    await busy.receive(*await busy.events())
    async with busy.database.unit_of_work() as session:
        await session.execute(text("DELETE FROM pgqueuer"))
    await busy.poll()
    assert await busy.jobs("stripe_events") == 1
