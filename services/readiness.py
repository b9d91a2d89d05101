"""The readiness score: computed from snapshots, stored with all it rests on, read explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from db.models import IntegrationAccount, ReadinessScore, ReadinessScoreDetail
from db.repositories import facts
from db.repositories import readiness as stored_scores
from db.repositories.businesses import lock_business
from db.repositories.facts import Window
from db.repositories.integrations import IntegrationStatus, find_integration
from db.repositories.readiness import ScoreWithDetail
from db.session import Session
from domain.access import Access, Permission
from domain.errors import NoDataError
from domain.metrics import MonthMetrics
from domain.periods import month_bounds
from domain.rates import NO_RATES, StatedRates
from domain.readiness import (
    AccountFacts,
    Assessment,
    ReadinessInputs,
    Tier,
    assess,
    complete_months,
    components_flat,
    explain,
    inputs_from_months,
    inputs_to_json,
)
from domain.readiness.scoring import stale_reason
from integrations.stripe.resources import PAYMENT_INTENTS, PAYOUTS
from services import snapshots
from services.readiness_results import (
    LastScore,
    ReadinessExplanation,
    ReadinessResult,
    RecomputedReadiness,
    ScorePoint,
    stale_content,
)
from services.snapshot_metrics import StoredMonth
from services.snapshot_schema import StoredRecurring

CONCENTRATION_MONTHS = 12
QUARTER = 3
NEVER_COMPUTED = "No readiness score has been computed yet. Sync Stripe, then recompute it."
NEVER_SYNCED = "Stripe was never read completely. Sync for a score."
# readiness_score_details.confidence is DECIMAL(5,4).
CONFIDENCE_STEP = Decimal("0.0001")
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Computation:
    """A computed score with what it was computed from; `as_of` is the data's local day."""

    inputs: ReadinessInputs
    months: tuple[MonthMetrics, ...]
    assessment: Assessment
    as_of: date
    recurring: StoredRecurring | None = None


@dataclass(frozen=True, slots=True)
class _Situation:
    """What a score depends on beside the ledger, read under the business's lock."""

    stored: list[StoredMonth]
    account: IntegrationAccount | None
    latest: ScoreWithDetail | None
    now: datetime
    rates: StatedRates

    @property
    def data_as_of(self) -> datetime | None:
        return self.stored[-1].stored.data_as_of if self.stored else None


async def recompute(
    session: Session, access: Access, *, now: datetime, rates: StatedRates = NO_RATES
) -> RecomputedReadiness:
    """Compute the score again and store it, one row for each time.

    If the data is too old the result says so in `stale`, has no score, and nothing is stored.
    Raise NotPermittedError for a viewer and NoDataError without any snapshot.
    """
    access.require(Permission.RECOMPUTE)
    situation = await _situation(session, access, now, rates)
    if not situation.stored:
        raise NoDataError(snapshots.NO_SNAPSHOTS)
    latest = situation.latest
    computation = await _compute(session, access, situation)
    if computation is None or computation.assessment.stale is not None:
        stale = NEVER_SYNCED if computation is None else computation.assessment.stale
        content = stale_content(stale, situation.data_as_of, _last(latest))
    else:
        content = _content(await _store(session, access, situation, computation))
    previous = None if latest is None else latest.score.score
    return RecomputedReadiness.model_validate({**content, "previous_score": previous})


async def recompute_if_changed(
    session: Session, access: Access, *, now: datetime, rates: StatedRates = NO_RATES
) -> Computation | None:
    """Compute the score after a sync; store it only if its inputs or its model are new.

    Otherwise the stored score is now known to hold for the newer data. Return the computation,
    whose assessment may be stale and is then not stored, or None if there is nothing to assess.
    """
    situation = await _situation(session, access, now, rates)
    computation = await _compute(session, access, situation) if situation.stored else None
    if computation is None or computation.assessment.stale is not None:
        return computation
    latest = situation.latest
    if latest is not None and _is_same(latest.detail, computation.assessment):
        latest.detail.data_as_of = situation.data_as_of
        if latest.detail.inputs is None:  # stored before inputs were kept
            _keep_inputs(latest.detail, computation)
        await session.flush()
    else:
        await _store(session, access, situation, computation)
    return computation


