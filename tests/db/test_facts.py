"""Daily facts: what counts, on which local day, in which currency."""

import random
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from db.repositories import facts
from db.repositories.facts import CustomerShares, Window
from db.repositories.ledger import ChargeRow, PaymentIntentRow
from db.session import Database
from domain.access import Access
from domain.metrics import CustomerSpread, DayFacts
from domain.periods import Month
from tests.db.ledger_samples import BY_KIND, owner_of, write
from tests.factories import Shop, make_shop
from tests.services.books import Books, at

NEW_YORK = ZoneInfo("America/New_York")
AUCKLAND = ZoneInfo("Pacific/Auckland")


def window(zone: ZoneInfo = NEW_YORK) -> Window:
    return Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC), zone)


async def days_of(
    database: Database, access: Access, zone: ZoneInfo = NEW_YORK, currency: str = "usd"
) -> dict[date, DayFacts]:
    async with database.unit_of_work() as session:
        found = await facts.list_days(session, access, window(zone))
    return {day.facts.day: day.facts for day in found if day.currency == currency}


@pytest.mark.parametrize(
    ("zone", "instant", "day"),
    [
        (NEW_YORK, "2026-03-01T04:59:59", date(2026, 2, 28)),
        (NEW_YORK, "2026-03-01T05:00:00", date(2026, 3, 1)),
        # Summer time began on 8 March.
        (NEW_YORK, "2026-04-01T03:59:59", date(2026, 3, 31)),
        (NEW_YORK, "2026-04-01T04:00:00", date(2026, 4, 1)),
        # Summer time ended on 1 November at 06:00 UTC: that day has 25 hours.
        (NEW_YORK, "2026-11-01T03:59:59", date(2026, 10, 31)),
        (NEW_YORK, "2026-11-02T04:59:59", date(2026, 11, 1)),
        (NEW_YORK, "2026-12-01T04:59:59", date(2026, 11, 30)),
        # Auckland is 13 hours ahead in March, 12 in May, 13 again in October.
        (AUCKLAND, "2026-03-31T10:59:59", date(2026, 3, 31)),
        (AUCKLAND, "2026-03-31T11:00:00", date(2026, 4, 1)),
        (AUCKLAND, "2026-04-30T11:59:59", date(2026, 4, 30)),
        (AUCKLAND, "2026-04-30T12:00:00", date(2026, 5, 1)),
        (AUCKLAND, "2026-09-30T11:00:00", date(2026, 10, 1)),
    ],
)
async def test_charge_falls_on_its_local_day(
    database: Database, shop: Shop, zone: ZoneInfo, instant: str, day: date
) -> None:
    books = Books(shop.access)
    books.charge(instant)
    await books.save(database)
    assert list(await days_of(database, shop.access, zone)) == [day]


@pytest.mark.parametrize("zone", [NEW_YORK, AUCKLAND, ZoneInfo("America/Havana")])
async def test_days_agree_with_the_zone_database_of_python(
    database: Database, shop: Shop, zone: ZoneInfo
) -> None:
    books, chance = Books(shop.access), random.Random(7)
    expected: dict[date, int] = {}
    for _ in range(300):
        moment = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(900_000))
        amount = chance.randrange(50, 100_000)
        books.charge(moment.isoformat(), amount)
        day = moment.astimezone(zone).date()
        expected[day] = expected.get(day, 0) + amount
    await books.save(database)
    days = await days_of(database, shop.access, zone)
    assert {day: found.gross_minor for day, found in days.items()} == expected


