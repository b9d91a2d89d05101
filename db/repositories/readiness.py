"""Readiness scores: one row for each computation, the latest is the current one."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Row, Select, and_, select

from db.models import ReadinessScore, ReadinessScoreDetail
from db.session import Session
from domain.access import Access


class ScoreWithDetail(NamedTuple):
    """A score and what makes it accountable."""

    score: ReadinessScore
    detail: ReadinessScoreDetail


async def find_latest_score(session: Session, access: Access) -> ReadinessScore | None:
    """Return the current score, or None if none was ever computed."""
    query = (
        select(ReadinessScore)
        .where(ReadinessScore.business_id == access.business_id)
        .order_by(ReadinessScore.created_at.desc())
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def find_latest_detail(session: Session, access: Access) -> ScoreWithDetail | None:
    """Return the current score with its detail, or None if none was ever computed."""
    scores = await list_scores(session, access, limit=1)
    return scores[0] if scores else None


async def list_scores(
    session: Session, access: Access, *, limit: int, before: datetime | None = None
) -> list[ScoreWithDetail]:
    """List the scores with their details, the latest first, from before an instant on."""
    query = _latest_first(access).limit(limit)
    if before is not None:
        query = query.where(ReadinessScore.created_at < before)
    return [ScoreWithDetail(*row) for row in (await session.execute(query)).all()]


async def find_detail_at(
    session: Session, access: Access, moment: datetime
) -> ScoreWithDetail | None:
    """Return the score that was the current one at the moment, or None if there was none yet."""
    query = _latest_first(access).where(ReadinessScore.created_at <= moment).limit(1)
    return _pair((await session.execute(query)).one_or_none())


async def find_different_before(
    session: Session, access: Access, later: ScoreWithDetail
) -> ScoreWithDetail | None:
    """Return the latest earlier score that was computed from other inputs or by another model."""
    same = and_(
        ReadinessScoreDetail.inputs_hash == later.detail.inputs_hash,
        ReadinessScoreDetail.model_version == later.detail.model_version,
    )
    query = _latest_first(access).where(ReadinessScore.created_at < later.score.created_at, ~same)
    return _pair((await session.execute(query.limit(1))).one_or_none())


def _latest_first(access: Access) -> Select[ReadinessScore, ReadinessScoreDetail]:
    return (
        select(ReadinessScore, ReadinessScoreDetail)
        .join(ReadinessScoreDetail, ReadinessScoreDetail.score_id == ReadinessScore.id)
        .where(ReadinessScore.business_id == access.business_id)
        .order_by(ReadinessScore.created_at.desc())
    )


def _pair(row: Row[ReadinessScore, ReadinessScoreDetail] | None) -> ScoreWithDetail | None:
    return None if row is None else ScoreWithDetail(*row)


async def insert_score(
    session: Session, score: ReadinessScore, detail: ReadinessScoreDetail
) -> ScoreWithDetail:
    """Store a computation; the detail gets the score's id."""
    session.add(score)
    await session.flush()
    detail.score_id = score.id
    session.add(detail)
    await session.flush()
    return ScoreWithDetail(score, detail)
