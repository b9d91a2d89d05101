"""How all connections to Stripe are, for whoever runs the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from db.models import IntegrationAccount
from db.repositories import connections, stripe_events
from db.repositories.stripe_events import EventCounts, SetAsideEvent
from db.session import Session
from domain.errors import StripePermissionError
from services.integrations import StripeIntegration, view_of

# What fits a screen; a script that wants more reads the database.
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Connection:
    """A business's connection; `refused` if Stripe no longer takes a key that is still stored."""

    business_id: UUID
    integration: StripeIntegration
    refused: bool


@dataclass(frozen=True, slots=True)
class StripeHealth:
    """The connections, those in trouble first, and the events that were not processed."""

    connections: list[Connection]
    events: EventCounts
    set_aside: Sequence[SetAsideEvent]


async def stripe_health(session: Session) -> StripeHealth:
    """Look at the connections and events of all businesses."""
    rows = await connections.list_connections(session, limit=SHOWN)
    return StripeHealth(
        connections=[
            Connection(row.business_id, view, _is_refused(row, view))
            for row, view in ((row, view_of(row)) for row in rows)
        ],
        events=await stripe_events.count_by_state(session),
        set_aside=await stripe_events.list_set_aside(session),
    )


def _is_refused(row: IntegrationAccount, view: StripeIntegration) -> bool:
    # A token that its owner took back is gone; one that Stripe refused stays until it is renewed.
    return row.access_token_encrypted is not None and not view.usable


def how_to_proceed(event: SetAsideEvent) -> str:
    """Return what makes an event that was set aside be tried again."""
    if event.error_code == StripePermissionError.code:
        return "Add the permission to the account's key and connect it again."
    return "Connect the account again, with the same key or another, and it is tried again."
