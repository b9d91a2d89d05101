"""What becomes of a verified event: stored once and queued, acknowledged, or refused.

Stripe takes any 2xx as the end of a delivery and repeats everything else for days, until it turns
the endpoint off. So refused is only what somebody has to set right; what merely concerns nobody
here is acknowledged, and not stored.
"""

from __future__ import annotations

from enum import StrEnum

from config.logs import get_logger
from db.repositories import connections
from db.repositories.connections import OAUTH
from db.repositories.stripe_events import Via
from db.repositories.webhooks import EventOwner, accept_event, list_event_owners
from db.session import Database, Session
from domain.access import service_access
from domain.errors import InvalidInputError
from integrations.stripe.resources import Event
from services.stripe_sync.events import seen

DEAUTHORIZED = "account.application.deauthorized"
_UNKNOWN = (
    "Nobody has connected the account of this event here. Connect it, or remove the endpoint."
)
_AMBIGUOUS = (
    "The event names no account, and several are connected by a key. "
    "Only one of them can send events here."
)
_log = get_logger(__name__)


class EventRefusedError(InvalidInputError):
    """The event is of no account that is connected here. Nothing of it was kept."""

    code = "webhook_refused"

    def __init__(self, message: str, reason: str) -> None:
        """Say why; `reason` is for counting."""
        super().__init__(message)
        self.reason = reason


class Outcome(StrEnum):
    """What became of an event that was not refused."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    REVOKED = "revoked"
    OTHER_MODE = "other_mode"
    DISCONNECTED = "disconnected"


async def receive_event(database: Database, event: Event) -> Outcome:
    """Store the event of a connected account and queue its processing, in one transaction.

    An event of Stripe Connect names its account. One that does not is of the account whose own
    endpoint sent it: the only one that is connected by a key in this mode.

    Raise EventRefusedError if nobody here has ever connected the account, or if it is not named
    and there are several it could be of.
    """
    deauthorizes = event.type == DEAUTHORIZED
    kept = seen(event, Via.WEBHOOK)
    if await accept_event(database, kept, account=event.account, deauthorizes=deauthorizes):
        return Outcome.STORED
    async with database.unit_of_work() as session:
        return await _not_stored(session, event, deauthorizes=deauthorizes)


async def _not_stored(session: Session, event: Event, *, deauthorizes: bool) -> Outcome:
    """Tell why an event was not stored, and act on one that takes the connection back."""
    found = await list_event_owners(session, event.account, livemode=event.livemode)
    if not found:
        raise EventRefusedError(_UNKNOWN, "unknown_account")
    [owner, *others] = found
    if owner.livemode != event.livemode:
        return Outcome.OTHER_MODE
    if not owner.active:
        return Outcome.DISCONNECTED
    if any(other.active and other.livemode == event.livemode for other in others):
        raise EventRefusedError(_AMBIGUOUS, "ambiguous_account")
    if deauthorizes and owner.auth == OAUTH:
        return await _revoke(session, owner, event)
    # The transaction that stored it has queued its processing.
    return Outcome.DUPLICATE


async def _revoke(session: Session, owner: EventOwner, event: Event) -> Outcome:
    """Delete the token, unless it was granted after the one that the event is about."""
    if event.created < owner.authorized_at:
        return Outcome.DUPLICATE
    await connections.disconnect(session, service_access(owner.business_id))
    _log.info("stripe.deauthorized", integration_id=str(owner.id))
    return Outcome.REVOKED
