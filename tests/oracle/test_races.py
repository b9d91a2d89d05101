"""What changes while it is read: nothing is lost, and no older state replaces a newer one."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from db.models import LedgerCustomer
from sandbox.stripe.facts import RefundFact
from sandbox.stripe.ledger import Ledger
from tests.integrations.stripe.ledgers import NOW
from tests.oracle.shops import moment_in, shop, steady_shop
from tests.oracle.stage import Crew, Pace
from tests.oracle.story import HOUR_MS, Job, Live, Wait, Webhooks, perform
from tests.oracle.world import DAY_MS, world
from tests.services.stripe_sync.moving import DAY, HOUR, sale


@pytest.fixture
async def crew(database_url: URL) -> AsyncIterator[Crew]:
    with capture_logs():
        crew = Crew(database_url)
        yield crew
        await crew.dismiss()


@pytest.mark.parametrize(
    ("name", "percent", "slow"),
    [
        ("turbulent", 60, "/v1/charges"),
        ("turbulent", 60, "/v1/refunds"),
        ("turbulent", 60, "/v1/payment_intents"),
        ("turbulent", 90, "/v1/disputes"),
        ("turbulent", 90, "/v1/payouts"),
        ("turbulent", 100, "/v1/customers"),
        ("saas", 80, "/v1/invoices"),
        ("saas", 80, "/v1/subscriptions"),
    ],
)
async def test_page_that_was_long_on_its_way_takes_nothing_back(
    crew: Crew, name: str, percent: int, slow: str
) -> None:
    """Days pass and webhooks are applied between the answer's departure and its arrival."""
    ledger = shop(name)
    async with world(crew, ledger, Pace(moment_in(ledger, percent))) as present:
        await perform(present, Live(Job("sync"), (DAY_MS, DAY_MS, 2 * DAY_MS), slow))
        await present.settle(by_polls=False)


@pytest.mark.parametrize("slow", ["/v1/charges/*", "/v1/refunds/*", "/v1/payment_intents/*"])
async def test_object_that_was_long_on_its_way_takes_nothing_back(crew: Crew, slow: str) -> None:
    ledger = shop("turbulent")
    async with world(crew, ledger, Pace(moment_in(ledger, 60))) as present:
        for act in (Job("sync"), Wait(DAY_MS), Webhooks()):
            await perform(present, act)
        await perform(present, Live(Job("apply"), (DAY_MS, DAY_MS, 2 * DAY_MS), slow))
        await present.settle(by_polls=False)


@pytest.mark.parametrize("requests", [3, 7, 10, 13])
async def test_deletion_during_the_first_sync_shows_at_its_end(crew: Crew, requests: int) -> None:
    pace = Pace(NOW * 1_000, deque([0] * requests + [3 * DAY_MS]))
    async with world(crew, steady_shop(), pace) as present:
        await present.work(present.sync, None)
        async with present.database.unit_of_work() as session:
            found = await session.get(LedgerCustomer, (present.shop.business_id, "cus_Old3"))
        # The list may have been read after the deletion.
        assert found is None or found.deleted
        assert present.pace.ms > (NOW + 2 * DAY) * 1_000


@pytest.mark.parametrize(("first", "limit"), [(True, 4), (False, 100)])
async def test_what_happens_during_a_sync_is_seen_by_the_next(
    crew: Crew, first: bool, limit: int
) -> None:
    """A day passes before one of the sync's requests: before every third of them in turn."""
    for requests in range(0, 21, 3):
        await crew.clear()
        async with world(crew, steady_shop(), Pace(NOW * 1_000), limit=limit) as present:
            if not first:
                await present.work(present.sync, None)
                present.pace.ms += HOUR_MS
            present.pace.jumps.extend([0] * requests + [26 * HOUR_MS])
            await present.work(present.sync, None)
            present.pace.stand_still()
            present.pace.ms += HOUR_MS
            await present.work(present.sync, None)
            assert await present.differences() == [], f"after {requests} requests"


def hectic_shop() -> Ledger:
    """A few pence of old sales are given back every few seconds."""
    refunds = [
        RefundFact(f"re_{n:04d}", f"ch_Old{n % 12}", NOW + n * 7, 5, ms=n % 1_000)
        for n in range(1, 600)
    ]
    sales = [sale(f"Old{n}", NOW - (n + 1) * 2 * DAY) for n in range(12)]
    return Ledger.from_facts(charges=sales, refunds=refunds)


async def test_event_that_comes_while_its_list_is_answered_is_seen_by_the_next_sync(
    crew: Crew,
) -> None:
    """The answer bears a later time than the events in it."""
    pace = Pace(NOW * 1_000, ticks=(10_000,))
    async with world(crew, hectic_shop(), pace) as present:
        for _ in range(2):
            await present.work(present.sync, None)
        assert pace.ms < (NOW + HOUR) * 1_000
        pace.stand_still()
        await present.work(present.sync, None)
        assert await present.differences() == []


async def test_sync_that_died_anywhere_is_completed_by_the_next_attempt(crew: Crew) -> None:
    """Every tenth statement; `tests.slow.test_killed_sync` kills real processes at more of them."""
    ledger = steady_shop()
    for dies_at in range(1, 1_000, 10):
        await crew.clear()
        async with world(crew, ledger, Pace(NOW * 1_000)) as present:
            died = await present.work(present.sync, dies_at)
            await present.work(present.sync, None)
            assert await present.differences() == [], f"died before statement {dies_at}"
        if not died:
            break
    assert 60 < dies_at < 900
