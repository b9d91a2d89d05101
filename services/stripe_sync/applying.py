"""Applying events: each object that events name is fetched once and stored; then they are done.

An object that was fetched after its event was seen is not fetched again. An event whose object
cannot be fetched or stored is tried again by later jobs and then set aside; the rest goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from config.logs import get_logger
from db.repositories import integrations as accounts
from db.repositories import ledger, stripe_events
from db.repositories.stripe_events import PendingEvent
from db.session import REFUSED, Database, Session
from domain.errors import StripeError, StripeKeyError, StripePermissionError, VaultraError
from integrations.stripe.failures import TransientStripeError
from integrations.stripe.gateway import StripeGateway
from services.stripe_sync.attempt import write
from services.stripe_sync.feeds import BY_KIND, CHARGE, CUSTOMER, merged
from services.stripe_sync.lanes import in_lanes

_log = get_logger(__name__)
# Eight at 200 ms are 40 a second, more than an account in test mode may ask for.
REQUESTS_AT_ONCE = 8
# Events for each transaction: at most twice as many objects, of which most share a charge.
ROUND_EVENTS = 100
# What changes with these shows in their charge as well, whose own event may be missing.
_SHOWS_IN_CHARGE = frozenset({"refund", "dispute", "radar.early_fraud_warning"})


# What else is stored in the transaction that stores some events' objects.
Record = Callable[[Session, int], Awaitable[None]]


class UnstorableObjectError(VaultraError):
    """An object of Stripe's does not fit into the ledger. The log says why."""

    code = "unstorable_object"


class Named(NamedTuple):
    """An object as an event names it: its kind ("charge") and id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where objects are fetched from and whose ledger they are stored in."""

    database: Database
    gateway: StripeGateway
    owner: ledger.LedgerOwner
    clock: Callable[[], datetime]


@dataclass(slots=True)
class _Round:
    """A few events, the objects to fetch for them, and what came of it.

    `found` holds objects, None for those that are gone; `failed` why one could not be fetched.
    """

    version: int
    events: Sequence[PendingEvent]
    wanted: Sequence[Named]
    found: dict[Named, Any] = field(default_factory=dict)
    failed: dict[Named, VaultraError] = field(default_factory=dict)

    def failure_of(self, event: PendingEvent) -> VaultraError | None:
        errors = (self.failed[named] for named in objects_of(event) if named in self.failed)
        return next(errors, None)


def objects_of(event: PendingEvent) -> tuple[Named, ...]:
    """Return the objects that an event is a reason to fetch; none if the ledger keeps none."""
    if event.object not in BY_KIND or event.object_id is None:
        return ()
    named = (Named(event.object, event.object_id),)
    if event.object in _SHOWS_IN_CHARGE and event.charge is not None:
        return (*named, Named(CHARGE.kind, event.charge))
    return named


def coalesce(events: Iterable[PendingEvent]) -> dict[Named, int]:
    """Return each object that the events name, with the version of its last event."""
    wanted: dict[Named, int] = {}
    for event in events:
        for named in objects_of(event):
            wanted[named] = max(event.version, wanted.get(named, 0))
    return wanted


def to_fetch(wanted: Mapping[Named, int], stored: Mapping[Named, int]) -> list[Named]:
    """Return the objects that were not fetched since their last event was seen."""
    return [named for named, version in wanted.items() if stored.get(named, 0) <= version]


async def apply_pending(source: Source, *, record: Record | None = None) -> int:
    """Apply every event of the account that waits; return how many were done with.

    `record` runs in each transaction, with their number so far. Raise StripeKeyError, and
    TransientStripeError if Stripe cannot be asked: what was not applied waits.
    """
    failed: set[UUID] = set()
    applied = 0
    while True:
        current = await _next_round(source, failed)
        if not current.events:
            return applied
        fetch = partial(_fetch, source.gateway, current)
        await in_lanes(REQUESTS_AT_ONCE, fetch, current.wanted)
        applied += await _settle(source, current, applied, record)
        failed |= {event.id for event in current.events if current.failure_of(event)}


async def refetch(source: Source, named: Sequence[Named], version: int) -> None:
    """Fetch objects and store how they are, or that they are gone; raise what the gateway raises.

    `version` was drawn before.
    """
    current = _Round(version, (), named)
    await in_lanes(REQUESTS_AT_ONCE, partial(_fetch, source.gateway, current), named)
    for error in current.failed.values():
        raise error
    async with source.database.unit_of_work() as session:
        await _write(session, source.owner, current.found, version)


