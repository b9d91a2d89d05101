"""A question to its end in a terminal: the runs it takes, and what a person is asked in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Any, Protocol
from uuid import UUID, uuid4

from rich.console import Console

from cli.approving import Decide, Interrupt, WaitingError, is_denied
from cli.client import Client, answers, question


class Outcome(IntEnum):
    """What came of a question; the exit status of `--once`."""

    ANSWERED = 0
    FAILED = 1
    WAITING = 3


class View(AbstractContextManager["View"], Protocol):
    """Shows an answer's events; entered once for each of its runs."""

    def show(self, event: dict[str, Any]) -> None:
        """Take in one event."""

    def deny(self, call_id: str) -> None:
        """Take in that a person has denied the call."""


class EventLines:
    """Prints the events, one JSON object a line."""

    def __enter__(self) -> EventLines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave everything as it is."""

    def show(self, event: dict[str, Any]) -> None:
        """Print one event."""
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()

    def deny(self, call_id: str) -> None:
        """Print nothing: the result tells it."""


@dataclass(frozen=True)
class Talk:
    """One conversation, and who answers what it asks."""

    client: Client
    conversation_id: UUID
    decide: Decide
    console: Console

    async def ask(self, text: str, view: View) -> Outcome:
        """Ask a question and show the answer, over as many runs as it takes."""
        return await self._follow(question(text), view)

    async def answer_open(self, view: View) -> Outcome:
        """Answer what the conversation waits for since an earlier time, if it does."""
        found = await self.client.open_interrupts(self.conversation_id)
        if not found:
            return Outcome.ANSWERED
        return await self._answer(str(found[0]["runId"]), found, view)

    async def _follow(self, said: dict[str, Any], view: View) -> Outcome:
        run_id = uuid4()
        last: dict[str, Any] = {}
        with view:
            async for event in self._cancellable(run_id, said):
                last = event
                view.show(event)
        outcome = last.get("outcome", {})
        if outcome.get("type") == "interrupt":
            return await self._answer(str(run_id), outcome["interrupts"], view)
        finished = last.get("type") == "RUN_FINISHED" and outcome.get("type") != "cancelled"
        return Outcome.ANSWERED if finished else Outcome.FAILED

    async def _answer(self, run_id: str, asked: Sequence[Interrupt], view: View) -> Outcome:
        try:
            resume = await self.decide(asked)
        except WaitingError:
            return Outcome.WAITING
        except KeyboardInterrupt:
            waited = await self.client.withdraw(run_id)
            told = "Cancelled. Nothing was changed." if waited else "It was answered elsewhere."
            self.console.print(f"[yellow]{told}[/]")
            return Outcome.FAILED
        for one, answer in zip(asked, resume, strict=True):
            if is_denied(answer):
                view.deny(str(one["toolCallId"]))
        return await self._follow(answers(resume), view)

    async def _cancellable(
        self, run_id: UUID, said: dict[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the run's events; Ctrl-C asks it to stop and waits for its last event."""
        loop = asyncio.get_running_loop()
        cancelling: list[asyncio.Task[None]] = []

        def cancel() -> None:
            if not cancelling:
                cancelling.append(asyncio.create_task(self.client.cancel(run_id)))

        loop.add_signal_handler(signal.SIGINT, cancel)
        try:
            events = self.client.run(self.conversation_id, run_id, said)
            async with contextlib.aclosing(events) as stream:  # type: ignore[type-var]
                async for event in stream:
                    yield event
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            for task in cancelling:
                await task
