"""Every metric of every sort of business is what its facts say, exactly."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from db.models import IntegrationAccount
from db.repositories import ledger as stored_ledger
from db.repositories.ledger import (
    BalanceTransactionRow,
    ChargeRow,
    CustomerRow,
    DisputeRow,
    EarlyFraudWarningRow,
    LedgerOwner,
    LedgerRow,
    PaymentIntentRow,
    PayoutRow,
    RefundRow,
)
from db.session import Database
from domain.metrics import MetricName
from domain.periods import Month
from sandbox.stripe.archetypes import ARCHETYPES
from sandbox.stripe.ledger import Ledger
from services import snapshots
from services.snapshot_metrics import SnapshotMetrics
from tests.factories import Shop
from tests.oracle.expected import end_of, expected
from tests.oracle.metrics import Books, YearMonth, other_currencies
from tests.oracle.shops import moment_in
from tests.oracle.shops import shop as shop_of
from tests.services.snapshot_steps import rows_of

MONEY = ("revenue_total", "net_revenue", "net_volume", "fees", "refund_amount")
MONEY += ("chargeback_amount", "average_charge")
NO_MINOR_UNIT = {"jpy": 0, "kwd": 3}
KINDS: dict[str, type[LedgerRow]] = {
    "customers": CustomerRow,
    "payment_intents": PaymentIntentRow,
    "charges": ChargeRow,
    "refunds": RefundRow,
    "disputes": DisputeRow,
    "early_fraud_warnings": EarlyFraudWarningRow,
    "payouts": PayoutRow,
    "balance_transactions": BalanceTransactionRow,
}


async def fill(database: Database, shop: Shop, ledger: Ledger, as_of: int) -> None:
    """Store what the facts are worth in rows, as a sync that ended at the moment would."""
    account = IntegrationAccount(
        business_id=shop.business_id,
        provider="stripe",
        external_id=ledger.shop.account_id,
        account_metadata={"livemode": False, "default_currency": ledger.shop.currency},
        last_synced_at=datetime.fromtimestamp(as_of / 1_000, UTC),
    )
    async with database.unit_of_work() as session:
        session.add(account)
        await session.flush()
        owner = LedgerOwner(shop.business_id, account.id)
        wanted = expected(ledger, as_of)
        rows = [
            _row(kind, id_, row)
            for name, kind in KINDS.items()
            for id_, row in wanted[name].items()
        ]
        await stored_ledger.upsert(session, owner, rows)


def _row(kind: type[LedgerRow], stripe_id: str, columns: dict[str, Any]) -> LedgerRow:
    known = {"stripe_id": stripe_id, "source_version": 1, **columns}
    return kind(**{name: known.get(name) for name in kind._fields})


# tests/services/test_recurring.py compares these with an oracle of their own.
RECURRING = {
    MetricName.MRR,
    MetricName.GROSS_RETENTION,
    MetricName.NET_RETENTION,
    MetricName.CUSTOMER_CHURN,
}


async def check(database: Database, shop: Shop, ledger: Ledger, as_of: int) -> None:
    """Compare every metric of every month, and the other currencies, with the facts."""
    await fill(database, shop, ledger, as_of)
    books, zone = Books(ledger, as_of), ZoneInfo(ledger.shop.timezone)
    now = datetime.fromtimestamp(as_of / 1_000, UTC)
    async with database.unit_of_work() as session:
        await snapshots.rebuild(session, shop.access, zone=zone, now=now)
    async with database.unit_of_work() as session:
        told = await snapshots.query(
            session,
            shop.access,
            metrics=list(MetricName),
            first=Month(*books.months[0]),
            last=Month(*books.months[-1]),
            now=now,
        )
    found = {
        month.month: {
            figure.metric.value: figure.value
            for figure in month.figures
            if figure.metric not in RECURRING
        }
        for month in told.months
    }
    wanted = {_name(month): scaled(books, month) for month in books.months}
    assert found.keys() == wanted.keys()
    for month, values in wanted.items():
        exact = {
            name: value
            for name, value in values.items()
            if name != "monthly_volatility" and name not in RECURRING
        }
        volatility = found[month].pop("monthly_volatility")
        assert found[month] == exact, month
        assert volatility == pytest.approx(values["monthly_volatility"], abs=Decimal("0.0001"))
    assert told.currency == books.currency
    rows = await rows_of(database, shop.access)
    for each in books.months:
        others = SnapshotMetrics.model_validate(rows[_name(each)].metrics_json).other_currencies
        assert {c: o.model_dump() for c, o in others.items()} == other_currencies(books, each)


def _name(month: YearMonth) -> str:
    return f"{month[0]:04d}-{month[1]:02d}"


def scaled(books: Books, month: YearMonth) -> dict[str, Any]:
    """The month's metrics with money in major units."""
    digits = NO_MINOR_UNIT.get(books.currency, 2)
    return {
        name: Decimal(value).scaleb(-digits) if name in MONEY and value is not None else value
        for name, value in books.of(month).items()
    }


@pytest.mark.parametrize("percent", [pytest.param(55, marks=pytest.mark.slow), 100])
@pytest.mark.parametrize("name", [*sorted(set(ARCHETYPES) - {"cdnow", "big"}), "turbulent"])
async def test_every_metric_of_an_archetype_is_what_its_facts_say(
    database: Database, shop: Shop, name: str, percent: int
) -> None:
    ledger = shop_of(name, 240)
    moment = end_of(ledger) if percent == 100 else moment_in(ledger, percent)
    await check(database, shop, ledger, moment)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cdnow", "big"])
async def test_every_metric_of_a_large_archetype_is_what_its_facts_say(
    database: Database, shop: Shop, name: str
) -> None:
    ledger = shop_of(name, 20_000 if name == "big" else None)
    await check(database, shop, ledger, moment_in(ledger, 100))
