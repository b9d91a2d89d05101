"""Roll-ups: what is stored of the ledger by local day and month, and what has changed since.

A rebuild, under the business's lock, deletes the marks that it sees and aggregates afterwards. A
mark is committed together with its rows, and READ COMMITTED gives each statement what was
committed before it: so whatever is behind a deleted mark is in the sums. What is committed later
has a mark of its own, which the next rebuild finds; being counted twice costs time and no figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Date,
    String,
    cast,
    column,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import InstrumentedAttribute

from db.models import DailyMetrics, LedgerChange, MetricRollup, MonthlyCustomers
from db.repositories.facts import CurrencyDay
from db.repositories.ledger_tables import LONE_CHARGES
from db.session import Session
from domain.access import Access
from domain.metrics import CustomerSpread, DayFacts
from domain.periods import Month

# Of the session's memory for one sort or hash; the default of 4 MB sends months of customers to
# disk (measured: 1.1 s for a million charges, not 2.4).
WORK_MEM = "64MB"
_FACTS = tuple(field for field in DayFacts.__dataclass_fields__ if field != "day")


@dataclass(frozen=True, slots=True)
class ChangedDay:
    """A UTC day on which rows of the ledger were made that have been written since.

    `has_lone_charges` if charges without a payment are among them.
    """

    day: date
    has_lone_charges: bool


@dataclass(frozen=True, slots=True)
class RollupState:
    """How the stored roll-ups were made, and when snapshots were first made of them."""

    time_zone: str
    version: str
    first_built_at: datetime


async def take_changes(session: Session, access: Access) -> list[ChangedDay]:
    """Delete the marks that are visible and return their days; hold the business's lock."""
    taken = (
        delete(LedgerChange)
        .where(LedgerChange.business_id == access.business_id)
        .returning(LedgerChange.day, LedgerChange.kind)
        .cte("taken")
    )
    lone = func.bool_or(taken.c.kind == LONE_CHARGES)
    rows = await session.execute(select(taken.c.day, lone).group_by(taken.c.day))
    return [ChangedDay(*row) for row in rows.all()]


async def find_state(session: Session, access: Access) -> RollupState | None:
    """Return how the business's roll-ups were made; None if they never were."""
    query = select(MetricRollup.time_zone, MetricRollup.version, MetricRollup.first_built_at).where(
        MetricRollup.business_id == access.business_id
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else RollupState(*row)


async def save_state(session: Session, access: Access, state: RollupState) -> None:
    """Note how the roll-ups are made from now on; when they were first made stays."""
    statement = pg_insert(MetricRollup).values(business_id=access.business_id, **asdict(state))
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[MetricRollup.business_id],
            set_={name: statement.excluded[name] for name in ("time_zone", "version")},
        )
    )


async def allow_memory(session: Session) -> None:
    """Give the transaction's statements enough memory to hash a large ledger."""
    await session.execute(
        text("SELECT set_config('work_mem', :memory, true)"), {"memory": WORK_MEM}
    )


async def replace_days(
    session: Session,
    access: Access,
    months: tuple[Month, Month] | None,
    days: Iterable[CurrencyDay],
) -> None:
    """Make these the only days from the first to the last month, or of all; None means all."""
    await session.execute(_delete(DailyMetrics, DailyMetrics.day, access, months))
    rows = [
        {"business_id": access.business_id, "currency": day.currency, **asdict(day.facts)}
        for day in days
    ]
    if rows:
        await session.execute(insert(DailyMetrics), rows)


async def replace_disputed(
    session: Session, access: Access, since: date, disputed: Mapping[tuple[str, date], int]
) -> None:
    """Make these the only disputes of charges made since that day; of days without any, none."""
    counts = (
        func.unnest(
            literal([currency for currency, _ in disputed], ARRAY(String())),
            literal([day for _, day in disputed], ARRAY(Date())),
            literal(list(disputed.values()), ARRAY(BigInteger())),
        )
        .table_valued(column("currency", String()), column("day", Date()), column("disputes"))
        .render_derived("counts")
    )
    counted = (
        select(cast(counts.c.disputes, BigInteger))
        .where(counts.c.currency == DailyMetrics.currency, counts.c.day == DailyMetrics.day)
        .scalar_subquery()
    )
    count = func.coalesce(counted, 0)
    await session.execute(
        update(DailyMetrics)
        .where(
            DailyMetrics.business_id == access.business_id,
            DailyMetrics.day >= since,
            DailyMetrics.disputed_count != count,
        )
        .values(disputed_count=count)
        .execution_options(synchronize_session=False)
    )


async def replace_customers(
    session: Session,
    access: Access,
    months: tuple[Month, Month] | None,
    spreads: Mapping[tuple[str, Month], CustomerSpread],
) -> None:
    """Make these the only months from the first to the last one, or of all; None means all."""
    await session.execute(_delete(MonthlyCustomers, MonthlyCustomers.month, access, months))
    rows = [
        {
            "business_id": access.business_id,
            "currency": currency,
            "month": month.first_day,
            "active_customers": spread.active,
            "largest_minor": spread.largest_minor,
            "unattributed_minor": spread.unattributed_minor,
            "squares_minor": spread.squares,
        }
        for (currency, month), spread in spreads.items()
    ]
    if rows:
        await session.execute(insert(MonthlyCustomers), rows)


async def list_days(session: Session, access: Access) -> list[CurrencyDay]:
    """List the stored days of all currencies, the earliest first."""
    columns = [getattr(DailyMetrics, name) for name in _FACTS]
    query = (
        select(DailyMetrics.currency, DailyMetrics.day, *columns)
        .where(DailyMetrics.business_id == access.business_id)
        .order_by(DailyMetrics.day, DailyMetrics.currency)
    )
    rows: Sequence[Any] = (await session.execute(query)).all()
    return [
        CurrencyDay(row[0], DayFacts(row[1], **dict(zip(_FACTS, row[2:], strict=True))))
        for row in rows
    ]


async def list_customers(
    session: Session, access: Access
) -> dict[tuple[str, Month], CustomerSpread]:
    """Return how charges spread over customers, by currency and month."""
    query = select(MonthlyCustomers).where(MonthlyCustomers.business_id == access.business_id)
    rows = (await session.execute(query)).scalars().all()
    return {
        (row.currency, Month.of(row.month)): CustomerSpread(
            row.active_customers,
            row.largest_minor,
            row.unattributed_minor,
            int(row.squares_minor),
        )
        for row in rows
    }


def _delete(
    table: type[DailyMetrics | MonthlyCustomers],
    day: InstrumentedAttribute[date],
    access: Access,
    months: tuple[Month, Month] | None,
) -> Any:
    statement = delete(table).where(table.business_id == access.business_id)
    if months is None:
        return statement
    first, last = months
    return statement.where(day.between(first.first_day, last.last_day))
