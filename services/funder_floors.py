"""Funders' published floors against the business's stored months."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from db.repositories.integrations import find_integration
from db.session import Session
from domain.access import Access
from domain.advice.floors import (
    CriterionResult,
    FunderResult,
    Status,
    brought_by,
    compare_floors,
)
from domain.advice.published import Measure
from domain.errors import NoDataError
from domain.rates import NO_RATES, StatedRates
from domain.readiness import NOT_ASSESSED, complete_months
from services import snapshots


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class CriterionView(_View):
    """One criterion: `value`, `floor` and `gap` in `unit`, a currency, months or a country.

    `reason` says why it cannot be seen, or at which stated rate an amount was converted.
    """

    measure: Measure
    text: str
    status: Status
    unit: str | None
    value: str | None
    floor: str | None
    gap: str | None
    reason: str | None


class FunderView(_View):
    """A funder's criteria, where and when they were read; `second_hand`: not on its own pages."""

    funder: str
    status: Status
    criteria: list[CriterionView]
    source: str
    read_on: date
    second_hand: bool


class FloorsResult(_View):
    """Every published floor as it stands. Meeting one is no promise of funding."""

    funders: list[FunderView]
    currency: str
    last_month: str | None
    as_of: datetime | None
    not_assessed: list[str]


async def check(session: Session, access: Access, *, rates: StatedRates = NO_RATES) -> FloorsResult:
    """Compare every funder's published floors with the business's complete months.

    Amounts in other currencies are converted at the stated rates only. Raise NoDataError without
    any snapshot.
    """
    stored = await snapshots.list_months(session, access)
    if not stored:
        raise NoDataError(snapshots.NO_SNAPSHOTS)
    account = await find_integration(session, access)
    country = (account.account_metadata or {}).get("country") if account else None
    latest = stored[-1].stored
    complete = complete_months([month.metrics for month in stored], latest.through)
    brought = brought_by(complete, country=country, rates=rates)
    return FloorsResult(
        funders=[_funder(found) for found in compare_floors(brought)],
        currency=stored[-1].metrics.currency,
        last_month=str(complete[-1].month) if complete else None,
        as_of=latest.data_as_of,
        not_assessed=list(NOT_ASSESSED),
    )


def _funder(found: FunderResult) -> FunderView:
    published = found.published
    return FunderView(
        funder=published.funder,
        status=found.status,
        criteria=[_criterion(part) for part in found.criteria],
        source=published.source,
        read_on=published.read_on,
        second_hand=published.second_hand,
    )


def _criterion(found: CriterionResult) -> CriterionView:
    criterion = found.criterion
    return CriterionView(
        measure=criterion.measure,
        text=criterion.text,
        status=found.status,
        unit=_unit(found),
        value=None if found.value is None else str(found.value),
        floor=criterion.country if criterion.floor is None else str(criterion.floor),
        gap=None if found.gap is None else str(found.gap),
        reason=found.reason,
    )


def _unit(found: CriterionResult) -> str | None:
    criterion = found.criterion
    if criterion.measure is Measure.HISTORY_MONTHS:
        return "months"
    return "country" if criterion.country else criterion.currency
