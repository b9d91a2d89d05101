"""The readiness score: computed from snapshots, stored with its reasons, read back as it was."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic_core import to_jsonable_python
from sqlalchemy import select, text

from db.models import ReadinessScore, ReadinessScoreDetail
from db.session import Database
from domain.access import Access, Role
from domain.errors import NoDataError, NotPermittedError
from domain.periods import Month
from domain.readiness import MODEL_VERSION, Tier, assess
from services import readiness, snapshots
from services.readiness_results import RecomputedReadiness
from tests.factories import Shop, make_shop
from tests.services.books import Books

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=8)


def steady_books(access: Access, *, months: int = 30, each: int = 300_000, **options: Any) -> Books:
    """Forty charges a month by forty customers, alike in every month up to November 2026."""
    books = Books(access, **options)
    for offset in range(months):
        month = Month(2026, 11).plus(-offset)
        for number in range(40):
            books.charge(
                f"{month}-{number % 20 + 1:02d}T15:00:00", each // 40, customer=f"cus_{number}"
            )
    return books


async def prepare(database: Database, books: Books) -> None:
    await books.save(database)
    async with database.unit_of_work() as session:
        await snapshots.rebuild(session, books.access, zone=ZoneInfo("America/New_York"), now=NOW)


async def recompute(database: Database, access: Access, now: datetime = NOW) -> RecomputedReadiness:
    async with database.unit_of_work() as session:
        return await readiness.recompute(session, access, now=now)


async def stored(database: Database) -> list[tuple[ReadinessScore, ReadinessScoreDetail]]:
    query = (
        select(ReadinessScore, ReadinessScoreDetail)
        .join(ReadinessScoreDetail, ReadinessScoreDetail.score_id == ReadinessScore.id)
        .order_by(ReadinessScore.created_at)
    )
    async with database.unit_of_work() as session:
        return [(score, detail) for score, detail in (await session.execute(query)).all()]


async def test_score_is_stored_with_what_it_rests_on(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    result = await recompute(database, shop.access)
    [(score, detail)] = await stored(database)
    assert (score.business_id, score.score, score.tier) == (
        shop.business_id,
        result.score,
        result.tier,
    )
    assert score.components is not None
    assert {"revenue_stability", "risk_signals"} <= score.components.keys()
    assert (score.created_at, detail.data_as_of) == (NOW, datetime(2026, 11, 22, 10, tzinfo=UTC))
    assert detail.model_version == MODEL_VERSION
    assert abs(detail.confidence - Decimal(result.confidence or 0)) < Decimal("0.01")


async def test_inputs_are_those_of_the_ledger(database: Database, shop: Shop) -> None:
    books = steady_books(shop.access, months=6)
    large = books.charge("2026-10-20T15:00:00", 100_000, customer="cus_0")
    books.refund(large, "2026-10-21T15:00:00", 40_000)
    books.dispute(large, "2026-10-22T15:00:00", 1_000)
    books.charge("2026-10-23T15:00:00", 5_000, status="failed")
    await prepare(database, books)
    async with database.unit_of_work() as session:
        computed = await readiness.recompute_if_changed(session, shop.access, now=NOW)
    assert computed is not None
    inputs = computed.inputs
    # Five complete months, June to October, of 3,000.00 and once 600.00 more, net.
    assert inputs.history is not None
    assert inputs.scale is not None
    assert inputs.concentration is not None
    assert inputs.disputes is not None
    assert inputs.refunds is not None
    assert inputs.payments is not None
    assert inputs.history.value == 5
    assert inputs.scale.value == Decimal("3200.00")
    assert inputs.concentration.value == (Decimal(975) / Decimal(15_600)).quantize(
        Decimal("0.000001")
    )
    assert inputs.concentration.n == 40
    assert inputs.disputes.value == (Decimal(1) / 121).quantize(Decimal("0.000001"))
    assert inputs.refunds.value == Decimal("0.04")
    assert inputs.payments.value == (Decimal(1) / 122).quantize(Decimal("0.000001"))
    assert inputs.unattributed_share == 0
    assert inputs.data_age_days == Decimal(2) / 24


async def test_largest_customer_is_that_of_the_last_twelve_complete_months(
    database: Database, shop: Shop
) -> None:
    books = steady_books(shop.access, months=14)
    # The window is November 2025 to October 2026, in New York.
    books.charge("2025-11-01T03:59:59", 9_000_000, customer="cus_before")
    books.charge("2026-11-01T04:00:00", 9_000_000, customer="cus_after")
    await prepare(database, books)
    async with database.unit_of_work() as session:
        computed = await readiness.recompute_if_changed(session, shop.access, now=NOW)
    assert computed is not None
    assert computed.inputs.concentration is not None
    assert computed.inputs.concentration.value == Decimal("0.025")


async def test_score_is_that_of_the_domain(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    async with database.unit_of_work() as session:
        computed = await readiness.recompute_if_changed(session, shop.access, now=NOW)
    assert computed is not None
    [(score, _)] = await stored(database)
    assert score.score == assess(computed.inputs).score


async def test_short_history_binds(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access, months=3))
    result = await recompute(database, shop.access)
    assert result.binding is not None
    assert (result.binding.kind, result.binding.component) == ("cap", "history")


async def test_every_explicit_computation_is_a_row(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    first = await recompute(database, shop.access)
    second = await recompute(database, shop.access)
    assert (first.previous_score, second.previous_score) == (None, first.score)
    rows = await stored(database)
    assert len(rows) == 2
    assert rows[0][0].created_at < rows[1][0].created_at
    assert rows[0][1].inputs_hash == rows[1][1].inputs_hash


async def test_computation_with_a_slow_clock_is_still_the_latest(
    database: Database, shop: Shop
) -> None:
    await prepare(database, steady_books(shop.access))
    await recompute(database, shop.access)
    await recompute(database, shop.access, now=NOW - timedelta(minutes=5))
    async with database.unit_of_work() as session:
        current = await readiness.current(session, shop.access, now=NOW)
    assert current.computed_at == NOW + timedelta(microseconds=1)


async def test_automatic_computation_adds_no_row_if_nothing_changed(
    database: Database, shop: Shop
) -> None:
    await prepare(database, steady_books(shop.access))
    for hours in range(3):
        async with database.unit_of_work() as session:
            await readiness.recompute_if_changed(
                session, shop.access, now=NOW + timedelta(hours=hours)
            )
    assert len(await stored(database)) == 1


async def test_unchanged_score_is_dated_by_the_newer_data(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    await recompute(database, shop.access)
    async with database.unit_of_work() as session:
        await session.execute(
            text("UPDATE integration_accounts SET last_synced_at = '2026-11-22 11:45Z'")
        )
        await snapshots.rebuild(session, shop.access, zone=ZoneInfo("America/New_York"), now=NOW)
        await readiness.recompute_if_changed(session, shop.access, now=NOW)
    async with database.unit_of_work() as session:
        current = await readiness.current(session, shop.access, now=NOW)
    assert current.as_of == datetime(2026, 11, 22, 11, 45, tzinfo=UTC)
    assert len(await stored(database)) == 1


async def test_automatic_computation_adds_a_row_if_the_inputs_changed(
    database: Database, shop: Shop
) -> None:
    books = steady_books(shop.access)
    await prepare(database, books)
    await recompute(database, shop.access)
    books.charge("2026-10-05T15:00:00", 90_000, customer="cus_1")
    await prepare(database, books)
    async with database.unit_of_work() as session:
        await readiness.recompute_if_changed(session, shop.access, now=NOW)
    first, second = await stored(database)
    assert first[1].inputs_hash != second[1].inputs_hash


async def test_automatic_computation_adds_a_row_for_a_new_model(
    database: Database, shop: Shop
) -> None:
    await prepare(database, steady_books(shop.access))
    await recompute(database, shop.access)
    async with database.unit_of_work() as session:
        await session.execute(
            text("UPDATE readiness_score_details SET model_version = 'readiness-0'")
        )
    async with database.unit_of_work() as session:
        await readiness.recompute_if_changed(session, shop.access, now=NOW)
    assert len(await stored(database)) == 2


async def test_tier_is_kept_just_below_its_line(database: Database, shop: Shop) -> None:
    # 3,200.00 a month limits the score to 45 + 2.2 * 6.25 = 58.75: within 2.5 of the line at 60.
    await prepare(database, steady_books(shop.access, months=7, each=320_000))
    first = await recompute(database, shop.access)
    assert (first.score, first.tier) == (58, Tier.NEEDS_WORK)
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE readiness_scores SET tier = 'funding_ready'"))
    again = await recompute(database, shop.access)
    assert (again.score, again.tier) == (58, Tier.FUNDING_READY)


async def test_stale_data_gives_no_number_and_no_row(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    first = await recompute(database, shop.access)
    result = await recompute(database, shop.access, now=LATER)
    assert (result.score, result.tier, result.confidence, result.computed_at) == (
        None,
        None,
        None,
        None,
    )
    assert result.stale is not None
    assert "8.1 days old" in result.stale
    assert result.last_score is not None
    assert (result.last_score.score, result.last_score.computed_at) == (first.score, NOW)
    assert len(await stored(database)) == 1


async def test_current_score_of_stale_data_is_no_number(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    await recompute(database, shop.access)
    async with database.unit_of_work() as session:
        current = await readiness.current(session, shop.access, now=LATER)
        explained = await readiness.explain_current(session, shop.access, now=LATER)
    assert (current.score, explained.score, explained.components) == (None, None, [])
    assert current.stale == explained.stale
    assert to_jsonable_python(current)["last_score"]["computed_at"] == "2026-11-22T12:00:00Z"


async def test_revoked_key_gives_no_number(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    await recompute(database, shop.access)
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE integration_accounts SET status = 'revoked'"))
    result = await recompute(database, shop.access)
    assert result.score is None
    assert result.stale is not None
    assert "Reconnect" in result.stale
    async with database.unit_of_work() as session:
        current = await readiness.current(session, shop.access, now=NOW)
    assert current.stale == result.stale


async def test_never_synced_data_gives_no_number(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access, synced_at=None))
    result = await recompute(database, shop.access)
    assert (result.score, result.stale) == (None, readiness.NEVER_SYNCED)
    assert await stored(database) == []


async def test_disabled_payouts_stop_the_score(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access, metadata={"payouts_enabled": False}))
    result = await recompute(database, shop.access)
    assert result.binding is not None
    assert (result.binding.kind, result.tier) == ("hard_stop", Tier.NOT_READY)


async def test_guests_only_leave_the_largest_customer_unknown(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    for month in range(1, 11):
        books.charge(f"2026-{month:02d}-05T15:00:00")
    await prepare(database, books)
    async with database.unit_of_work() as session:
        computed = await readiness.recompute_if_changed(session, shop.access, now=NOW)
    assert computed is not None
    assert computed.inputs.concentration is None
    assert computed.inputs.unattributed_share == 1


async def test_first_month_alone_has_a_score_and_no_windows(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    books.charge("2026-11-05T15:00:00", customer="cus_a")
    await prepare(database, books)
    result = await recompute(database, shop.access)
    assert (result.score is not None, result.tier) == (True, "not_ready")


async def test_no_snapshots_is_no_data(database: Database, shop: Shop) -> None:
    with pytest.raises(NoDataError):
        await recompute(database, shop.access)


async def test_no_score_is_no_data(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    async with database.unit_of_work() as session:
        with pytest.raises(NoDataError, match="No readiness score"):
            await readiness.current(session, shop.access, now=NOW)


async def test_viewer_cannot_recompute(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    with pytest.raises(NotPermittedError):
        await recompute(database, shop.as_role(Role.VIEWER))
    assert await stored(database) == []


async def test_viewer_reads_the_score(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    result = await recompute(database, shop.access)
    async with database.unit_of_work() as session:
        current = await readiness.current(session, shop.as_role(Role.VIEWER), now=NOW)
    assert current.score == result.score


async def test_score_of_another_business_is_never_seen(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    await prepare(database, steady_books(other.access))
    await recompute(database, other.access)
    async with database.unit_of_work() as session:
        assert await readiness.history(session, shop.access) == []
        with pytest.raises(NoDataError):
            await readiness.current(session, shop.access, now=NOW)


async def test_current_has_the_agreed_fields(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access, months=6))
    await recompute(database, shop.access)
    async with database.unit_of_work() as session:
        current = await readiness.current(session, shop.access, now=NOW)
    content = to_jsonable_python(current)
    assert list(content) == [
        "score",
        "tier",
        "confidence",
        "computed_at",
        "as_of",
        "model_version",
        "binding",
        "not_assessed",
        "strongest",
        "weakest",
    ]
    assert content["computed_at"] == "2026-11-22T12:00:00Z"
    assert content["as_of"] == "2026-11-22T10:00:00Z"
    assert len(content["strongest"]) == 3
    agreed = {"component", "label", "points", "weight", "value"}
    assert all(agreed <= part.keys() for part in content["strongest"] + content["weakest"])


async def test_explanation_adds_up(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    result = await recompute(database, shop.access)
    async with database.unit_of_work() as session:
        explained = await readiness.explain_current(session, shop.access, now=NOW)
    earned = sum((Decimal(part.points) for part in explained.components), Decimal(0))
    lost = sum((Decimal(part.points_lost) for part in explained.components), Decimal(0))
    assert abs(earned + lost - 100) <= Decimal("0.1") * len(explained.components)
    assert explained.score == result.score
    limits = [Decimal(cap.limit) for cap in explained.caps]
    assert abs(min([earned, *limits]) - Decimal(explained.score or 0)) <= 1
    assert explained.tier_thresholds == {
        "needs_work": 40,
        "funding_ready": 60,
        "highly_attractive": 80,
    }
    assessed = {part.component for part in explained.components}
    assert assessed.isdisjoint(part.component for part in explained.dropped)


async def test_explanation_is_the_stored_one(database: Database, shop: Shop) -> None:
    books = steady_books(shop.access)
    await prepare(database, books)
    await recompute(database, shop.access)
    async with database.unit_of_work() as session:
        before = await readiness.explain_current(session, shop.access, now=NOW)
    books.charge("2026-10-05T15:00:00", 9_000_000, customer="cus_1")
    await prepare(database, books)
    async with database.unit_of_work() as session:
        assert await readiness.explain_current(session, shop.access, now=NOW) == before


async def test_history_lists_the_latest_first_and_goes_on_behind(
    database: Database, shop: Shop
) -> None:
    await prepare(database, steady_books(shop.access))
    times = [NOW + timedelta(minutes=minutes) for minutes in range(3)]
    for time in times:
        await recompute(database, shop.access, now=time)
    async with database.unit_of_work() as session:
        page = await readiness.history(session, shop.access, limit=2)
        rest = await readiness.history(session, shop.access, limit=2, before=page[-1].computed_at)
    assert [point.computed_at for point in page] == [times[2], times[1]]
    assert [point.computed_at for point in rest] == [times[0]]
    assert {point.model_version for point in page} == {MODEL_VERSION}