async def _next_round(source: Source, failed: Collection[UUID]) -> _Round:
    """Take events that have not failed in this job, and draw the version of what they cause."""
    async with source.database.unit_of_work() as session:
        waiting = await stripe_events.unprocessed(
            session, source.owner.integration_id, ROUND_EVENTS + len(failed)
        )
        events = [event for event in waiting if event.id not in failed][:ROUND_EVENTS]
        wanted = coalesce(events)
        stored = await _versions(session, source.owner, wanted)
        version = await ledger.next_version(session)
    return _Round(version, events, to_fetch(wanted, stored))


async def _versions(
    session: Session, owner: ledger.LedgerOwner, wanted: Iterable[Named]
) -> dict[Named, int]:
    by_kind: dict[str, list[str]] = {}
    for named in wanted:
        by_kind.setdefault(named.kind, []).append(named.id)
    stored: dict[Named, int] = {}
    for kind, ids in by_kind.items():
        versions = await ledger.versions_of(session, owner, BY_KIND[kind].row_type, ids)
        stored |= {Named(kind, id_): version for id_, version in versions.items()}
    return stored


async def _fetch(gateway: StripeGateway, current: _Round, named: Named) -> None:
    resource = BY_KIND[named.kind].resource
    try:
        current.found[named] = await gateway.retrieve(resource, named.id)
    except (StripeKeyError, TransientStripeError):
        raise
    except StripePermissionError as error:
        current.failed[named] = StripePermissionError(resource.permission, hint=error.hint)
    except StripeError as error:
        current.failed[named] = error


async def _settle(source: Source, current: _Round, applied: int, record: Record | None) -> int:
    """Store what was fetched and that its events are done with; return how many are."""
    try:
        return await _store(source, current, current.found, applied, record)
    except REFUSED:
        _log.warning("objects of events are stored one by one", objects=len(current.found))
    for named, item in current.found.items():
        try:
            async with source.database.unit_of_work() as session:
                await _write(session, source.owner, {named: item}, current.version)
        except REFUSED as error:
            # The class alone: the message of a refused statement may hold its values.
            _log.warning("an object does not fit", kind=named.kind, error=type(error.orig).__name__)
            current.failed[named] = UnstorableObjectError()
    return await _store(source, current, {}, applied, record)


async def _store(
    source: Source,
    current: _Round,
    found: Mapping[Named, Any],
    applied: int,
    record: Record | None,
) -> int:
    processed = [event.id for event in current.events if current.failure_of(event) is None]
    async with source.database.unit_of_work() as session:
        if processed:
            wanted = {"lines_wanted": current.version}
            await accounts.raise_metadata(session, source.owner.integration_id, wanted)
        await _write(session, source.owner, found, current.version)
        await stripe_events.mark_processed(session, processed, source.clock())
        for event in current.events:
            error = current.failure_of(event)
            if error is not None:
                await _record_failure(session, event, error, source.clock())
        if record is not None:
            await record(session, applied + len(processed))
    return len(processed)


async def _write(
    session: Session, owner: ledger.LedgerOwner, found: Mapping[Named, Any], version: int
) -> None:
    """Store objects and remove those that are gone, which the ledger wants done first."""
    for named in sorted(named for named, item in found.items() if item is None):
        if named.kind == CUSTOMER.kind:
            await ledger.mark_customer_deleted(session, owner, named.id, version)
        else:
            kind = BY_KIND[named.kind].row_type
            await ledger.remove(session, owner, kind, named.id, version)
    parts = [
        BY_KIND[named.kind].rows([item], version)
        for named, item in found.items()
        if item is not None
    ]
    await write(session, owner, merged(parts))


async def _record_failure(
    session: Session, event: PendingEvent, error: VaultraError, now: datetime
) -> None:
    # What the key may not read, it will not be able to read the next time either.
    denied = isinstance(error, StripePermissionError)
    _log.warning("event cannot be applied", event_id=event.stripe_event_id, error_code=error.code)
    await stripe_events.record_failure(
        session,
        [event.id],
        error_code=error.code,
        error_message=error.message,
        now=now,
        at_once=denied,
    )
