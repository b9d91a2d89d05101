"""The allow-list of Stripe's events: which object changed, never what it became.

A payload has the form of the API version that was in force when the event was made, and the state
of that moment: it names an object to fetch, no more.
"""

from __future__ import annotations

import msgspec

from integrations.stripe.payments import StripeObject


class EventObject(msgspec.Struct, frozen=True, gc=False):
    """The object of an event: its kind ("charge"), and where it has them its id and its charge."""

    object: str
    id: str | None = None
    charge: str | None = None
    created: int | None = None


class EventData(msgspec.Struct, frozen=True, gc=False):
    """What an event is about."""

    object: EventObject


class Event(StripeObject, frozen=True, gc=False, kw_only=True):
    """Something that happened; `account` is the connected account, None for the key's own."""

    type: str
    livemode: bool
    data: EventData
    api_version: str | None = None
    account: str | None = None
