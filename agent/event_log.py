"""The event log of one run: persisted first, then sent; tokens are merged for a moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from uuid import UUID

from ag_ui.core import TextMessageContentEvent, ToolCallArgsEvent

from agent.events import TERMINAL_TYPES, Event, encode
from db.notifications import Notifications, announce
from db.repositories import runs
from db.repositories.runs import LoggedEvent
from db.session import Database, Session
from domain.access import Access
from domain.errors import EventsExpiredError, InvalidInputError
from domain.runs import FINISHED_STATES, RunState

# Long enough to merge a burst of tokens into one row, short enough to read as typing.
MERGE_SECONDS = 0.04
# A wake-up can be missed while the listening connection is down; then this is the delay.
POLL_SECONDS = 2.0
PAGE = 500
PIECES = (TextMessageContentEvent, ToolCallArgsEvent)

Work = Callable[[Session], Awaitable[None]]


def topic_of(run_id: UUID) -> str:
    """Return the topic on which a run's news is announced."""
    return f"run:{run_id}"


class RunLog:
    """Appends to the log of one run; a run has exactly one writer at a time."""

    def __init__(
        self, database: Database, notifications: Notifications, run_id: UUID, *, last_seq: int
    ) -> None:
        """Go on behind the last sequence number that the log holds."""
        self._database = database
        self._notifications = notifications
        self._run_id = run_id
        self._seq = last_seq
        self._pending: list[Event] = []
        self._writing = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None
        self._sent_text = False

    async def append(self, events: Iterable[Event], work: Work | None = None) -> None:
        """Persist the events, with `work` in the same transaction, then wake the followers.

        Pieces of text and of arguments are merged and written up to 40 ms later, except the
        first text of the run.
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

    def _add(self, event: Event) -> None:
        match self._pending[-1:], event:
            case [TextMessageContentEvent() as last], TextMessageContentEvent() if (
                last.message_id == event.message_id
            ):
                merged: Event = last.model_copy(update={"delta": last.delta + event.delta})
            case [ToolCallArgsEvent() as last], ToolCallArgsEvent() if (
                last.tool_call_id == event.tool_call_id
            ):
                merged = last.model_copy(update={"delta": last.delta + event.delta})
            case _:
                self._pending.append(event)
                return
        self._pending[-1] = merged

    def _schedule(self) -> None:
        if self._pending and (self._timer is None or self._timer.done()):
            self._timer = asyncio.create_task(self._flush_later(), name=f"log:{self._run_id}")

    async def _flush_later(self) -> None:
        await asyncio.sleep(MERGE_SECONDS)
        await self.flush()

    async def flush(self, work: Work | None = None) -> None:
        """Write what is pending, and `work`, in one transaction.

        Cancelled, it ends what it has begun first: whether a commit that was broken off took
        place is not known, and its numbers could neither be used again nor be left out.
        """
        writing = asyncio.create_task(self._flush(work), name=f"write:{self._run_id}")
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            raise

    async def _flush(self, work: Work | None) -> None:
        async with self._writing:
            batch, self._pending = self._pending, []
            if not batch and work is None:
                return
            try:
                await self._write(batch, work)
            except BaseException:
                # Only what is committed may be forgotten.
                self._pending[:0] = batch
                raise
            self._seq += len(batch)
        self._notifications.wake(topic_of(self._run_id))

    async def _write(self, batch: list[Event], work: Work | None) -> None:
        rows = [
            LoggedEvent(seq, event.type.value, encode(event))
            for seq, event in enumerate(batch, self._seq + 1)
        ]
        async with self._database.unit_of_work() as session:
            if work is not None:
                await work(session)
            if rows:
                await runs.append_events(session, self._run_id, rows)
                await announce(session, topic_of(self._run_id))

    @contextlib.asynccontextmanager
    async def closing(self) -> AsyncIterator[RunLog]:
        """Own the delayed write for the length of the block."""
        try:
            yield self
        finally:
            if self._timer is not None:
                self._timer.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._timer


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
    async with database.unit_of_work() as session:
        run_id = (await runs.get_run(session, access, client_run_id)).id
    with notifications.subscribe(topic_of(run_id)) as news:
        while True:
            news.clear()
            page, over = await _read(database, access, client_run_id, run_id, after)
            for event in page:
                yield event
                after = event.seq
                if event.type in TERMINAL_TYPES:
                    return
            if over and not page:
                return
            if len(page) < PAGE:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), POLL_SECONDS)


async def require_events(
    database: Database, access: Access, client_run_id: str, *, after: int
) -> None:
    """Raise what `follow` would, before anything is sent."""
    async with database.unit_of_work() as session:
        run_id = (await runs.get_run(session, access, client_run_id)).id
    await _read(database, access, client_run_id, run_id, after)


async def _read(
    database: Database, access: Access, client_run_id: str, run_id: UUID, after: int
) -> tuple[list[LoggedEvent], bool]:
    async with database.unit_of_work() as session:
        # The state before the events: a run that is seen to be over has written its last one.
        run = await runs.get_run(session, access, client_run_id)
        page = await runs.list_events(session, run_id, after=after, limit=PAGE)
        if not page:
            await _require_position(session, run_id, after)
    if page and page[-1].seq != after + len(page):
        raise EventsExpiredError
    return page, RunState(run.state) in FINISHED_STATES


async def _require_position(session: Session, run_id: UUID, after: int) -> None:
    last = await runs.last_seq(session, run_id)
    if last == 0:
        # Every run is created with its first event.
        raise EventsExpiredError
    if after > last:
        raise InvalidInputError(f"This run has no event {after}; its last one is {last}.")
