"""Roll-ups are brought up to date: for the months that the ledger's marks name, or for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from db.repositories import facts, rollups
from db.repositories.facts import Window
from db.repositories.rollups import ChangedDay, RollupState
from db.session import Session
from domain.access import Access
from domain.periods import Month, month_bounds, month_range
from services.snapshot_metrics import DEFINITIONS_VERSION

# A UTC day touches the local days around it, whatever the zone: offsets stay within 14 hours.
_AROUND = timedelta(days=1)
# A charge without a payment decides whether one of the seven days before it counts as failed.
_RETRIED_WITHIN = timedelta(days=7)
# The first and the last month of some without a gap.
Run = tuple[Month, Month]
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(3000, 1, 1, tzinfo=UTC)


async def bring_up_to_date(
    session: Session, access: Access, *, zone: ZoneInfo, now: datetime
) -> None:
    """Sum up again what has changed since the last time; hold the business's lock.

    Everything is summed up where the roll-ups were made for another time zone, by other
    definitions, or never.
    """
    state = await rollups.find_state(session, access)
    changes = await rollups.take_changes(session, access)
    if state is None or (state.time_zone, state.version) != (zone.key, DEFINITIONS_VERSION):
        await _sum_up_all(session, access, zone)
        new = RollupState(zone.key, DEFINITIONS_VERSION, now)
        await rollups.save_state(session, access, new)
        return
    runs = runs_of(dirty_months(changes))
    for run in runs:
        await _sum_up(session, access, run, zone)
    if runs:
        await _count_disputed(session, access, runs, zone)


def dirty_months(changes: Iterable[ChangedDay]) -> set[Month]:
    """Return every month, in whatever time zone, of which a changed day may be a part."""
    months: set[Month] = set()
    for change in changes:
        before = _AROUND + (_RETRIED_WITHIN if change.has_lone_charges else timedelta(0))
        first, last = Month.of(change.day - before), Month.of(change.day + _AROUND)
        months.update(month_range(first, last))
    return months


def runs_of(months: Iterable[Month]) -> list[Run]:
    """Return the first and the last month of each run without a gap, in order."""
    runs: list[Run] = []
    for month in sorted(months):
        if runs and runs[-1][1].plus(1) == month:
            runs[-1] = (runs[-1][0], month)
        else:
            runs.append((month, month))
    return runs


async def _sum_up_all(session: Session, access: Access, zone: ZoneInfo) -> None:
    always = Window(_BEGINNING, _END, zone)
    days = await facts.list_days(session, access, always)
    await rollups.replace_days(session, access, None, days)
    months = sorted({Month.of(day.facts.day) for day in days})
    spreads = await facts.list_customer_months(session, access, months, zone)
    await rollups.replace_customers(session, access, None, spreads)
    disputed = await facts.count_disputed(session, access, always)
    await rollups.replace_disputed(session, access, date.min, disputed)


async def _sum_up(session: Session, access: Access, run: Run, zone: ZoneInfo) -> None:
    days = await facts.list_days(session, access, _window(run, zone))
    await rollups.replace_days(session, access, run, days)
    spreads = await facts.list_customer_months(session, access, list(month_range(*run)), zone)
    await rollups.replace_customers(session, access, run, spreads)


async def _count_disputed(
    session: Session, access: Access, runs: Sequence[Run], zone: ZoneInfo
) -> None:
    """Count the disputes of charges again, from the first month on that may have other ones.

    That is a changed month, or the month of a charge that was disputed in a changed month. No
    charge is disputed before it was made, so earlier disputes are of no account.
    """
    days = [run[0].first_day for run in runs]
    for run in runs:
        opened = await facts.count_disputed(session, access, _window(run, zone))
        days += [day for _, day in opened]
    since = Month.of(min(days))
    start, _ = month_bounds(since, zone)
    disputed = await facts.count_disputed(session, access, Window(start, _END, zone))
    await rollups.replace_disputed(session, access, since.first_day, disputed)


def _window(run: Run, zone: ZoneInfo) -> Window:
    start, _ = month_bounds(run[0], zone)
    _, end = month_bounds(run[1], zone)
    return Window(start, end, zone)
