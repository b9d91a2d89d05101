"""The data model's sample queries use the indexes made for them, on tables with many businesses."""

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from db.models import ReadinessScore, ReadinessScoreDetail
from db.repositories import readiness, recommendations, snapshots
from db.repositories.readiness import ScoreWithDetail
from db.session import Database, Session
from domain.access import Access
from tests.factories import Shop

BUSINESSES = 60
FILL = (
    "INSERT INTO businesses (name) SELECT 'Shop ' || n FROM generate_series(1, :businesses) AS n",
    """
    INSERT INTO readiness_scores (business_id, score, tier, components, created_at)
    SELECT id, n % 100, 'needs_work', '{"growth": 0.5}', now() - n * INTERVAL '1 day'
    FROM businesses, generate_series(1, 200) AS n
    """,
    """
    INSERT INTO readiness_score_details
        (score_id, model_version, confidence, inputs_hash, explanation)
    SELECT id, 'readiness-1', 0.5, repeat('a', 64), '{"confidence": "0.50"}' FROM readiness_scores
    """,
    """
    INSERT INTO recommendations (business_id, title, description, status, priority, created_at)
    SELECT id, 'Title ' || n, repeat('word ', 40),
           (ARRAY['pending', 'accepted', 'dismissed', 'dismissed'])[n % 4 + 1],
           (ARRAY['low', 'medium', 'high'])[n % 3 + 1], now() - n * INTERVAL '1 hour'
    FROM businesses, generate_series(1, 200) AS n
    """,
    """
    INSERT INTO financial_metric_snapshots (business_id, period_start, period_end, metrics_json)
    SELECT id, first, first + INTERVAL '1 month' - INTERVAL '1 day', '{"currency": "usd"}'
    FROM businesses, generate_series(1, 120) AS n,
         LATERAL (SELECT (date_trunc('month', now()) - n * INTERVAL '1 month')::date AS first) AS m
    """,
    "ANALYZE",
)


@pytest.fixture
async def many(database: Database, shop: Shop) -> Database:
    async with database.unit_of_work() as session:
        for statement in FILL:
            bound = {"businesses": BUSINESSES} if ":businesses" in statement else {}
            await session.execute(text(statement), bound)
    return database


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


async def plan_of(
    database: Database,
    query: Callable[[Session], Awaitable[object]],
    *,
    nothing: bool = False,
) -> list[dict[str, Any]]:
    """Return the plan's nodes of the one statement that the repository function executes."""
    sent: list[tuple[str, Any]] = []

    def record(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", record)
    async with database.unit_of_work() as session:
        assert await query(session) is not None or nothing
    event.remove(database.engine.sync_engine, "before_cursor_execute", record)
    [(statement, parameters)] = sent
    async with database.unit_of_work() as session:
        connection = await session.connection()
        result = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        found = result.scalar_one()
    plan = json.loads(found) if isinstance(found, str) else found
    return list(nodes(plan[0]["Plan"]))


def indexes(plan: list[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for node in plan if "Index Name" in node}


async def test_latest_readiness_uses_its_index_and_no_sort(many: Database, shop: Shop) -> None:
    plan = await plan_of(many, lambda s: readiness.find_latest_score(s, shop.access))
    assert indexes(plan) == {"ix_readiness_scores_business_id_created_at"}
    assert not any(node["Node Type"] in {"Sort", "Seq Scan"} for node in plan)


async def test_latest_readiness_with_its_detail_uses_the_same_index(
    many: Database, shop: Shop
) -> None:
    plan = await plan_of(many, lambda s: readiness.find_latest_detail(s, shop.access))
    assert "ix_readiness_scores_business_id_created_at" in indexes(plan)
    assert not any(node["Node Type"] in {"Sort", "Seq Scan"} for node in plan)


@pytest.mark.parametrize(
    "query",
    [
        lambda session, access: readiness.list_scores(
            session, access, limit=26, before=datetime.now(UTC) - timedelta(days=20)
        ),
        lambda session, access: readiness.find_detail_at(
            session, access, datetime.now(UTC) - timedelta(days=20)
        ),
    ],
    ids=["a page of the history", "the score at a time"],
)
async def test_scores_of_a_time_are_read_by_index(
    many: Database, shop: Shop, query: Callable[[Session, Access], Awaitable[object]]
) -> None:
    plan = await plan_of(many, lambda session: query(session, shop.access), nothing=True)
    assert "ix_readiness_scores_business_id_created_at" in indexes(plan)
    assert not any(node["Node Type"] in {"Sort", "Seq Scan"} for node in plan)


async def test_last_score_from_other_data_is_found_by_index(many: Database, shop: Shop) -> None:
    later = ScoreWithDetail(
        ReadinessScore(created_at=datetime.now(UTC)),
        ReadinessScoreDetail(inputs_hash="b" * 64, model_version="readiness-1"),
    )
    plan = await plan_of(
        many, lambda s: readiness.find_different_before(s, shop.access, later), nothing=True
    )
    assert "ix_readiness_scores_business_id_created_at" in indexes(plan)
    assert not any(node["Node Type"] in {"Sort", "Seq Scan"} for node in plan)


async def test_pending_recommendations_use_their_index(many: Database, shop: Shop) -> None:
    plan = await plan_of(many, lambda s: recommendations.list_pending(s, shop.access))
    assert indexes(plan) == {"ix_recommendations_business_id_status"}
    assert not any(node["Node Type"] == "Seq Scan" for node in plan)


async def test_last_six_months_use_their_index(many: Database, shop: Shop) -> None:
    plan = await plan_of(many, lambda s: snapshots.list_last_six_months(s, shop.access))
    assert indexes(plan) == {"ix_financial_metric_snapshots_business_id_period_end"}
    assert not any(node["Node Type"] == "Seq Scan" for node in plan)


async def by_sample_query(database: Database, sql: str, access: Access) -> list[Any]:
    async with database.unit_of_work() as session:
        return list((await session.execute(text(sql), {"bid": access.business_id})).scalars())


async def test_latest_readiness_is_the_sample_querys(many: Database, shop: Shop) -> None:
    expected = await by_sample_query(
        many,
        "SELECT id FROM readiness_scores WHERE business_id = :bid ORDER BY created_at DESC LIMIT 1",
        shop.access,
    )
    async with many.unit_of_work() as session:
        found = await readiness.find_latest_score(session, shop.access)
        detailed = await readiness.find_latest_detail(session, shop.access)
    assert found is not None
    assert detailed is not None
    assert [found.id] == [detailed.detail.score_id] == expected


async def test_pending_recommendations_are_the_sample_querys(many: Database, shop: Shop) -> None:
    expected = await by_sample_query(
        many,
        "SELECT id FROM recommendations WHERE business_id = :bid AND status = 'pending' ORDER BY"
        " CASE priority WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, created_at DESC",
        shop.access,
    )
    async with many.unit_of_work() as session:
        found = await recommendations.list_pending(session, shop.access)
    assert len(expected) == 50
    assert [row.id for row in found] == expected


async def test_last_six_months_are_the_sample_querys(many: Database, shop: Shop) -> None:
    expected = await by_sample_query(
        many,
        "SELECT id FROM financial_metric_snapshots WHERE business_id = :bid"
        " AND period_end >= CURRENT_DATE - INTERVAL '6 months' ORDER BY period_end DESC",
        shop.access,
    )
    async with many.unit_of_work() as session:
        found = await snapshots.list_last_six_months(session, shop.access)
    assert len(expected) in {6, 7}
    assert [row.id for row in found] == expected
