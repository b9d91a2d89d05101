"""What-ifs and paths over the stored score, and why two stored scores differ."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from db.session import Database
from domain.access import Access, Role
from domain.errors import InvalidInputError, NoDataError
from domain.readiness import MODEL_VERSION, Changes, ComponentKey, Tier, assess, inputs_from_json
from services import readiness, simulations
from services.simulation_results import DifferenceResult, PathsResult, SimulationResult
from tests.factories import Shop, make_shop
from tests.services.books import Books
from tests.services.test_readiness import LATER, NOW, prepare, recompute, steady_books, stored

REFUNDS_AT_20 = Changes({ComponentKey.REFUNDS: Decimal("0.20")})


async def simulate(
    database: Database, access: Access, changes: Changes, now: datetime = NOW
) -> SimulationResult:
    async with database.unit_of_work() as session:
        return await simulations.simulate(session, access, changes=changes, now=now)


async def paths(
    database: Database, access: Access, target: Tier = Tier.FUNDING_READY
) -> PathsResult:
    async with database.unit_of_work() as session:
        return await simulations.find_paths(session, access, target=target, now=NOW)


async def difference(database: Database, access: Access, **times: Any) -> DifferenceResult:
    async with database.unit_of_work() as session:
        return await simulations.explain_difference(session, access, **times)


async def run(database: Database, statement: str) -> None:
    async with database.unit_of_work() as session:
        await session.execute(text(statement))


async def counts(database: Database) -> list[tuple[int, ...]]:
    tables = ("readiness_scores", "readiness_score_details", "recommendations")
    async with database.unit_of_work() as session:
        return [
            tuple((await session.execute(text(f"SELECT count(*) FROM {table}"))).one())
            for table in tables
        ]


async def test_inputs_are_kept_with_the_score_and_give_it_again(
    database: Database, shop: Shop
) -> None:
    await prepare(database, steady_books(shop.access))
    await recompute(database, shop.access)
    [(score, detail)] = await stored(database)
    assert detail.inputs is not None
    again = assess(inputs_from_json(detail.inputs))
    assert (again.score, again.exact) == (score.score, detail.exact_score)
    assert again.inputs_hash == detail.inputs_hash


async def test_score_from_before_inputs_were_kept_gains_them_with_the_next_sync(
    database: Database, shop: Shop
) -> None:
    await prepare(database, steady_books(shop.access))
    await recompute(database, shop.access)
    [(_, before)] = await stored(database)
    await run(database, "UPDATE readiness_score_details SET inputs = NULL, exact_score = NULL")
    with pytest.raises(NoDataError, match="before its inputs were kept"):
        await simulate(database, shop.access, REFUNDS_AT_20)
    async with database.unit_of_work() as session:
        await readiness.recompute_if_changed(session, shop.access, now=NOW)
    [(_, after)] = await stored(database)
    assert (after.inputs, after.exact_score) == (before.inputs, before.exact_score)


async def test_what_if_equals_the_score_of_a_ledger_in_which_it_is_so(
    database: Database, shop: Shop
) -> None:
    books = steady_books(shop.access)
    await prepare(database, books)
    await recompute(database, shop.access)
    simulated = await simulate(
        database, shop.access, Changes({ComponentKey.DISPUTES: Decimal("0.025")})
    )
    for number in range(3):  # of 120 payments in three months
        books.dispute(f"ch_{number + 1}", f"2026-09-0{number + 1}T16:00:00", 1)
    await prepare(database, books)
    async with database.unit_of_work() as session:
        computed = await readiness.recompute_if_changed(session, shop.access, now=NOW)
    assert computed is not None
    assert computed.inputs.value(ComponentKey.DISPUTES) == Decimal("0.025")
    after = computed.assessment
    told = simulated.after
    assert (told.score, told.tier) == (after.score, after.tier.value)
    assert told.exact == f"{after.exact:.1f}"
    assert (await simulate(database, shop.access, Changes(more_months=1))).before == told


async def test_what_if_tells_what_moved_and_stores_nothing(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    current = await recompute(database, shop.access)
    before = await counts(database)
    told = await simulate(database, shop.as_role(Role.VIEWER), REFUNDS_AT_20)
    assert told.before.score == current.score
    assert told.points == told.after.score - told.before.score
    assert [part.component for part in told.moved.components] == ["refunds"]
    [changed] = told.changed
    assert changed.input == "refunds"
    assert changed.after is not None
    assert changed.after.startswith("20.0 %")
    assert await counts(database) == before
    assert (told.model_version, told.computed_at) == (MODEL_VERSION, NOW)


async def test_shown_parts_of_a_what_if_add_up(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access, months=5))
    await recompute(database, shop.access)
    told = await simulate(
        database,
        shop.access,
        Changes({ComponentKey.DISPUTES: Decimal("0.02")}, more_months=4),
    )
    moved = told.moved
    parts = [*moved.components, *moved.caps]
    shown = sum((Decimal(part.points) for part in parts), Decimal(moved.model))
    assert shown == Decimal(moved.total)
    assert "4 more complete months" in told.assumptions[0]


async def test_change_behind_a_cap_is_said_to_have_no_effect_until_it_is_gone(
    database: Database, shop: Shop
) -> None:
    await prepare(database, steady_books(shop.access, months=3))
    await recompute(database, shop.access)
    told = await simulate(database, shop.access, Changes({ComponentKey.SCALE: Decimal(9_000)}))
    assert told.points == 0
    assert told.no_effect is not None
    assert told.no_effect.startswith("No effect until the history is longer")


async def test_tier_of_a_what_if_is_kept_as_a_recomputation_would_keep_it(
    database: Database, shop: Shop
) -> None:
    # 3,200.00 a month limits the score to 58.75: within 2.5 of the line at 60.
    await prepare(database, steady_books(shop.access, months=7, each=320_000))
    await recompute(database, shop.access)
    change = Changes({ComponentKey.REFUNDS: Decimal("0.001")})
    assert (await simulate(database, shop.access, change)).after.tier == Tier.NEEDS_WORK
    await run(database, "UPDATE readiness_scores SET tier = 'funding_ready'")
    assert (await simulate(database, shop.access, change)).after.tier == Tier.FUNDING_READY


async def test_stale_score_is_no_ground_for_a_what_if(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    await recompute(database, shop.access)
    with pytest.raises(NoDataError, match=r"8\.1 days old"):
        await simulate(database, shop.access, REFUNDS_AT_20, now=LATER)


async def test_what_if_without_a_score_says_how_to_get_one(database: Database, shop: Shop) -> None:
    with pytest.raises(NoDataError, match="recompute it"):
        await simulate(database, shop.access, REFUNDS_AT_20)
    with pytest.raises(NoDataError, match="recompute it"):
        await paths(database, shop.access)


async def test_impossible_change_is_refused(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    await recompute(database, shop.access)
    with pytest.raises(InvalidInputError, match="from 0 to 1"):
        await simulate(database, shop.access, Changes({ComponentKey.REFUNDS: Decimal(3)}))


async def test_score_of_another_business_is_no_ground_for_a_what_if(
    database: Database, shop: Shop
) -> None:
    other = await make_shop(database, "Book shop")
    await prepare(database, steady_books(other.access))
    await recompute(database, other.access)
    with pytest.raises(NoDataError):
        await simulate(database, shop.access, REFUNDS_AT_20)


async def test_path_to_a_tier_is_exact_and_holds(database: Database, shop: Shop) -> None:
    # 3,200.00 a month: the scale limits the score to 58.75, and to 60 at 3,400.00.
    await prepare(database, steady_books(shop.access, months=7, each=320_000))
    await recompute(database, shop.access)
    found = await paths(database, shop.access)
    [path] = found.paths
    [step] = path.steps
    assert (step.component, step.value_before, step.value_after) == ("scale", "3200.00", "3400")
    assert (step.bound, step.after) == ("at_least", "3,400 USD")
    then = await simulate(database, shop.access, Changes({ComponentKey.SCALE: Decimal(3_400)}))
    assert (then.after.tier, then.after.score) == (path.tier, path.score) == ("funding_ready", 60)


async def test_history_comes_with_the_day_on_which_it_is_long_enough(
    database: Database, shop: Shop
) -> None:
    # Two complete months: the history limits the score to 60 at 4.8 months, so at five.
    await prepare(database, steady_books(shop.access, months=3, each=4_000_000))
    await recompute(database, shop.access)
    found = await paths(database, shop.access)
    assert found.wait is not None
    assert (found.wait.months, found.wait.on) == (3, date(2027, 2, 1))
    waited = await simulate(database, shop.access, Changes(more_months=3))
    assert (waited.after.score, waited.after.tier) == (found.wait.score, found.wait.tier)


async def two_scores(database: Database, shop: Shop) -> Books:
    books = steady_books(shop.access)
    await prepare(database, books)
    await recompute(database, shop.access)
    for number in range(8):
        charge = books.charge(f"2026-10-0{number + 1}T15:00:00", 7_500, customer="cus_1")
        books.refund(charge, f"2026-10-1{number}T15:00:00", 7_500)
    await prepare(database, books)
    await recompute(database, shop.access, now=NOW + timedelta(hours=1))
    return books


async def test_difference_of_two_scores_is_told_by_what_changed(
    database: Database, shop: Shop
) -> None:
    await two_scores(database, shop)
    (first, _), (second, _) = await stored(database)
    told = await difference(database, shop.access)
    assert (told.earlier.score, told.later.score) == (first.score, second.score)
    assert told.points == second.score - first.score
    parts = [*told.moved.components, *told.moved.caps]
    assert sum((Decimal(part.points) for part in parts), Decimal(told.moved.model)) == Decimal(
        told.moved.total
    )
    assert "refunds" in {part.component for part in told.moved.components}
    assert "refunds" in {change.input for change in told.changed}
    assert (told.model_changed, told.moved.model) == (False, "0.0")


async def test_score_computed_again_from_the_same_data_is_no_earlier_one(
    database: Database, shop: Shop
) -> None:
    await two_scores(database, shop)
    first = await difference(database, shop.access)
    await recompute(database, shop.access, now=NOW + timedelta(hours=2))
    again = await difference(database, shop.access)
    assert again.earlier == first.earlier
    assert again.moved == first.moved


async def test_scores_may_be_named_by_times_at_which_they_stood(
    database: Database, shop: Shop
) -> None:
    await two_scores(database, shop)
    told = await difference(
        database,
        shop.access,
        earlier=NOW + timedelta(minutes=59),
        later=NOW + timedelta(days=3),
    )
    assert (told.earlier.computed_at, told.later.computed_at) == (NOW, NOW + timedelta(hours=1))
    with pytest.raises(NoDataError, match="at that time"):
        await difference(database, shop.access, later=NOW - timedelta(days=1))
    with pytest.raises(InvalidInputError, match="before"):
        await difference(database, shop.access, earlier=NOW, later=NOW)


async def test_change_of_the_model_is_told_apart_from_changes_of_the_data(
    database: Database, shop: Shop
) -> None:
    await prepare(database, steady_books(shop.access))
    await recompute(database, shop.access)
    await run(
        database,
        "UPDATE readiness_score_details SET model_version = 'readiness-0',"
        " exact_score = exact_score - 7",
    )
    await run(database, "UPDATE readiness_scores SET score = score - 7")
    await recompute(database, shop.access, now=NOW + timedelta(hours=1))
    told = await difference(database, shop.access)
    assert (told.model_changed, told.earlier.model_version) == (True, "readiness-0")
    assert (told.points, told.moved.total, told.moved.model) == (7, "7.0", "7.0")
    assert (told.moved.components, told.moved.caps, told.changed) == ([], [], [])


async def test_only_one_score_has_no_difference(database: Database, shop: Shop) -> None:
    await prepare(database, steady_books(shop.access))
    await recompute(database, shop.access)
    with pytest.raises(NoDataError, match="no earlier score"):
        await difference(database, shop.access)
