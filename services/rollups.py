"""Roll-ups are brought up to date: for the months that the ledger's marks name, or for all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
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
        await _sum_up(session, access, Window(_BEGINNING, _END, zone), None)
        new = RollupState(zone.key, DEFINITIONS_VERSION, now)
        await rollups.save_state(session, access, new)
        return
    for first, last in runs_of(dirty_months(changes)):
        start, _ = month_bounds(first, zone)
        _, end = month_bounds(last, zone)
        await _sum_up(session, access, Window(start, end, zone), (first, last))


def dirty_months(changes: Iterable[ChangedDay]) -> set[Month]:
    """Return every month, in whatever time zone, of which a changed day may be a part."""
    months: set[Month] = set()
    for change in changes:
        before = _AROUND + (_RETRIED_WITHIN if change.has_lone_charges else timedelta(0))
        first, last = Month.of(change.day - before), Month.of(change.day + _AROUND)
        months.update(month_range(first, last))
    return months


def runs_of(months: Iterable[Month]) -> list[tuple[Month, Month]]:
    """Return the first and the last month of each run without a gap, in order."""
    runs: list[tuple[Month, Month]] = []
    for month in sorted(months):
        if runs and runs[-1][1].plus(1) == month:
            runs[-1] = (runs[-1][0], month)
        else:
            runs.append((month, month))
    return runs


async def _sum_up(
    session: Session, access: Access, window: Window, months: tuple[Month, Month] | None
) -> None:
    await rollups.allow_memory(session)
    days = await facts.list_days(session, access, window)
    await rollups.replace_days(session, access, months, days)
    spreads = await facts.list_customer_months(session, access, window)
    await rollups.replace_customers(session, access, months, spreads)
