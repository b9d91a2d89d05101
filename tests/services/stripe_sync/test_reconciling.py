"""Payouts are compared with the lines that Stripe says they consist of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from db.repositories.syncs import SyncPurpose
from db.session import Database
from integrations.stripe.gateway import Page
from integrations.stripe.resources import BALANCE_TRANSACTIONS
from sandbox.stripe.facts import RefundFact
from sandbox.stripe.facts import Shop as Account
from sandbox.stripe.ledger import Ledger
from services.catching_up import request_reconciliations
from services.stripe_sync import reconciling
from services.syncs import SyncView, request_sync
from tests.factories import Shop
from tests.integrations.stripe.ledgers import NOW
from tests.services.stripe_sync.connected import Killed, SmallPages, Wrap, connect, run, view
from tests.services.stripe_sync.moving import DAY, Moving, moving, sale


def paying_shop() -> Ledger:
    """A sale a day for thirty days, some given back, paid out daily."""
    sales = [sale(f"Day{n}", NOW - (30 - n) * DAY) for n in range(30)]
    refunds = [
        RefundFact(f"re_Day{n}", f"ch_Day{n}", NOW - (28 - n) * DAY, 300) for n in (3, 8, 13)
    ]
    return Ledger.from_facts(charges=sales, refunds=refunds, shop=Account(pays_out_daily=True))


@pytest.fixture
async def paying(database: Database, shop: Shop) -> AsyncIterator[Moving]:
    integration_id = await connect(database, shop.access)
    async with moving(database, shop, integration_id, paying_shop()) as present:
        await present.sync()
        yield present


async def reconcile(shop: Moving, wrap: Wrap = SmallPages) -> SyncView:
    async with shop.database.unit_of_work() as session:
        asked = await request_sync(
            session, shop.shop.access, shop.time(), purpose=SyncPurpose.RECONCILE
        )
    await run(shop.database, asked.sync_id, shop.url, wrap=wrap, now=shop.time())
    return await view(shop.database, shop.shop, asked.sync_id)


async def execute(shop: Moving, statement: str) -> None:
    await shop.value(f"WITH done AS ({statement} RETURNING 1) SELECT count(*) FROM done")


PAID = "SELECT count(*) FROM ledger_payouts WHERE status = 'paid'"
RECONCILED = "SELECT count(*) FROM ledger_payouts WHERE reconciled_at IS NOT NULL"


async def test_every_payout_adds_up_and_its_lines_know_it(paying: Moving) -> None:
    done = await reconcile(paying)
    paid = await paying.value(PAID)
    assert paid > 20
    assert (done.purpose, done.state) == ("reconcile", "completed")
    assert done.findings == {"payouts_checked": paid, "payouts_differing": [], "lines_added": 0}
    assert await paying.value(RECONCILED) == paid
    wrong = """
        SELECT count(*) FROM ledger_payouts p WHERE reconciled_at IS NOT NULL AND amount <>
        (SELECT sum(net) FROM ledger_balance_transactions WHERE payout_id = p.stripe_id)
    """
    assert await paying.value(wrong) == 0


async def test_missing_line_is_found_and_added(paying: Moving) -> None:
    lost = "txn_chDay5"
    gone = f"DELETE FROM ledger_balance_transactions WHERE stripe_id = '{lost}'"
    await execute(paying, gone)
    done = await reconcile(paying)
    assert (done.findings["lines_added"], done.findings["payouts_differing"]) == (1, [])
    assert await paying.differences() == []


@pytest.mark.parametrize("by", [1, -1])
async def test_payout_that_does_not_add_up_is_named_and_looked_at_again(
    paying: Moving, by: int
) -> None:
    wrong = await paying.value("SELECT min(stripe_id) FROM ledger_payouts WHERE status = 'paid'")
    await execute(
        paying, f"UPDATE ledger_payouts SET amount = amount + {by} WHERE stripe_id = '{wrong}'"
    )
    for _ in range(2):
        done = await reconcile(paying)
        assert done.findings["payouts_differing"] == [wrong]
    assert done.findings["payouts_checked"] == 1


async def test_payout_that_was_reconciled_is_not_looked_at_again(paying: Moving) -> None:
    await reconcile(paying)
    done = await reconcile(paying)
    assert done.findings == {"payouts_checked": 0, "payouts_differing": [], "lines_added": 0}


async def test_one_night_compares_a_bounded_number_of_payouts(
    paying: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "MOST_PAYOUTS", 4)
    assert (await reconcile(paying)).findings["payouts_checked"] == 4
    assert await paying.value(RECONCILED) == 4


async def test_reconciliation_goes_on_where_it_was_killed(paying: Moving) -> None:
    """It dies at every other request; each payout is compared once all the same."""
    async with paying.database.unit_of_work() as session:
        asked = await request_sync(
            session, paying.shop.access, paying.time(), purpose=SyncPurpose.RECONCILE
        )
    deaths = 0
    while (await view(paying.database, paying.shop, asked.sync_id)).state != "completed":
        dying = _Dying(after=5)
        try:
            await run(paying.database, asked.sync_id, paying.url, wrap=dying, now=paying.time())
        except (Killed, BaseExceptionGroup):
            deaths += 1
    done = await view(paying.database, paying.shop, asked.sync_id)
    assert deaths > 3
    assert done.findings["payouts_checked"] == await paying.value(PAID)
    assert await paying.value(RECONCILED) == await paying.value(PAID)


@dataclass
class _Dying:
    after: int

    def __call__(self, gateway: Any) -> SmallPages:
        left = self.after

        class Dying(SmallPages):
            async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
                nonlocal left
                if resource is BALANCE_TRANSACTIONS and parameters.get("filters"):
                    left -= 1
                    if left < 0:
                        raise Killed
                return await super().list_page(resource, **parameters)

        return Dying(gateway)


async def test_every_account_that_was_read_is_reconciled_at_night(
    paying: Moving, database: Database
) -> None:
    async with database.unit_of_work() as session:
        assert await request_reconciliations(session, paying.time()) == 1
    purposes = "SELECT string_agg(purpose, ' ' ORDER BY created_at, id) FROM sync_runs"
    assert await paying.value(purposes) == "sync reconcile"


async def test_account_that_was_never_read_is_not_reconciled(
    database: Database, busy: Moving
) -> None:
    async with database.unit_of_work() as session:
        assert await request_reconciliations(session, busy.time()) == 0
