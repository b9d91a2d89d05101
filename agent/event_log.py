"""The event log of one run: persisted first, then sent; tokens are merged for a moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Sequence,
)
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ag_ui.core import TextMessageContentEvent, ToolCallArgsEvent

from agent.events import TERMINAL_TYPES, Event, encode
from db.event_writer import Append, append_and_announce
from db.notifications import News, Notifications
from db.repositories import runs
from db.repositories.runs import Attempt
from db.repositories.turns import Ending, end_run
from db.run_tail import LoggedEvent, RunTail
from db.session import Database, Session
from domain.access import Access
from domain.errors import EventsExpiredError, InvalidInputError
from domain.runs import FINISHED_STATES, RunState

PAGE = 500
PIECES = (TextMessageContentEvent, ToolCallArgsEvent)

# What is done in the transaction that writes events; an ending is one statement with them.
Work = Callable[[Session], Awaitable[None]] | Ending


def topic_of(run_id: UUID) -> str:
    """Return the topic on which a run's news is announced."""
    return f"run:{run_id}"


def number(events: Iterable[Event], last_seq: int) -> list[LoggedEvent]:
    """Return the events as they are stored behind the last number of a log."""
    return [
        LoggedEvent(seq, event.type.value, encode(event))
        for seq, event in enumerate(events, last_seq + 1)
    ]


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do the work; cancelled, end what has begun first.

    Whether a commit that was broken off took place is not known, and the numbers of its events
    could neither be used again nor be left out.
    """
    working = asyncio.create_task(work)
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        raise


@dataclass(frozen=True, slots=True)
class Opening:
    """A run that has just been created: its first event, and news of it since before that."""

    run_id: UUID
    event: LoggedEvent
    news: News


class RunLog:
    """Appends to the log of one run, for one attempt at it.

    Whatever writes raises RunSupersededError once another attempt has taken the run over.
    """

    def __init__(
        self, database: Database, notifications: Notifications, attempt: Attempt, *, last_seq: int
    ) -> None:
        """Go on behind the last sequence number that the log holds."""
        self._database = database
        self._notifications = notifications
        self._attempt = attempt
        self._topic = topic_of(attempt.run_id)
        self._seq = last_seq
        self._tail = RunTail(last_seq)
        notifications.keep(self._topic, self._tail)
        self._pending: list[Event] = []
        self._writing = asyncio.Lock()
        self._is_scheduled = False
        self._is_closed = False
        self._late: asyncio.Task[None] | None = None
        self._sent_text = False

    async def append(self, events: Iterable[Event], work: Work | None = None) -> None:
        """Persist the events, with `work` in the same transaction, then wake the followers.

        Pieces of text and of arguments are merged and written at the process's next tick, up to
        40 ms later, except the first text of the run.
        """
        may_wait = work is None
        for event in events:
            first_text = isinstance(event, TextMessageContentEvent) and not self._sent_text
            self._sent_text = self._sent_text or first_text
            may_wait = may_wait and isinstance(event, PIECES) and not first_text
            self._add(event)
        if may_wait:
            self._schedule()
        else:
            await self.flush(work)

    def append_soon(self, events: Iterable[Event]) -> None:
        """Persist the events with the next ones, at the process's next tick at the latest."""
        for event in events:
            self._add(event)
        self._schedule()

    def _add(self, event: Event) -> None:
        match self._pending[-1:], event:
            case [TextMessageContentEvent() as last], TextMessageContentEvent() if (
                last.message_id == event.message_id
            ):
                last.delta += event.delta
            case [ToolCallArgsEvent() as last], ToolCallArgsEvent() if (
                last.tool_call_id == event.tool_call_id
            ):
                last.delta += event.delta
            case _:
                self._pending.append(event)

    def _schedule(self) -> None:
        if self._pending and not self._is_scheduled:
            self._is_scheduled = True
            self._notifications.tick.call(self._flush_due)

    def _flush_due(self) -> None:
        self._is_scheduled = False
        if self._pending and not self._is_closed:
            self._late = asyncio.create_task(self._flush(None), name=self._topic)

    async def flush(self, work: Work | None = None) -> None:
        """Write what is pending, and `work`, in one transaction; ends it even if cancelled."""
        await to_its_end(self._flush(work))

    async def _flush(self, work: Work | None) -> None:
        async with self._writing:
            batch, self._pending = self._pending, []
            if not batch and work is None:
                return
            try:
                rows = number(batch, self._seq)
                await self._write(rows, work)
            except BaseException:
                # Only what is committed may be forgotten.
                self._pending[:0] = batch
                raise
            self.committed(rows)

    async def _write(self, rows: list[LoggedEvent], work: Work | None) -> None:
        if work is None:
            await self._notifications.writer.append(self._rows(rows))
            return
        if isinstance(work, Ending):
            origin = self._notifications.writer.origin
            announcement = None if origin is None else f"{self._topic} {origin}"
            await end_run(self._database, work, rows, announcement)
            return
        async with self._database.unit_of_work() as session:
            await work(session)
            await self.write_in(session, rows)

    async def write_in(self, session: Session, rows: list[LoggedEvent]) -> None:
        """Append in a transaction; whoever commits it calls `committed`."""
        if rows:
            await append_and_announce(session, self._rows(rows), self._notifications.writer.origin)

    def _rows(self, rows: list[LoggedEvent]) -> Append:
        return Append(self._attempt.run_id, self._attempt.number, self._topic, rows)

    def committed(self, rows: list[LoggedEvent]) -> None:
        """Go on behind these events and hand them to the followers of this process."""
        self._seq += len(rows)
        self._tail.add(rows)
        self._notifications.wake(self._topic, elsewhere=False)

    @contextlib.asynccontextmanager
    async def closing(self) -> AsyncIterator[RunLog]:
        """Own the delayed write for the length of the block; one that has begun ends."""
        try:
            yield self
        finally:
            self._is_closed = True
            if self._late is not None:
                await self._late


