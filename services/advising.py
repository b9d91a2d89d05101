"""Recommendations that rules make: kept in line with what the figures call for after each sync."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from db.models import Recommendation
from db.repositories import recommendations as stored
from db.repositories.businesses import lock_business
from db.repositories.readiness import find_latest_score
from db.repositories.recommendations import RecommendationStatus
from db.repositories.snapshots import list_snapshots
from db.session import Session
from domain.access import Access, Permission
from domain.advice import Actor, Advice, Advised
from domain.periods import Month
from services.recommendation_history import NOTHING, Author, content_of, record

# Who has said no is not asked again before circumstances can have changed.
QUIET = timedelta(days=30)
TRIGGERED = "Its trigger was crossed."
RETURNED = "Its trigger was crossed, 30 days or more after the last one was dismissed or resolved."
FOLLOWED = "The figures that it rests on have changed."
CLEARED = "Its trigger has cleared."


@dataclass(frozen=True, slots=True)
class _Basis:
    """The stored rows that advice rests on."""

    snapshot_ids: Mapping[Month, UUID]
    score_id: UUID | None


async def open_rules(session: Session, access: Access) -> dict[str, dict[str, str]]:
    """Return the rules whose recommendation is open, with the values it was last given for.

    Open is what waits for a decision, and what was accepted and has not cleared since.
    """
    latest = await _latest(session, access)
    return {
        rule: dict(refs_of(row).get("values", {})) for rule, row in latest.items() if _is_open(row)
    }


async def refresh_from_advice(
    session: Session, access: Access, advised: Advised, *, now: datetime
) -> None:
    """Bring the recommendations that rules made in line with what the rules now advise.

    A rule's latest row decides: a pending one is updated in place, an accepted one keeps its words.
    Once the trigger of either has cleared, `metric_refs.resolved_at` says when, and the pending one
    is dismissed, for there is no status of its own. After a dismissal or a resolution the rule
    makes no new one for 30 days. A rule that is neither in the advice nor known to be clear
    leaves its row as it is. Raise NotPermittedError for a viewer.
    """
    access.require(Permission.WRITE_RECOMMENDATIONS)
    await lock_business(session, access)
    latest = await _latest(session, access)
    basis = await _basis(session, access)
    # The least important first: among equal priorities the list shows the newest row first.
    for item in reversed(advised.advice):
        await _follow(session, access, item, latest.get(item.rule), basis, now)
    for rule in sorted(advised.cleared & latest.keys()):
        if _is_open(latest[rule]):
            await _resolve(session, access, latest[rule], now)


async def _latest(session: Session, access: Access) -> dict[str, Recommendation]:
    latest: dict[str, Recommendation] = {}
    for row in await stored.list_made_by_rules(session, access):
        latest.setdefault(refs_of(row)["rule"], row)
    return latest


async def _basis(session: Session, access: Access) -> _Basis:
    snapshots = await list_snapshots(session, access)
    score = await find_latest_score(session, access)
    ids = {Month.of(row.period_start): row.id for row in snapshots}
    return _Basis(ids, None if score is None else score.id)


def _is_open(row: Recommendation) -> bool:
    if row.status == RecommendationStatus.ACCEPTED:
        return "resolved_at" not in refs_of(row)
    return row.status == RecommendationStatus.PENDING


async def _follow(
    session: Session,
    access: Access,
    advice: Advice,
    row: Recommendation | None,
    basis: _Basis,
    now: datetime,
) -> None:
    refs = _refs(advice, basis)
    if row is None or _may_return(row, now):
        await _make(session, access, advice, refs, TRIGGERED if row is None else RETURNED)
    elif row.status == RecommendationStatus.PENDING:
        before = content_of(row)
        edited = refs_of(row).get("edited", [])
        for name, text in columns_of(advice).items():
            if name not in edited and getattr(row, name) != text:
                setattr(row, name, text)
        row.metric_refs = _followed(refs_of(row), refs)
        await session.flush()
        await record(session, access, row, before, _author(row), FOLLOWED)


async def _make(
    session: Session, access: Access, advice: Advice, refs: dict[str, Any], why: str
) -> None:
    row = Recommendation(
        business_id=access.business_id,
        status=RecommendationStatus.PENDING,
        metric_refs=refs,
        **columns_of(advice),
    )
    await stored.insert_recommendation(session, row)
    await record(session, access, row, NOTHING, _author(row), why)


async def _resolve(session: Session, access: Access, row: Recommendation, now: datetime) -> None:
    before = content_of(row)
    if row.status == RecommendationStatus.PENDING:
        row.status = RecommendationStatus.DISMISSED
    row.metric_refs = {**refs_of(row), "resolved_at": now.astimezone(UTC).isoformat()}
    await session.flush()
    await record(session, access, row, before, _author(row), CLEARED)


def _may_return(row: Recommendation, now: datetime) -> bool:
    if _is_open(row):
        return False
    resolved_at = refs_of(row).get("resolved_at")
    ended_at = row.updated_at if resolved_at is None else datetime.fromisoformat(resolved_at)
    return now - ended_at >= QUIET


def _refs(advice: Advice, basis: _Basis) -> dict[str, Any]:
    """Return the advice's references with the stored rows that it rests on."""
    scored = advice.metric_refs.get("predicted", {}).get("points_before") is not None
    known = (basis.snapshot_ids.get(month) for month in advice.months)
    return {
        **advice.metric_refs,
        "created_by": Actor.RULE.value,
        "snapshot_ids": [str(identifier) for identifier in known if identifier],
        "score_id": str(basis.score_id) if scored and basis.score_id else None,
    }


def _followed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new references with what a person did to the row.

    A score that was computed again from the same inputs does not change what was predicted.
    """
    kept = {"edited": old["edited"]} if old.get("edited") else {}
    merged = {**new, **kept}
    unchanged = {**merged, "score_id": old.get("score_id")}
    return unchanged if unchanged == old and old.get("score_id") else merged


def _author(row: Recommendation) -> Author:
    refs = refs_of(row)
    return Author(Actor.RULE, rule=refs.get("rule"), model_version=refs.get("model_version"))


def columns_of(advice: Advice) -> dict[str, str]:
    """Return the columns of a recommendation that advice fills."""
    return {
        "title": advice.title,
        "description": advice.description,
        "priority": advice.priority.value,
        "category": advice.category.value,
        "estimated_impact": advice.estimated_impact,
    }


def refs_of(row: Recommendation) -> dict[str, Any]:
    """Return the row's references; empty for one from before they were written."""
    return row.metric_refs or {}
