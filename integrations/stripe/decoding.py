"""From bytes to the allow-listed structs, without anything in between."""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from integrations.stripe.failures import unreachable, unreadable
from integrations.stripe.payments import Identified

S = TypeVar("S", bound=Identified)
D = TypeVar("D")


class ObjectList(msgspec.Struct, Generic[S]):
    """One page of any list."""

    data: list[S]
    has_more: bool


class _Fate(msgspec.Struct):
    deleted: bool = False


_FATE = msgspec.json.Decoder(_Fate)


def decode_list(item: type[S], what: str, body: bytes) -> ObjectList[S]:
    """Decode a page; raise StripeError for another form, a transient one for half a body.

    A page that is empty and yet not the last one would have its reader ask for it forever.
    """
    page = _decode(_list_decoder(item), body, what)
    if page.has_more and not page.data:
        raise unreadable(what)
    return page


def decode_one(item: type[S], what: str, body: bytes) -> S | None:
    """Decode an object, None if it says that it was deleted; raise as `decode_list` does."""
    if _decode(_FATE, body, what).deleted:
        return None
    decoder: msgspec.json.Decoder[S] = _decoder(item)
    return _decode(decoder, body, what)


@cache
def _list_decoder(item: type[S]) -> msgspec.json.Decoder[ObjectList[S]]:
    # The parameter is a class known at run time only, which no checker can follow.
    form: Any = ObjectList[item]  # type: ignore[valid-type]
    return msgspec.json.Decoder(form)


@cache
def _decoder(item: type[S]) -> msgspec.json.Decoder[S]:
    return msgspec.json.Decoder(item)


def _decode(decoder: msgspec.json.Decoder[D], body: bytes, what: str) -> D:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise unreadable(what) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Not JSON to its end: a proxy cut the body and hid it.
        raise unreachable(what) from None
