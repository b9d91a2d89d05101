"""Prices that the ledger's subscriptions and invoices name."""

from __future__ import annotations

from sqlalchemy import select, union

from db.models import LedgerInvoiceLine, LedgerPrice, LedgerSubscriptionItem
from db.repositories.ledger import LedgerOwner
from db.session import Session


async def list_missing_prices(session: Session, owner: LedgerOwner, *, limit: int) -> list[str]:
    """List the ids of prices that items or lines name and that are not stored, in order."""
    item, line, price = LedgerSubscriptionItem, LedgerInvoiceLine, LedgerPrice
    named = union(
        *(
            select(part.price_id).where(
                part.business_id == owner.business_id, part.price_id.is_not(None)
            )
            for part in (item, line)
        )
    ).subquery()
    stored = select(price.stripe_id).where(
        price.business_id == owner.business_id, price.stripe_id == named.c.price_id
    )
    query = select(named.c.price_id).where(~stored.exists()).order_by("price_id").limit(limit)
    return list((await session.execute(query)).scalars())