async def current(session: Session, access: Access, *, now: datetime) -> ReadinessResult:
    """Return the current score in short; `stale` instead of a score if its data is too old.

    Raise NoDataError if none was ever computed.
    """
    return ReadinessResult.model_validate(await _current_content(session, access, now))


async def explain_current(
    session: Session, access: Access, *, now: datetime
) -> ReadinessExplanation:
    """Return the current score with every component and limit; otherwise as `current`."""
    return ReadinessExplanation.model_validate(await _current_content(session, access, now))


async def history(
    session: Session, access: Access, *, limit: int = 100, before: datetime | None = None
) -> list[ScorePoint]:
    """List computed scores, the latest first, from before an instant on."""
    scores = await stored_scores.list_scores(session, access, limit=limit, before=before)
    return [
        ScorePoint(
            score=score.score,
            tier=score.tier,
            confidence=detail.explanation["confidence"],
            computed_at=score.created_at,
            as_of=detail.data_as_of,
            model_version=detail.model_version,
        )
        for score, detail in scores
    ]


async def get_latest(
    session: Session, access: Access, now: datetime
) -> tuple[ScoreWithDetail, str | None]:
    """Return the current score, and why it is no longer one (stale data, a refused key) or None.

    Raise NoDataError if none was ever computed.
    """
    latest = await stored_scores.find_latest_detail(session, access)
    if latest is None:
        raise NoDataError(NEVER_COMPUTED)
    account = await find_integration(session, access)
    age = ReadinessInputs(
        data_age_days=_age_days(latest.detail.data_as_of, now), key_revoked=_is_revoked(account)
    )
    return latest, stale_reason(age)


async def _current_content(session: Session, access: Access, now: datetime) -> dict[str, Any]:
    latest, stale = await get_latest(session, access, now)
    if stale is None:
        return _content(latest)
    return stale_content(stale, latest.detail.data_as_of, _last(latest))


def _content(latest: ScoreWithDetail) -> dict[str, Any]:
    return {
        **latest.detail.explanation,
        "computed_at": latest.score.created_at,
        "as_of": latest.detail.data_as_of,
    }


def _last(latest: ScoreWithDetail | None) -> LastScore | None:
    if latest is None:
        return None
    score = latest.score
    return LastScore(score=score.score, tier=score.tier, computed_at=score.created_at)


async def _situation(
    session: Session, access: Access, now: datetime, rates: StatedRates
) -> _Situation:
    await lock_business(session, access)
    return _Situation(
        stored=await snapshots.list_months(session, access),
        account=await find_integration(session, access),
        latest=await stored_scores.find_latest_detail(session, access),
        now=now,
        rates=rates,
    )


async def _compute(session: Session, access: Access, situation: _Situation) -> Computation | None:
    """Return the computation; None if the data's age is not known."""
    age = _age_days(situation.data_as_of, situation.now)
    if age is None:
        return None
    months = tuple(month.metrics for month in situation.stored)
    as_of = situation.stored[-1].stored.through
    account, top1_share = await _account_facts(session, access, situation, as_of)
    inputs = inputs_from_months(
        months,
        top1_share=top1_share,
        as_of=as_of,
        data_age_days=age,
        account=account,
        rate=situation.rates.find(months[-1].currency),
    )
    if PAYMENT_INTENTS.permission in account.missing_permissions:
        # Nobody knows then which payments failed in the end.
        inputs = replace(inputs, payments=None)
    latest = situation.latest
    previous = None if latest is None else Tier(latest.score.tier)
    assessment = assess(inputs, previous_tier=previous)
    last = _last_complete(situation, as_of)
    return Computation(inputs, months, assessment, as_of, last.stored.recurring if last else None)


async def _account_facts(
    session: Session, access: Access, situation: _Situation, as_of: date
) -> tuple[AccountFacts, Decimal | None]:
    """Return what the months do not tell, and the largest customer's share of the last year."""
    metadata = _metadata(situation.account)
    known = AccountFacts(
        payouts_enabled=metadata.get("payouts_enabled"),
        key_revoked=_is_revoked(situation.account),
        missing_permissions=tuple(sorted(metadata.get("missing") or ())),
    )
    known = _with_payouts(
        _with_retention(known, _last_complete(situation, as_of)), situation, as_of
    )
    year = complete_months([month.metrics for month in situation.stored], as_of)
    if not year:
        return known, None
    zone = ZoneInfo(situation.stored[-1].stored.time_zone)
    shares = await facts.get_customer_shares(
        session, access, _window(year[-CONCENTRATION_MONTHS:], zone), currency=year[-1].currency
    )
    if shares.total_minor <= 0:
        return known, None
    unattributed = _share(shares.unattributed_minor, shares.total_minor)
    known = replace(known, customer_count=shares.customer_count, unattributed_share=unattributed)
    if shares.customer_count == 0:
        return known, None
    return known, _share(shares.largest_minor, shares.total_minor)