async def follow(
    database: Database,
    notifications: Notifications,
    access: Access,
    client_run_id: str,
    *,
    after: int = 0,
) -> AsyncIterator[LoggedEvent]:
    """Yield the run's events behind `after`, then those to come, until the terminal one.

    No session is held between two reads. Raises NotFoundError, EventsExpiredError where the log
    no longer holds the events asked for, and InvalidInputError where it never did.
    """
    pages = follow_pages(database, notifications, access, client_run_id, after=after)
    async with contextlib.aclosing(pages):
        async for page in pages:
            for event in page:
                yield event


async def follow_pages(
    database: Database,
    notifications: Notifications,
    access: Access,
    client_run_id: str,
    *,
    after: int = 0,
) -> AsyncGenerator[Sequence[LoggedEvent]]:
    """Yield what `follow` does, as many events at once as there are."""
    async with database.unit_of_work() as session:
        run_id = (await runs.get_run(session, access, client_run_id)).id
    news = notifications.news_of(topic_of(run_id))
    # What there was before the subscription is not known.
    news.tell(elsewhere=True)
    reader = _Reader(database, notifications, run_id, news, after)
    async with contextlib.aclosing(reader.pages()) as pages:
        async for page in pages:
            yield page


async def follow_opened(
    database: Database, notifications: Notifications, opening: Opening
) -> AsyncGenerator[Sequence[LoggedEvent]]:
    """Yield all events of a run that has just been created, as many at once as there are."""
    news, seq = opening.news, opening.event.seq
    reader = _Reader(database, notifications, opening.run_id, news, seq)
    yield [opening.event]
    async with contextlib.aclosing(reader.pages()) as pages:
        async for page in pages:
            yield page


class _Reader:
    """One follower's place in the log."""

    def __init__(
        self,
        database: Database,
        notifications: Notifications,
        run_id: UUID,
        news: News,
        after: int,
    ) -> None:
        self._database = database
        self._notifications = notifications
        self._run_id = run_id
        self._topic = topic_of(run_id)
        self._news = news
        self._after = after
        # Held, so that the end of a run that is over can still be read from it.
        self._tail: RunTail | None = None

    async def pages(self) -> AsyncGenerator[Sequence[LoggedEvent]]:
        """Yield what comes behind the reader's place, until the run is over."""
        try:
            while True:
                page, over = await self._next()
                if page:
                    yield page
                    self._after = page[-1].seq
                    if page[-1].type in TERMINAL_TYPES:
                        return
                elif over:
                    return
                if len(page) < PAGE:
                    await self._news.wait(self._notifications.patience)
        finally:
            self._notifications.dismiss(self._topic, self._news)

    async def _next(self) -> tuple[Sequence[LoggedEvent], bool]:
        """Return what is new, and whether the run is over: from memory if it is all there."""
        is_woken, is_elsewhere = self._news.take()
        self._tail = self._notifications.tail_of(self._topic) or self._tail
        held = None if self._tail is None else self._tail.behind(self._after)
        if held:
            if is_elsewhere:
                self._news.tell(elsewhere=True)
            return held, False
        # Nobody has told anything: then there is nothing.
        if is_elsewhere or (is_woken and held is None):
            return await _read(self._database, self._run_id, self._after)
        return (), False


async def require_events(
    database: Database, access: Access, client_run_id: str, *, after: int
) -> None:
    """Raise what `follow` would, before anything is sent."""
    async with database.unit_of_work() as session:
        run_id = (await runs.get_run(session, access, client_run_id)).id
    await _read(database, run_id, after)


async def _read(database: Database, run_id: UUID, after: int) -> tuple[list[LoggedEvent], bool]:
    async with database.unit_of_work() as session:
        page = await runs.list_events(session, run_id, after=after, limit=PAGE)
        over = False
        if not page:
            # The state before the events: a run that is seen to be over has written its last one.
            over = RunState(await runs.state_of(session, run_id)) in FINISHED_STATES
            page = await runs.list_events(session, run_id, after=after, limit=PAGE)
        if not page:
            await _require_position(session, run_id, after)
    if page and page[-1].seq != after + len(page):
        raise EventsExpiredError
    return page, over


async def _require_position(session: Session, run_id: UUID, after: int) -> None:
    last = await runs.last_seq(session, run_id)
    if last == 0:
        # Every run is created with its first event.
        raise EventsExpiredError
    if after > last:
        raise InvalidInputError(f"This run has no event {after}; its last one is {last}.")
