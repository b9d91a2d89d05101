"""Funders' floors against stored months."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from db.session import Database
from domain.access import Access, Role
from domain.errors import NoDataError
from domain.rates import StatedRate, StatedRates
from services import funder_floors
from services.funder_floors import CriterionView, FloorsResult
from tests.factories import Shop
from tests.services.test_readiness import prepare, steady_books


async def check(database: Database, access: Access, rates: StatedRates) -> FloorsResult:
    async with database.unit_of_work() as session:
        return await funder_floors.check(session, access, rates=rates)


def one(result: FloorsResult, funder: str, measure: str) -> CriterionView:
    [found] = [part for part in result.funders if part.funder == funder]
    [criterion] = [part for part in found.criteria if part.measure == measure]
    return criterion


async def test_floors_are_compared_with_the_complete_months(database: Database, shop: Shop) -> None:
    # Thirty months of 3,000.00, the last of them not over.
    await prepare(database, steady_books(shop.access, metadata={"country": "US"}))
    result = await check(database, shop.as_role(Role.VIEWER), StatedRates())
    monthly = one(result, "Clearco", "monthly_net_revenue")
    assert (monthly.status, monthly.value, monthly.floor, monthly.gap, monthly.unit) == (
        "not_met",
        "3000.00",
        "10000",
        "7000.00",
        "usd",
    )
    yearly = one(result, "Stripe Capital (US)", "yearly_revenue")
    assert (yearly.status, yearly.value) == ("met", "36000.00")
    months = one(result, "Stripe Capital (US)", "history_months")
    assert (months.value, months.unit) == ("29", "months")
    assert (result.currency, result.last_month) == ("usd", "2026-10")
    assert {part.read_on for part in result.funders} == {date(2026, 11, 22)}
    assert one(result, "Stripe Capital (US)", "account_country").status == "met"


async def test_floors_in_pounds_need_a_stated_rate(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    unstated = one(
        await check(database, shop.access, StatedRates()),
        "Stripe Capital (UK)",
        "monthly_net_revenue",
    )
    assert (unstated.status, unstated.value) == ("cannot_be_seen", None)
    stated = StatedRates((StatedRate("gbp", Decimal("1.25"), date(2026, 11, 20)),))
    converted = one(
        await check(database, shop.access, stated), "Stripe Capital (UK)", "monthly_net_revenue"
    )
    assert (converted.status, converted.value) == ("met", "2400.00")


async def test_without_months_there_is_nothing_to_compare(database: Database, shop: Shop) -> None:
    with pytest.raises(NoDataError):
        await check(database, shop.access, StatedRates())