async def test_window_is_half_open(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    for instant in ("2026-03-01T04:59:59", "2026-03-01T05:00:00", "2026-04-01T03:59:59"):
        books.charge(instant, 1_000)
    books.charge("2026-04-01T04:00:00", 77)
    await books.save(database)
    march = Window(at("2026-03-01T05:00:00"), at("2026-04-01T04:00:00"), NEW_YORK)
    async with database.unit_of_work() as session:
        found = await facts.list_days(session, shop.access, march)
    assert [(day.facts.day.day, day.facts.gross_minor) for day in found] == [
        (1, 1_000),
        (31, 1_000),
    ]


async def test_captured_amount_counts_and_not_the_authorized_one(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-03-02T12:00:00", 10_000, captured=6_000)
    books.charge("2026-03-02T13:00:00", 9_000, captured=0)
    await books.save(database)
    day = (await days_of(database, shop.access))[date(2026, 3, 2)]
    assert (day.gross_minor, day.charge_count) == (6_000, 1)


@pytest.mark.parametrize("status", ["failed", "pending"])
async def test_only_succeeded_charges_are_revenue(
    database: Database, shop: Shop, status: str
) -> None:
    books = Books(shop.access)
    books.charge("2026-03-02T12:00:00", 10_000, status=status)
    books.charge("2026-03-02T12:00:00", 500)
    await books.save(database)
    day = (await days_of(database, shop.access))[date(2026, 3, 2)]
    assert (day.gross_minor, day.charge_count) == (500, 1)


async def failures(database: Database, access: Access) -> int:
    return sum(day.failed_count for day in (await days_of(database, access)).values())


@pytest.mark.parametrize(
    ("retry", "failed"),
    [
        (None, 1),
        ({"when": "2026-03-02T12:05:00"}, 0),
        ({"when": "2026-03-02T12:00:00"}, 0),
        ({"when": "2026-03-09T12:00:00"}, 0),
        ({"when": "2026-03-09T12:00:01"}, 1),
        ({"when": "2026-03-02T11:59:59"}, 1),
        ({"when": "2026-03-02T12:05:00", "status": "failed"}, 1),
        ({"when": "2026-03-02T12:05:00", "amount": 9_999}, 1),
        ({"when": "2026-03-02T12:05:00", "customer": "cus_b"}, 1),
    ],
)
async def test_attempt_counts_as_failed_unless_it_was_tried_again(
    database: Database, shop: Shop, retry: dict[str, Any] | None, failed: int
) -> None:
    books = Books(shop.access)
    books.charge("2026-03-02T12:00:00", status="failed", customer="cus_a")
    if retry is not None:
        attempt: dict[str, Any] = {"customer": "cus_a", **retry}
        books.charge(**attempt)
    await books.save(database)
    assert await failures(database, shop.access) == failed


async def test_payment_counts_as_failed_once_if_it_failed_in_the_end(
    database: Database, shop: Shop
) -> None:
    sample = BY_KIND[PaymentIntentRow]
    states = (
        ("requires_payment_method", "card_declined"),
        ("canceled", "card_declined"),
        ("canceled", None),
        ("requires_payment_method", None),
        ("processing", "card_declined"),
        ("requires_capture", None),
        ("succeeded", None),
    )
    when = at("2026-03-02T12:00:00")
    await write(
        database,
        await owner_of(database, shop),
        *(
            sample._replace(stripe_id=f"pi_{n}", created_at=when, status=status, error_code=error)
            for n, (status, error) in enumerate(states)
        ),
        # Three tries of the first payment: attempts, and no failures of their own.
        *(
            BY_KIND[ChargeRow]._replace(
                stripe_id=f"ch_{n}", created_at=when, status="failed", payment_intent_id="pi_0"
            )
            for n in range(3)
        ),
    )
    day = (await days_of(database, shop.access))[date(2026, 3, 2)]
    assert (day.failed_count, day.attempt_count) == (2, 3)


async def test_every_failed_attempt_of_a_guest_counts(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    books.charge("2026-03-02T12:00:00", status="failed")
    books.charge("2026-03-02T12:05:00", status="failed")
    books.charge("2026-03-02T12:10:00")
    await books.save(database)
    assert await failures(database, shop.access) == 2


async def test_refunds_count_once_the_money_has_left(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    charge = books.charge("2026-03-02T12:00:00")
    amounts = {"succeeded": 1, "pending": 20, None: 300, "failed": 4_000, "canceled": 5_000}
    for status, amount in amounts.items():
        books.refund(charge, "2026-04-02T12:00:00", amount, status=status)
    await books.save(database)
    days = await days_of(database, shop.access)
    assert (days[date(2026, 4, 2)].refund_minor, days[date(2026, 4, 2)].refund_count) == (321, 3)
    assert days[date(2026, 3, 2)].refund_count == 0


async def test_inquiries_and_prevented_disputes_are_no_chargebacks(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    charge = books.charge("2026-03-02T12:00:00")
    counted = ("needs_response", "under_review", "won", "lost")
    left_out = ("warning_needs_response", "warning_under_review", "warning_closed", "prevented")
    for status in (*counted, *left_out):
        books.dispute(charge, "2026-04-02T12:00:00", 1_000, status=status)
    await books.save(database)
    day = (await days_of(database, shop.access))[date(2026, 4, 2)]
    assert (day.dispute_count, day.dispute_minor) == (4, 4_000)


async def test_net_takes_what_was_earned_and_no_payouts_or_fees(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    for amount, category in (
        (10_000, "charge"),
        (-1_000, "partial_capture_reversal"),
        (-2_000, "refund"),
        (500, "refund_failure"),
        (-3_000, "dispute"),
        (3_000, "dispute_reversal"),
        (-900_000, "payout"),
        (-700, "fee"),
    ):
        books.balance("2026-03-02T12:00:00", amount, category=category, fee=11)
    await books.save(database)
    day = (await days_of(database, shop.access))[date(2026, 3, 2)]
    assert (day.net_minor, day.fee_minor) == (7_500, 88)


async def test_currencies_are_kept_apart(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    books.charge("2026-03-02T12:00:00", 100, currency="usd")
    books.charge("2026-03-02T12:00:00", 7_000, currency="eur")
    await books.save(database)
    euros = await days_of(database, shop.access, currency="eur")
    dollars = await days_of(database, shop.access)
    assert [day.gross_minor for day in euros.values()] == [7_000]
    assert [day.gross_minor for day in dollars.values()] == [100]


async def test_rows_of_another_business_are_never_seen(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    books = Books(other.access)
    charge = books.charge("2026-03-02T12:00:00", customer="cus_a")
    books.charge("2026-03-02T12:00:00", status="failed")
    books.refund(charge, "2026-03-02T12:00:00", 1)
    books.dispute(charge, "2026-03-02T12:00:00", 1)
    await books.save(database)
    async with database.unit_of_work() as session:
        assert await facts.list_days(session, shop.access, window()) == []
        assert await facts.find_first_charge_at(session, shop.access) is None
        assert await facts.find_last_charge_at(session, shop.access) is None
        assert await facts.count_disputed(session, shop.access, window()) == {}
        customers = await facts.list_customer_months(
            session, shop.access, [Month(2026, 3)], NEW_YORK
        )
        shares = await facts.get_customer_shares(session, shop.access, window(), currency="usd")
    assert customers == {}
    assert shares == CustomerShares(0, 0, 0, 0)


async def test_another_business_does_not_retry_a_failed_charge(
    database: Database, shop: Shop
) -> None:
    mine, other = Books(shop.access), Books((await make_shop(database)).access)
    mine.charge("2026-03-02T12:00:00", status="failed", customer="cus_a")
    other.charge("2026-03-02T12:05:00", customer="cus_a")
    await mine.save(database)
    await other.save(database)
    assert await failures(database, shop.access) == 1


async def test_customers_are_counted_once_a_month_and_guests_never(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    for customer in ("cus_a", "cus_a", "cus_b", None, None):
        books.charge("2026-03-02T12:00:00", 1_000, customer=customer)
    books.charge("2026-04-01T03:59:59", 500, customer="cus_c")
    books.charge("2026-04-01T04:00:00", 700, customer="cus_c")
    books.charge("2026-04-02T04:00:00", customer="cus_d", status="failed")
    books.charge("2026-03-02T12:00:00", 9_000, customer="cus_b", currency="eur")
    await books.save(database)
    async with database.unit_of_work() as session:
        found = await facts.list_customer_months(
            session, shop.access, [Month(2026, 3), Month(2026, 4)], NEW_YORK
        )
    assert found == {
        ("eur", Month(2026, 3)): CustomerSpread(1, 9_000, 0, 81_000_000),
        ("usd", Month(2026, 3)): CustomerSpread(3, 2_000, 2_000, 4_000_000 + 1_000_000 + 250_000),
        ("usd", Month(2026, 4)): CustomerSpread(1, 700, 0, 490_000),
    }


async def shares_of(database: Database, access: Access) -> CustomerShares:
    async with database.unit_of_work() as session:
        return await facts.get_customer_shares(session, access, window(), currency="usd")


async def test_customer_shares_are_net_of_refunds_and_name_guests(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    large = books.charge("2026-03-02T12:00:00", 9_000, customer="cus_a")
    books.charge("2026-03-03T12:00:00", 4_000, customer="cus_b")
    guest = books.charge("2026-03-04T12:00:00", 2_000)
    books.refund(large, "2026-04-02T12:00:00", 6_000)
    books.refund(guest, "2026-04-02T12:00:00", 500)
    books.refund(large, "2026-04-02T12:00:00", 1, status="failed")
    await books.save(database)
    # cus_a 3,000, cus_b 4,000, guests 1,500.
    assert await shares_of(database, shop.access) == CustomerShares(8_500, 4_000, 1_500, 2)


async def test_customer_shares_are_of_one_currency(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    books.charge("2026-03-02T12:00:00", 9_000, customer="cus_a")
    euros = books.charge("2026-03-02T12:00:00", 70_000, customer="cus_a", currency="eur")
    books.refund(euros, "2026-03-03T12:00:00", 5_000, currency="eur")
    await books.save(database)
    assert await shares_of(database, shop.access) == CustomerShares(9_000, 9_000, 0, 1)


async def test_refund_is_not_taken_for_one_of_another_business(
    database: Database, shop: Shop
) -> None:
    mine, other = Books(shop.access), Books((await make_shop(database)).access)
    charge = mine.charge("2026-03-02T12:00:00", 9_000, customer="cus_a")
    assert other.charge("2026-03-02T12:00:00", 9_000, customer="cus_b") == charge
    mine.refund(charge, "2026-03-03T12:00:00", 1_000)
    await mine.save(database)
    await other.save(database)
    assert await shares_of(database, shop.access) == CustomerShares(8_000, 8_000, 0, 1)


async def test_first_and_last_charge_are_those_that_captured_money(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-01-01T00:00:00", 1, captured=0)
    books.charge("2026-02-01T00:00:00", 300)
    books.charge("2026-02-02T00:00:00", 70, currency="eur")
    books.charge("2026-03-02T00:00:00", 1, status="failed")
    await books.save(database)
    async with database.unit_of_work() as session:
        first = await facts.find_first_charge_at(session, shop.access)
        last = await facts.find_last_charge_at(session, shop.access)
    assert (first, last) == (at("2026-02-01T00:00:00"), at("2026-02-02T00:00:00"))


async def test_disputes_count_with_the_day_of_their_charge(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    march = books.charge("2026-04-01T03:59:59", 1_000)
    april = books.charge("2026-04-01T04:00:00", 1_000)
    for charge, when, status in (
        (march, "2026-05-02T12:00:00", "lost"),
        (march, "2026-06-02T12:00:00", "won"),
        (april, "2026-05-02T12:00:00", "warning_closed"),
        (april, "2026-07-02T12:00:00", "needs_response"),
    ):
        books.dispute(charge, when, 1_000, status=status)
    await books.save(database)
    async with database.unit_of_work() as session:
        found = await facts.count_disputed(session, shop.access, window())
        in_may = Window(at("2026-05-01T04:00:00"), at("2026-06-01T04:00:00"), NEW_YORK)
        opened_in_may = await facts.count_disputed(session, shop.access, in_may)
    assert found == {("usd", date(2026, 3, 31)): 2, ("usd", date(2026, 4, 1)): 1}
    assert opened_in_may == {("usd", date(2026, 3, 31)): 1}


FILL = text("""
    INSERT INTO ledger_charges
        (business_id, stripe_id, integration_id, created_at, source_version, amount,
         amount_captured, amount_refunded, currency, status, disputed, customer_id)
    SELECT :business, 'ch_' || n, :account, timestamptz '2026-11-01' - n * INTERVAL '25 minutes',
           0, 1000 + n % 9000, CASE WHEN n % 15 = 0 THEN 0 ELSE 1000 + n % 9000 END, 0, 'usd',
           CASE WHEN n % 15 = 0 THEN 'failed' ELSE 'succeeded' END, false, 'cus_' || n % 23000
    FROM generate_series(1, 69000) AS n
""")


async def test_ledger_without_statistics_is_read_in_seconds(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    await books.save(database)
    async with database.unit_of_work() as session:
        await session.execute(FILL, {"business": shop.business_id, "account": books.integration_id})
        started = perf_counter()
        days = await facts.list_days(session, shop.access, window())
        taken = perf_counter() - started
    assert sum(day.facts.charge_count + day.facts.failed_count for day in days) == 69_000
    # 0.3 s measured; a join of all pairs, which the planner took once, needs half a minute.
    assert taken < 15
