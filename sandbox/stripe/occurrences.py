"""The events of a span of time over all accounts: those of the ledgers and those of OAuth."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sandbox.stripe import resources
from sandbox.stripe.accounts import Accounts, Platform
from sandbox.stripe.clock import Clock
from sandbox.stripe.facts import API_VERSION, moment_of
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.render import Json
from sandbox.stripe.webhooks import WebhookEndpoints


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event as it was created: `at` in milliseconds, `object_url` the path of what changed.

    `of_application` marks what a Connect application alone is told.
    """

    account_id: str
    at: int
    body: Json = field(repr=False)
    object_url: str | None = None
    of_application: bool = False

    @property
    def id(self) -> str:
        """The event's id."""
        event_id: str = self.body["id"]
        return event_id


class EventSource(Protocol):
    """What deliveries need of a sandbox."""

    @property
    def accounts(self) -> Accounts:
        """The accounts and what connects them."""

    @property
    def endpoints(self) -> WebhookEndpoints:
        """Where events are wanted."""

    @property
    def clock(self) -> Clock:
        """The sandbox's time."""

    @property
    def announced(self) -> Sequence[Occurrence]:
        """The events that are in no ledger."""

    @property
    def undelivered(self) -> set[str]:
        """The ids of the events that an endpoint did not accept; deliveries keep it."""


def occurrences(api: EventSource, *, since: int, until: int) -> list[Occurrence]:
    """Return what happened in (since, until], milliseconds, oldest first."""
    found = [event for event in api.announced if since < event.at <= until]
    for ledger in api.accounts.ledgers.values():
        found += _of_ledger(ledger, since=since, until=until)
    return sorted(found, key=lambda event: event.at)


def application_event(platform: Platform, account_id: str, kind: str, *, at: int) -> Occurrence:
    """Return the event that an account connected to the platform, or no longer is."""
    application = {"id": platform.client_id, "object": "application", "name": platform.name}
    body = {
        "id": f"evt_{secrets.token_hex(12)}",
        "object": "event",
        "account": account_id,
        "api_version": API_VERSION,
        "created": at // 1_000,
        "data": {"object": application},
        "livemode": platform.livemode,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    return Occurrence(account_id, at, body, of_application=True)


def _of_ledger(ledger: Ledger, *, since: int, until: int) -> Iterator[Occurrence]:
    for fact in ledger.events.between(since + 1, until + 1):
        at = moment_of(fact)
        body = resources.EVENT.render(ledger, fact, at)
        yield Occurrence(ledger.shop.account_id, at, body, _url(body["data"]["object"]))


def _url(changed: Json) -> str | None:
    for resource in resources.RESOURCES:
        if resource.name == changed["object"]:
            return f"{resource.path}/{changed['id']}"
    return None
