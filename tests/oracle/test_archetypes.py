"""Every sort of business is copied exactly, and stays exact as time passes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from db.models import LedgerBalanceTransaction, LedgerPayout
from sandbox.stripe.archetypes import ARCHETYPES, load
from sandbox.stripe.ledger import Ledger
from services.stripe_sync.reconciling import LOOK_BACK
from tests.oracle.balance import lines_by_payout
from tests.oracle.expected import end_of, expected
from tests.oracle.shops import LAST_MONTH, moment_in, shop
from tests.oracle.stage import Crew, Pace
from tests.oracle.world import DAY_MS, STRIDE_MS, World, world

SMALL = sorted(set(ARCHETYPES) - {"cdnow"})


@pytest.fixture
async def crew(database_url: URL) -> AsyncIterator[Crew]:
    with capture_logs():
        crew = Crew(database_url)
        yield crew
        await crew.dismiss()


@pytest.mark.parametrize("name", [*SMALL, "turbulent"])
async def test_archetype_is_copied_exactly_and_stays_exact(crew: Crew, name: str) -> None:
    await check(crew, shop(name, 240))


@pytest.mark.slow
async def test_cdnow_is_copied_exactly_and_stays_exact(crew: Crew) -> None:
    await check(crew, load("cdnow", last_month=LAST_MONTH))


async def check(crew: Crew, ledger: Ledger) -> None:
    """Sync once, and look again at three later moments of the shop's life."""
    start, end = moment_in(ledger, 80), end_of(ledger)
    async with world(crew, ledger, Pace(start)) as present:
        await sync(present)
        assert await present.differences() == []
        for moment in (start + DAY_MS, (start + end) // 2, end):
            while present.pace.ms < moment:
                present.pace.ms = min(moment, present.pace.ms + STRIDE_MS)
                await sync(present)
            assert await present.differences() == []


async def sync(present: World) -> None:
    """One sync, which must be complete."""
    before = len(present.readings)
    await present.work(present.sync, None)
    assert len(present.readings) == before + 1


@pytest.mark.parametrize("name", ["turbulent", "multi_currency"])
async def test_payouts_are_reconciled_with_exactly_the_lines_they_consist_of(
    crew: Crew, name: str
) -> None:
    ledger = shop(name, 240)
    moment = moment_in(ledger, 100)
    async with world(crew, ledger, Pace(moment)) as present:
        await sync(present)
        for _ in range(6):
            await present.work(present.reconcile, None)
        assert await present.differences() == []
        since = present.pace() - LOOK_BACK
        paid = {
            name
            for name, row in expected(ledger, moment)["payouts"].items()
            if row["status"] == "paid" and row["arrival_at"] >= since
        }
        made_of = {
            line.id: payout
            for payout, lines in lines_by_payout(ledger).items()
            for line in lines
            if payout in paid
        }
        assert len(paid) >= 20
        assert await reconciled(present) == (paid, made_of)


async def reconciled(present: World) -> tuple[set[str], dict[str, str]]:
    """The payouts that were found to add up, and the payout of each line that has one."""
    line, payout = LedgerBalanceTransaction, LedgerPayout
    async with present.database.unit_of_work() as session:
        lines = await session.execute(
            select(line.stripe_id, line.payout_id).where(line.payout_id.is_not(None))
        )
        payouts = await session.execute(
            select(payout.stripe_id).where(payout.reconciled_at.is_not(None))
        )
        return set(payouts.scalars()), {line_id: str(name) for line_id, name in lines.all()}
