"""Every documented field of a Stripe object, filled in, made from the types of Stripe's own SDK.

Each text is its own place in the object ("billing_details.email"), so that wherever it turns up
again, it tells where it came from.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from types import NoneType
from typing import Any, ClassVar, ForwardRef, Literal, Union, get_args, get_origin

import stripe
from stripe import ListObject, StripeObject, radar

Json = dict[str, Any]
MARK = "secret:"
DEEPEST = 7
_SCALARS = {int: 1_700_000_000, float: 12.5, bool: True, Decimal: "12.5"}


def document(kind: type[StripeObject], *, expand: Collection[str] = ()) -> Json:
    """Return the object with all its fields; references are ids unless `expand` names them."""
    return _object(kind, "", frozenset(expand))


def texts(value: object) -> set[str]:
    """Return the places of all texts in an object, or in what was made of it."""
    if isinstance(value, str):
        return {value.removeprefix(MARK)} if value.startswith(MARK) else set()
    if isinstance(value, dict):
        return set().union(*map(texts, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(texts, value))
    return set()


def _object(kind: type[StripeObject], place: str, expand: frozenset[str]) -> Json:
    if place.count(".") > DEEPEST:
        return {}
    fields: Json = {}
    for owner in reversed(kind.__mro__):
        for name, form in vars(owner).get("__annotations__", {}).items():
            if get_origin(form) is not ClassVar and not name.startswith("_"):
                fields[name] = _value(form, f"{place}.{name}".lstrip("."), expand)
    fields.pop("deleted", None)
    return fields


def _value(form: Any, place: str, expand: frozenset[str]) -> Any:
    form = _resolved(form)
    origin, parts = get_origin(form), get_args(form)
    if origin is Union:
        return _value(_chosen(parts, place, expand), place, expand)
    if origin in (list, ListObject):
        return _several(origin, parts[0], place, expand)
    if isinstance(form, type) and issubclass(form, StripeObject):
        return _object(form, place, expand)
    return parts[0] if origin is Literal else _leaf(form, place)


def _leaf(form: Any, place: str) -> Any:
    if form is str:
        return MARK + place
    # What is no scalar are free key-value pairs, such as metadata.
    return _SCALARS.get(form, {"note": f"{MARK}{place}.note"})


def _several(origin: Any, item: Any, place: str, expand: frozenset[str]) -> Any:
    if origin is list:
        return [_value(item, place, expand)]
    place = f"{place}.data"
    url = f"{MARK}{place}.url"
    return {"object": "list", "data": [_value(item, place, expand)], "has_more": False, "url": url}


def _chosen(parts: tuple[Any, ...], place: str, expand: frozenset[str]) -> Any:
    """Return the form a field has by default: an id for what could be expanded."""
    options = [part for part in parts if part is not NoneType]
    if str in options and place not in expand:
        return str
    return next(part for part in options if part is not str)


def _resolved(form: Any) -> Any:
    name = form.__forward_arg__ if isinstance(form, ForwardRef) else form
    if not isinstance(name, str):
        return form
    found = getattr(stripe, name.rpartition(".")[2], None)
    return found or getattr(radar, name.rpartition(".")[2], Any)
