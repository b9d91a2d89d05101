"""The Stripe ledger is written in bulk, one statement for each batch of rows of a table.

A batch travels as one array for each column and is joined by `unnest` into an upsert in which an
older state never replaces a newer one. Columns that are ours (`payout_id`, `reconciled_at`,
`deleted`) are none of a row's, so no upsert touches them. What metrics are made of is marked by
day in the statement that writes it (`ledger_tables.marked`).

Rows are locked by kind, in the order of `TABLES`, and by id within a kind: so writers of one ledger
never wait for each other in a circle. A transaction therefore calls `upsert` once or in that order,
and what removes objects comes before what writes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, and_, delete, func, select, union_all, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from db.models import LedgerCustomer, LedgerInvoice, LedgerTombstone
from db.models.ledger import LEDGER_VERSIONS
from db.repositories.array_text import array_text
from db.repositories.ledger_rows import (
    BalanceTransactionRow,
    ChargeRow,
    ChildRow,
    CustomerRow,
    DisputeRow,
    EarlyFraudWarningRow,
    InvoiceLineRow,
    InvoiceRow,
    LedgerRow,
    ParentRow,
    PaymentIntentRow,
    PayoutRow,
    PriceRow,
    ProductRow,
    RefundRow,
    SubscriptionItemRow,
    SubscriptionRow,
)
from db.repositories.ledger_tables import (
    CHILD_DELETES,
    CHILDREN,
    JSON_COLUMNS,
    MEASURED,
    TABLES,
    UPSERTS,
    marked,
)
from db.session import Session
from domain.access import Access

__all__ = [
    "BalanceTransactionRow",
    "ChargeRow",
    "ChildRow",
    "CustomerRow",
    "DisputeRow",
    "EarlyFraudWarningRow",
    "InvoiceLineRow",
    "InvoiceRow",
    "LedgerOwner",
    "LedgerRow",
    "ParentRow",
    "PaymentIntentRow",
    "PayoutRow",
    "PriceRow",
    "ProductRow",
    "RefundRow",
    "SubscriptionItemRow",
    "SubscriptionRow",
    "count_rows",
    "list_unseen",
    "mark_customer_deleted",
    "next_version",
    "remove",
    "upsert",
    "upsert_children",
    "versions_of",
]

_COUNTED: dict[str, type[LedgerRow]] = {
    "charges": ChargeRow,
    "refunds": RefundRow,
    "disputes": DisputeRow,
    "balance_transactions": BalanceTransactionRow,
    "customers": CustomerRow,
    "payment_intents": PaymentIntentRow,
    "early_fraud_warnings": EarlyFraudWarningRow,
    "payouts": PayoutRow,
    "products": ProductRow,
    "prices": PriceRow,
    "subscriptions": SubscriptionRow,
    "invoices": InvoiceRow,
}
# Sets the locks of ledgers apart from other advisory locks of the database.
_LOCK = 1_270_918_001


@dataclass(frozen=True, slots=True)
class LedgerOwner:
    """Whose ledger is written: the tenant and the connection that the rows came through."""

    business_id: UUID
    integration_id: UUID


async def next_version(session: Session) -> int:
    """Draw a version, for what is fetched after this call and for nothing that was before."""
    return int((await session.execute(select(LEDGER_VERSIONS.next_value()))).scalar_one())


async def versions_of(
    session: Session, owner: LedgerOwner, kind: type[LedgerRow], ids: Iterable[str]
) -> dict[str, int]:
    """Return the versions that are known of some objects of a kind, removed ones included."""
    wanted = list(ids)
    known = union_all(
        *(
            select(table.stripe_id, table.source_version).where(
                table.business_id == owner.business_id, table.stripe_id.in_(wanted)
            )
            for table in (TABLES[kind], LedgerTombstone)
        )
    ).subquery()
    query = select(known.c.stripe_id, func.max(known.c.source_version)).group_by(known.c.stripe_id)
    return dict((await session.execute(query)).all())


async def upsert(session: Session, owner: LedgerOwner, rows: Sequence[LedgerRow]) -> None:
    """Write rows, one statement a kind; a stored state of a later `source_version` stays.

    At equal versions the written one wins. What a later version has removed stays removed.
    """
    if not rows:
        return
    await _lock_ledger(session, owner, shared=True)
    present = {type(row) for row in rows}
    for kind in TABLES:
        if kind in present:
            await _write(session, owner, kind, [row for row in rows if type(row) is kind])


async def upsert_children(
    session: Session,
    owner: LedgerOwner,
    parents: Sequence[ParentRow],
    children: Sequence[ChildRow],
) -> None:
    """Make `children` the only ones of `parents`, which the transaction has upserted before.

    All parents are of one kind. One that is stored in another version is left as it is, with the
    children it has.
    """
    if not parents:
        return
    await _lock_ledger(session, owner, shared=True)
    current = await _list_current(session, owner, parents)
    kind, parent = CHILDREN[type(parents[0])]
    written = [child for child in children if getattr(child, parent) in current]
    kept = [child.stripe_id for child in written]
    await session.execute(
        CHILD_DELETES[kind],
        {"owner": owner.business_id, "parents": sorted(current), "kept": kept},
    )
    if written:
        await _write(session, owner, kind, written)


async def remove(
    session: Session, owner: LedgerOwner, kind: type[LedgerRow], stripe_id: str, version: int
) -> None:
    """Delete an object that Stripe no longer has, and its children, unless fetched since.

    No state from before `version` brings it back. This waits for the ledger's other writers, so
    it comes before the transaction's own writes.
    """
    await _bury(session, owner, stripe_id, version)
    table = TABLES[kind]
    await _delete_older(session, owner, kind, table.stripe_id == stripe_id, version)
    if kind in CHILDREN:
        child, parent = CHILDREN[kind]
        children = TABLES[child]
        named = getattr(children, parent) == stripe_id
        await _delete_older(session, owner, child, named, version)


async def mark_customer_deleted(
    session: Session, owner: LedgerOwner, stripe_id: str, version: int
) -> None:
    """Note that Stripe no longer has a customer; the row stays, since charges still name it.

    Like `remove`, it comes before the transaction's own writes.
    """
    await _bury(session, owner, stripe_id, version)
    await session.execute(
        update(LedgerCustomer)
        .where(
            LedgerCustomer.business_id == owner.business_id,
            LedgerCustomer.stripe_id == stripe_id,
            LedgerCustomer.source_version < version,
        )
        .values(deleted=True, source_version=version)
    )


async def list_unseen(
    session: Session, owner: LedgerOwner, kind: type[LedgerRow], *, since: int, limit: int
) -> Sequence[str]:
    """List objects of a kind that Stripe may have deleted and that were last fetched before then.

    `since` is a version. Customers known to be deleted and invoices that were finalised are left
    out.
    """
    table = TABLES[kind]
    query = select(table.stripe_id).where(
        table.business_id == owner.business_id, table.source_version < since
    )
    if kind is CustomerRow:
        query = query.where(LedgerCustomer.deleted.is_(False))
    elif kind is InvoiceRow:
        query = query.where(LedgerInvoice.status == "draft")
    return (await session.scalars(query.order_by(table.stripe_id).limit(limit))).all()


async def count_rows(session: Session, access: Access) -> dict[str, int]:
    """Count the business's rows in each ledger table, named as Stripe names its lists."""
    counts = [
        select(func.count())
        .select_from(TABLES[kind])
        .where(TABLES[kind].business_id == access.business_id)
        .scalar_subquery()
        .label(name)
        for name, kind in _COUNTED.items()
    ]
    return dict((await session.execute(select(*counts))).mappings().one())


