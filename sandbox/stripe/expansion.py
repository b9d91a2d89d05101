"""Expanding: ids in an object replaced by the objects themselves."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sandbox.stripe.kinds import EVENT, RESOURCES, SUBSCRIPTION_ITEM
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.render import Json, bank_account
from sandbox.stripe.render_billing import discount, tiers
from sandbox.stripe.wire import missing_object

_LISTED = [kind for kind in RESOURCES if kind not in (EVENT, SUBSCRIPTION_ITEM)]


def expanded(ledger: Ledger, body: Json, paths: Collection[str], as_of: int) -> Json:
    """Return the object, itself changed, with each dotted path expanded."""
    for path in paths:
        _expand(ledger, body, path.split("."), as_of)
    return body


def _expand(ledger: Ledger, holder: Json, path: Sequence[str], as_of: int) -> None:
    name, rest = path[0], path[1:]
    if name == "tiers" and holder.get("object") == "price":
        holder["tiers"] = tiers(ledger.prices.get(holder["id"]))
        return
    value = holder.get(name)
    if isinstance(value, list):
        holder[name] = [_full(ledger, item, as_of) for item in value]
    elif value is not None:
        holder[name] = _full(ledger, value, as_of)
    inner = holder.get(name)
    if rest and inner is not None:
        for item in inner if isinstance(inner, list) else [inner]:
            _expand(ledger, item, rest, as_of)


def _full(ledger: Ledger, value: str | Json, as_of: int) -> Json:
    if isinstance(value, dict):
        return value
    if value.startswith("ba_"):
        return bank_account(ledger, value)
    if value in ledger.discounts:
        return discount(ledger, value)
    for kind in _LISTED:
        fact = kind.table(ledger, as_of).find(value, as_of=as_of)
        if fact is not None:
            return kind.render(ledger, fact, as_of)
    raise missing_object("object", value)
