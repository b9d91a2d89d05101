"""Where each kind of row goes, and the statements that write it, made once at import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Delete,
    String,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    exists,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import class_mapper

from db.models import (
    LedgerBalanceTransaction,
    LedgerCharge,
    LedgerCustomer,
    LedgerDispute,
    LedgerEarlyFraudWarning,
    LedgerInvoice,
    LedgerInvoiceLine,
    LedgerPaymentIntent,
    LedgerPayout,
    LedgerPrice,
    LedgerProduct,
    LedgerRefund,
    LedgerSubscription,
    LedgerSubscriptionItem,
    LedgerTombstone,
)
from db.models.ledger import LedgerRow as LedgerTable
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
    PaymentIntentRow,
    PayoutRow,
    PriceRow,
    ProductRow,
    RefundRow,
    SubscriptionItemRow,
    SubscriptionRow,
)

# The one place that says which row goes where, in the order in which kinds are locked; column
# types come from the table itself.
TABLES: Mapping[type[LedgerRow], type[LedgerTable]] = {
    ProductRow: LedgerProduct,
    PriceRow: LedgerPrice,
    CustomerRow: LedgerCustomer,
    SubscriptionRow: LedgerSubscription,
    SubscriptionItemRow: LedgerSubscriptionItem,
    InvoiceRow: LedgerInvoice,
    InvoiceLineRow: LedgerInvoiceLine,
    PaymentIntentRow: LedgerPaymentIntent,
    ChargeRow: LedgerCharge,
    RefundRow: LedgerRefund,
    DisputeRow: LedgerDispute,
    EarlyFraudWarningRow: LedgerEarlyFraudWarning,
    PayoutRow: LedgerPayout,
    BalanceTransactionRow: LedgerBalanceTransaction,
}
# The children of a kind of parent, and their column that names the parent.
CHILDREN: Mapping[type[LedgerRow], tuple[type[ChildRow], str]] = {
    SubscriptionRow: (SubscriptionItemRow, "subscription_id"),
    InvoiceRow: (InvoiceLineRow, "invoice_id"),
}


def _upsert_into(model: type[LedgerTable], names: Sequence[str]) -> Insert:
    table = _table(model)
    rows = func.unnest(*(_array(table.c[name]) for name in names))
    written = rows.table_valued(*names).render_derived()
    values = [_value(table.c[name], written.c[name]) for name in names]
    # Looked up row by row: EXISTS would become a join, and a join may change the order of the ids.
    removed = (
        select(LedgerTombstone.source_version)
        .where(
            LedgerTombstone.business_id == bindparam("owner", type_=Uuid()),
            LedgerTombstone.stripe_id == written.c.stripe_id,
        )
        .scalar_subquery()
    )
    owner = bindparam("owner", type_=Uuid()), bindparam("connection", type_=Uuid())
    statement = pg_insert(table).from_select(
        ["business_id", "integration_id", *names],
        select(*owner, *values).where(written.c.source_version >= func.coalesce(removed, 0)),
    )
    return statement.on_conflict_do_update(
        index_elements=[table.c.business_id, table.c.stripe_id],
        set_={n: statement.excluded[n] for n in (*names, "integration_id") if n != "stripe_id"},
        where=statement.excluded.source_version >= table.c.source_version,
    )


def _array(column: Column[Any]) -> BindParameter[Any]:
    # The parameter is cast to its type, and a cast to varchar(n) would cut a text silently.
    item = Text() if isinstance(column.type, String | JSONB) else column.type
    return bindparam(column.name, type_=ARRAY(item, dimensions=1))


def _value(column: Column[Any], written: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(written, JSONB) if isinstance(column.type, JSONB) else written


def _delete_children(child: type[ChildRow], parent: str) -> Delete:
    table = _table(TABLES[child])
    kept = func.unnest(bindparam("kept", type_=ARRAY(Text(), dimensions=1))).column_valued("kept")
    return delete(table).where(
        table.c.business_id == bindparam("owner", type_=Uuid()),
        table.c[parent] == func.any(bindparam("parents", type_=ARRAY(Text(), dimensions=1))),
        ~exists().where(kept == table.c.stripe_id),
    )


def _table(model: type[LedgerTable]) -> Table:
    table = class_mapper(model).local_table
    assert isinstance(table, Table)
    return table


UPSERTS: Mapping[type[LedgerRow], Insert] = {
    kind: _upsert_into(model, kind._fields) for kind, model in TABLES.items()
}
CHILD_DELETES: Mapping[type[ChildRow], Delete] = {
    child: _delete_children(child, parent) for child, parent in CHILDREN.values()
}
# The columns that travel as JSON texts.
JSON_COLUMNS: Mapping[type[LedgerRow], tuple[str, ...]] = {
    kind: tuple(n for n in kind._fields if isinstance(_table(model).c[n].type, JSONB))
    for kind, model in TABLES.items()
}
