"""Stripe's list of events, read from a cursor into `stripe_events`; applying them is another step.

Pages come newest first. What is read of the list is stored with its page, so that whatever ends
the process, the next attempt goes on behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from uuid import UUID

import msgspec

from db.repositories import stripe_events
from db.repositories.stripe_events import SeenEvent, Via
from db.session import Session
from domain.errors import StripeError
from integrations.stripe.gateway import Page
from integrations.stripe.resources import EVENTS, Event
from services.stripe_sync.attempt import Attempt
from services.stripe_sync.feeds import BY_KIND


@dataclass(frozen=True, slots=True)
class Drain:
    """How far the events since then have been read; times are UTC seconds of Stripe's clock.

    `head` had come when the first page was asked for: with this drain at its end, every event up
    to `head` has been seen. `after` is the last event that was stored.
    """

    since: int
    head: int | None = None
    after: str | None = None
    done: bool = False

    def behind(self, page: Page[Event]) -> Drain:
        """Return the drain once the page is stored; raise StripeError if it goes in circles."""
        last = page.items[-1].id if page.items else None
        if page.has_more and last in {None, self.after}:
            raise StripeError("Stripe's list of events does not come to an end.")
        head = page.server_time if self.head is None else self.head
        return replace(self, head=head, after=last or self.after, done=not page.has_more)


async def drain_events(attempt: Attempt, name: str, since: int) -> int:
    """Store every event created since then (UTC seconds) that was not seen before.

    Return up to when events have been seen. What an earlier attempt has read under this name is
    not read again. Raise what the gateway raises, and SyncSupersededError if the lease is lost.
    """
    kept = attempt.cursors.get(name)
    drain = Drain(since) if kept is None else msgspec.convert(kept, Drain)
    while not drain.done:
        page = await attempt.gateway.list_page(
            EVENTS, starting_after=drain.after, created_gte=drain.since
        )
        drain = drain.behind(page)
        async with attempt.database.unit_of_work() as session:
            await store_events(
                session, attempt.owner.integration_id, attempt.account_id, page.items
            )
            await attempt.save(session, **{name: asdict(drain)})
    assert drain.head is not None
    return drain.head


async def store_events(
    session: Session, integration_id: UUID, account_id: str, events: Iterable[Event]
) -> int:
    """Store events that Stripe listed, of this account and about what the ledger keeps.

    Return how many were new.
    """
    wanted = [seen(event, Via.POLL) for event in events if is_of_interest(event, account_id)]
    return await stripe_events.insert_events(session, integration_id, wanted)


def is_of_interest(event: Event, account_id: str) -> bool:
    """Tell whether an event is of this account, and of an object that the ledger keeps."""
    named = event.data.object
    return event.account in {None, account_id} and named.id is not None and named.object in BY_KIND


def seen(event: Event, via: Via) -> SeenEvent:
    """Return what is kept of an event: which object it names, and nothing of its state."""
    named = event.data.object
    return SeenEvent(
        stripe_event_id=event.id,
        event_type=event.type,
        created=event.created,
        livemode=event.livemode,
        api_version=event.api_version,
        object=named.object,
        object_id=named.id,
        charge=named.charge,
        via=via,
    )