def _last_complete(situation: _Situation, as_of: date) -> StoredMonth | None:
    """Return the last month that is over and was counted whole."""
    whole = [
        month
        for month in situation.stored
        if not month.metrics.month_to_date and month.metrics.month.last_day <= as_of
    ]
    return whole[-1] if whole else None


def _with_retention(known: AccountFacts, last: StoredMonth | None) -> AccountFacts:
    if last is None:
        return known
    kept = last.metrics.gross_retention
    known = replace(known, gross_retention=kept.value, cohort_customers=kept.n)
    if last.metrics.mrr_minor is None and last.stored.recurring is not None:
        # Subscriptions were read, and there are none.
        return replace(known, recurring_share=Decimal(0))
    return known


def _with_payouts(known: AccountFacts, situation: _Situation, as_of: date) -> AccountFacts:
    """Add the payouts of the last three complete months; none where they cannot be read."""
    if PAYOUTS.permission in known.missing_permissions:
        return known
    quarter = complete_months([month.metrics for month in situation.stored], as_of)[-QUARTER:]
    count = sum(month.payout_count for month in quarter)
    if count == 0:
        return known
    failed = sum(month.failed_payouts for month in quarter)
    return replace(known, payout_count=count, payout_failed_share=Decimal(failed) / count)


def _window(months: Sequence[MonthMetrics], zone: ZoneInfo) -> Window:
    start, _ = month_bounds(months[0].month, zone)
    _, end = month_bounds(months[-1].month, zone)
    return Window(start, end, zone)


def _share(part: int, whole: int) -> Decimal:
    # Refunds of earlier sales can make a part negative, or larger than the whole.
    return min(max(Decimal(part) / Decimal(whole), Decimal(0)), Decimal(1))


def _age_days(data_as_of: datetime | None, now: datetime) -> Decimal | None:
    if data_as_of is None:
        return None
    return Decimal((now - data_as_of) // timedelta(seconds=1)) / _SECONDS_A_DAY


def _is_revoked(account: IntegrationAccount | None) -> bool:
    return account is not None and account.status == IntegrationStatus.REVOKED


def _metadata(account: IntegrationAccount | None) -> dict[str, Any]:
    return {} if account is None else account.account_metadata or {}


def _is_same(detail: ReadinessScoreDetail, assessment: Assessment) -> bool:
    stored = (detail.inputs_hash, detail.model_version)
    return stored == (assessment.inputs_hash, assessment.model_version)


async def _store(
    session: Session, access: Access, situation: _Situation, computation: Computation
) -> ScoreWithDetail:
    assessment = computation.assessment
    score = ReadinessScore(
        business_id=access.business_id,
        score=assessment.score,
        tier=assessment.tier.value,
        components=components_flat(assessment),
        created_at=_time_of_new_score(situation),
    )
    confidence = Decimal(assessment.confidence).quantize(CONFIDENCE_STEP, ROUND_HALF_EVEN)
    detail = ReadinessScoreDetail(
        model_version=assessment.model_version,
        confidence=confidence,
        inputs_hash=assessment.inputs_hash,
        data_as_of=situation.data_as_of,
        explanation=explain(assessment),
    )
    _keep_inputs(detail, computation)
    return await stored_scores.insert_score(session, score, detail)


def _keep_inputs(detail: ReadinessScoreDetail, computation: Computation) -> None:
    """Keep what the score was computed from, so that a what-if needs nothing else."""
    detail.inputs = inputs_to_json(computation.inputs)
    detail.exact_score = computation.assessment.exact


def _time_of_new_score(situation: _Situation) -> datetime:
    """Return a time after every stored score's: the latest row is the current one."""
    now = situation.now.astimezone(UTC)
    if situation.latest is None:
        return now
    return max(now, situation.latest.score.created_at + timedelta(microseconds=1))
