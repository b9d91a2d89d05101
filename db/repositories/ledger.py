"""The Stripe ledger is written in bulk, one statement for each batch of rows of a table.

A batch travels as one array for each column and is joined by `unnest` into an upsert in which an
older state never replaces a newer one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BindParameter, Column, String, Table, Text, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY, Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert

from db.models import (
    LedgerBalanceTransaction,
    LedgerCharge,
    LedgerCustomer,
    LedgerDispute,
    LedgerRefund,
    Model,
)
from db.models.ledger import LedgerRow as LedgerTable
from db.session import Session
from domain.access import Access


class ChargeRow(NamedTuple):
    """A row of `ledger_charges`; amounts in minor units, `source_time` Stripe's clock."""

    stripe_id: str
    created_at: datetime
    source_time: int
    amount: int
    amount_captured: int
    amount_refunded: int
    currency: str
    status: str
    disputed: bool
    customer_id: str | None
    balance_transaction_id: str | None
    failure_code: str | None
    payment_method_type: str | None
    card_brand: str | None


class RefundRow(NamedTuple):
    """A row of `ledger_refunds`."""

    stripe_id: str
    created_at: datetime
    source_time: int
    amount: int
    currency: str
    status: str | None
    reason: str | None
    charge_id: str | None


class DisputeRow(NamedTuple):
    """A row of `ledger_disputes`."""

    stripe_id: str
    created_at: datetime
    source_time: int
    amount: int
    currency: str
    status: str
    reason: str | None
    charge_id: str | None
    evidence_due_by: datetime | None


class BalanceTransactionRow(NamedTuple):
    """A row of `ledger_balance_transactions`; amounts are signed."""

    stripe_id: str
    created_at: datetime
    source_time: int
    amount: int
    fee: int
    net: int
    currency: str
    type: str
    reporting_category: str
    exchange_rate: Decimal | None
    source_id: str | None
    available_on: datetime


class CustomerRow(NamedTuple):
    """A row of `ledger_customers`."""

    stripe_id: str
    created_at: datetime
    source_time: int
    currency: str | None


LedgerRow = ChargeRow | RefundRow | DisputeRow | BalanceTransactionRow | CustomerRow

# The one place that says which row goes where; column types come from the table itself.
_MODELS: Mapping[type[LedgerRow], type[Model]] = {
    ChargeRow: LedgerCharge,
    RefundRow: LedgerRefund,
    DisputeRow: LedgerDispute,
    BalanceTransactionRow: LedgerBalanceTransaction,
    CustomerRow: LedgerCustomer,
}

_COUNTED: Mapping[str, type[LedgerTable]] = {
    "charges": LedgerCharge,
    "refunds": LedgerRefund,
    "disputes": LedgerDispute,
    "balance_transactions": LedgerBalanceTransaction,
    "customers": LedgerCustomer,
}


@dataclass(frozen=True, slots=True)
class LedgerOwner:
    """Whose ledger is written: the tenant and the connection that the rows came through."""

    business_id: UUID
    integration_id: UUID


async def upsert(session: Session, owner: LedgerOwner, rows: Sequence[LedgerRow]) -> None:
    """Write rows of one kind; a stored state from a later `source_time` stays.

    At equal times the written one wins: a fetched state is the truth about its second.
    """
    if not rows:
        return
    kind = type(rows[0])
    newest = _newest(rows)
    columns = zip(*newest, strict=True)
    parameters = dict(zip(kind._fields, map(list, columns), strict=True))
    await session.execute(
        _UPSERTS[kind],
        {**parameters, "owner": owner.business_id, "connection": owner.integration_id},
    )


def _newest(rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    """Return one row for each id, by id: rows are locked in one order, so no two writers wait
    for each other, and a statement may touch each row once only.
    """
    by_id: dict[str, LedgerRow] = {}
    for row in rows:
        present = by_id.get(row.stripe_id)
        if present is None or row.source_time >= present.source_time:
            by_id[row.stripe_id] = row
    return [by_id[key] for key in sorted(by_id)]


def _upsert_into(model: type[Model], names: Sequence[str]) -> Insert:
    table = model.__table__
    assert isinstance(table, Table)
    arrays = [_array(table.c[name]) for name in names]
    rows = func.unnest(*arrays).table_valued(*names).render_derived()
    owner = bindparam("owner", type_=Uuid()), bindparam("connection", type_=Uuid())
    statement = pg_insert(table).from_select(
        ["business_id", "integration_id", *names], select(*owner, *(rows.c[n] for n in names))
    )
    return statement.on_conflict_do_update(
        index_elements=[table.c.business_id, table.c.stripe_id],
        set_={n: statement.excluded[n] for n in (*names, "integration_id") if n != "stripe_id"},
        where=statement.excluded.source_time >= table.c.source_time,
    )


def _array(column: Column[Any]) -> BindParameter[Any]:
    # The parameter is cast to its type, and a cast to varchar(n) would cut a text silently.
    item = Text() if isinstance(column.type, String) else column.type
    return bindparam(column.name, type_=ARRAY(item, dimensions=1))


_UPSERTS: Mapping[type[LedgerRow], Insert] = {
    kind: _upsert_into(model, kind._fields) for kind, model in _MODELS.items()
}


async def count_rows(session: Session, access: Access) -> dict[str, int]:
    """Count the business's rows in each ledger table, named as Stripe names its lists."""
    counts = [
        select(func.count())
        .select_from(model)
        .where(model.business_id == access.business_id)
        .scalar_subquery()
        .label(name)
        for name, model in _COUNTED.items()
    ]
    return dict((await session.execute(select(*counts))).mappings().one())