async def _lock_ledger(session: Session, owner: LedgerOwner, *, shared: bool) -> None:
    # A statement of its own: only what starts after the lock is held sees all removals before it.
    # Without it an object could be removed while a batch that holds it is on its way in.
    lock = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
    await session.execute(select(lock(func.hashtextextended(str(owner.business_id), _LOCK))))


async def _write(
    session: Session, owner: LedgerOwner, kind: type[LedgerRow], rows: Sequence[LedgerRow]
) -> None:
    columns = dict(zip(kind._fields, zip(*_newest(rows), strict=True), strict=True))
    for name in JSON_COLUMNS[kind]:
        columns[name] = tuple(map(_to_json, columns[name]))
    parameters: dict[str, Any] = {}
    for name, values in columns.items():
        parameters[name] = array_text(values)
        # Others stream meanwhile.
        await asyncio.sleep(0)
    parameters |= {"owner": owner.business_id, "connection": owner.integration_id}
    await session.execute(UPSERTS[kind], parameters)


def _newest(rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    """Return one row for each id, by id: rows are locked in one order, so no two writers wait
    for each other, and a statement may touch each row once only.
    """
    by_id: dict[str, LedgerRow] = {}
    for row in rows:
        present = by_id.get(row.stripe_id)
        if present is None or row.source_version >= present.source_version:
            by_id[row.stripe_id] = row
    return [by_id[key] for key in sorted(by_id)]


def _to_json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


async def _list_current(
    session: Session, owner: LedgerOwner, parents: Sequence[ParentRow]
) -> set[str]:
    """Return the ids of the parents that are stored as they were written.

    They stay so: the upsert of this transaction has locked their rows, also those it left alone.
    """
    table = TABLES[type(parents[0])]
    written = {parent.stripe_id: parent.source_version for parent in _newest(parents)}
    query = select(table.stripe_id, table.source_version).where(
        table.business_id == owner.business_id, table.stripe_id.in_(written)
    )
    stored = (await session.execute(query)).all()
    return {stripe_id for stripe_id, version in stored if written[stripe_id] == version}


async def _bury(session: Session, owner: LedgerOwner, stripe_id: str, version: int) -> None:
    await _lock_ledger(session, owner, shared=False)
    insert = pg_insert(LedgerTombstone).values(
        business_id=owner.business_id, stripe_id=stripe_id, source_version=version
    )
    await session.execute(
        insert.on_conflict_do_update(
            index_elements=[LedgerTombstone.business_id, LedgerTombstone.stripe_id],
            set_={"source_version": insert.excluded.source_version},
            where=insert.excluded.source_version > LedgerTombstone.source_version,
        )
    )


async def _delete_older(
    session: Session,
    owner: LedgerOwner,
    kind: type[LedgerRow],
    named: ColumnElement[bool],
    version: int,
) -> None:
    table = TABLES[kind]
    of_owner = and_(table.business_id == owner.business_id, table.source_version < version)
    statement = delete(table).where(of_owner, named)
    if kind in MEASURED:
        await session.execute(marked(statement, table), {"owner": owner.business_id})
    else:
        await session.execute(statement)
