"""Where each kind of row goes, and the statements that write it, made once at import.

The statement that writes or removes rows of which metrics are made also marks their days in
`ledger_changes`. A mark and its rows are committed together, so whoever deletes a mark that is
visible and reads the ledger afterwards reads those rows, too. This holds only while marks are
added and never shared: ON CONFLICT DO NOTHING would rely on a mark that somebody is deleting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Date,
    Delete,
    String,
    Table,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy import Insert as StandardInsert
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import class_mapper

from db.models import (
    LedgerBalanceTransaction,
    LedgerChange,
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
# What the daily metrics are made of. The rest of the ledger is read as it stands.
MEASURED: frozenset[type[LedgerRow]] = frozenset(
    {
        CustomerRow,
        PaymentIntentRow,
        ChargeRow,
        RefundRow,
        DisputeRow,
        EarlyFraudWarningRow,
        PayoutRow,
        BalanceTransactionRow,
    }
)
# The mark of a charge without a payment: whether one counts as failed depends on later ones.
LONE_CHARGES = "lone_charges"


def _upsert_into(model: type[LedgerTable], names: Sequence[str]) -> Insert:
    table = _table(model)
    # In the list of columns: as a function in FROM, all rows would be copied once more.
    items = [func.unnest(_array(table.c[name])).label(name) for name in names]
    written = select(*items).subquery("written")
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


def _array(column: Column[Any]) -> ColumnElement[Any]:
    # As a text (`array_text`): the driver takes four times as long over an array.
    # A cast to varchar(n) would cut a text silently.
    item = Text() if isinstance(column.type, String | JSONB) else column.type
    return cast(bindparam(column.name, type_=Text()), ARRAY(item, dimensions=1))


def _value(column: Column[Any], written: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(written, JSONB) if isinstance(column.type, JSONB) else written


def marked(statement: Insert | Delete, model: type[LedgerTable]) -> StandardInsert:
    """Return the statement that also marks the days, UTC, of the rows that it writes or deletes."""
    table = _table(model)
    columns = [table.c.created_at]
    if model is LedgerCharge:
        columns.append(table.c.payment_intent_id)
    changed = statement.returning(*columns).cte("changed")
    day = cast(func.timezone("UTC", changed.c.created_at), Date)
    kind: ColumnElement[str] = literal(table.name.removeprefix("ledger_"), String())
    if model is LedgerCharge:
        lone = changed.c.payment_intent_id.is_(None)
        kind = case((lone, LONE_CHARGES), else_=kind)
    marks = select(bindparam("owner", type_=Uuid()), day, kind).distinct()
    return (
        insert(_table(LedgerChange))
        .from_select(["business_id", "day", "kind"], marks)
        .add_cte(changed)
    )


def _delete_children(child: type[ChildRow], parent: str) -> Delete:
    table = _table(TABLES[child])
    kept = func.unnest(bindparam("kept", type_=ARRAY(Text(), dimensions=1))).column_valued("kept")
    return delete(table).where(
        table.c.business_id == bindparam("owner", type_=Uuid()),
        table.c[parent] == func.any(bindparam("parents", type_=ARRAY(Text(), dimensions=1))),
        ~exists().where(kept == table.c.stripe_id),
    )


def _table(model: type[LedgerTable | LedgerChange]) -> Table:
    table = class_mapper(model).local_table
    assert isinstance(table, Table)
    return table


def _writing(kind: type[LedgerRow], model: type[LedgerTable]) -> StandardInsert:
    upsert = _upsert_into(model, kind._fields)
    return marked(upsert, model) if kind in MEASURED else upsert


UPSERTS: Mapping[type[LedgerRow], StandardInsert] = {
    kind: _writing(kind, model) for kind, model in TABLES.items()
}
CHILD_DELETES: Mapping[type[ChildRow], Delete] = {
    child: _delete_children(child, parent) for child, parent in CHILDREN.values()
}
# The columns that travel as JSON texts.
JSON_COLUMNS: Mapping[type[LedgerRow], tuple[str, ...]] = {
    kind: tuple(n for n in kind._fields if isinstance(_table(model).c[n].type, JSONB))
    for kind, model in TABLES.items()
}
