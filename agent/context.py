"""What a run's tools and nodes can reach; hidden from the model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import ToolCall
from langchain_core.tools import BaseTool
from langgraph.prebuilt import ToolRuntime
from pydantic_core import to_json

from agent.approvals import Gate
from agent.parts import Part
from db.models import ToolCallRecord
from db.repositories import runs
from db.repositories.history import Past
from db.repositories.runs import Attempt
from db.repositories.turns import record_result
from db.session import Database, Session
from db.tick import Tick
from domain.access import Access, Permission
from domain.errors import ToolResultTooLargeError, ToolTimeoutError, VaultraError
from domain.limits import FREE, SpendingLimits
from domain.rates import NO_RATES, StatedRates

__all__ = ["AgentContext", "Clock", "Session", "explain_error"]

Clock = Callable[[], datetime]
# Every tool reads or writes rows; one that takes this long will not end well.
TOOL_SECONDS = 30.0
# About five thousand tokens: the figures of sixty months and five metrics are half of that.
MAX_RESULT_CHARACTERS = 20_000
# What the model sees of a failure begins so, and nothing else does.
ERROR = "Error:"
# What takes the place of a result that did not come; no provider takes a call without one.
CANCELLED = f"{ERROR} cancelled before it finished."
# Beside a message of the model: its calls whose arguments are no JSON object.
UNREADABLE_CALLS = "unreadable_calls"
Work = Callable[[Session, Access], Awaitable[Any]]


async def _at_once() -> None:
    """Wait for nothing."""


@dataclass(frozen=True)
class AgentContext:
    """One run's surroundings: who asks, with which model and tools, on which database.

    `stand_in` answers while `model` cannot; `tell` takes each part of the answer as it comes,
    and `settled` waits until all of them are in the log. `past` is what is behind the run, if that
    has been read. Models that read their answers themselves do so at the process's `tick`.
    """

    attempt: Attempt
    access: Access
    database: Database
    model: BaseChatModel
    stand_in: BaseChatModel
    tools: tuple[BaseTool, ...]
    clock: Clock
    gate: Gate
    tell: Callable[[Part], None]
    settled: Callable[[], Awaitable[None]] = _at_once
    rates: StatedRates = NO_RATES
    past: Past | None = None
    spending: SpendingLimits = FREE
    tool_seconds: float = TOOL_SECONDS
    tick: Tick | None = None

    @property
    def run_id(self) -> UUID:
        """The run that all of this is for."""
        return self.attempt.run_id

    async def perform(
        self, runtime: ToolRuntime[AgentContext, Any], permission: Permission, work: Work
    ) -> str:
        """Do a tool call's work once, and return the JSON that the model sees of it.

        Work that needs more than the permission to read is one transaction with the record of its
        result; a repeated call returns the stored result. Raises NotPermittedError,
        ApprovalStaleError and whatever VaultraError the work raises, after recording it;
        RunSupersededError if the attempt is over.
        """
        self.access.require(permission)
        call = _call_of(runtime)
        try:
            if permission is Permission.READ and call["name"] not in self.gate.needed:
                return await self._read(call, work)
            return await self._do(call, work)
        except TimeoutError:
            late = ToolTimeoutError(f"{call['name']} took too long. Ask for less at a time.")
            await self._record_failure(call, late)
            raise late from None
        except VaultraError as error:
            await self._record_failure(call, error)
            raise

    async def _read(self, call: ToolCall, work: Work) -> str:
        """Do work that changes nothing, so that the record of it need not be claimed before."""
        begin = time.monotonic()
        async with asyncio.timeout(self.tool_seconds):
            async with self.database.unit_of_work() as session:
                result = _as_seen(await work(session, self.access))
            arguments = self.gate.as_approved(call)["args"]
            return await record_result(
                self.database,
                self.attempt,
                (str(call["id"]), call["name"], arguments),
                result,
                seconds=time.monotonic() - begin,
            )

    async def _do(self, call: ToolCall, work: Work) -> str:
        async with asyncio.timeout(self.tool_seconds), self.database.unit_of_work() as session:
            record = await self._claim(session, call)
            if record.result is None:
                await self.gate.require(session, self.access, call, now=self.clock())
                result = _as_seen(await work(session, self.access))
                await runs.finish_tool_call(session, record, status="succeeded", result=result)
            return str(record.result)

    async def _claim(self, session: Session, call: ToolCall) -> ToolCallRecord:
        arguments = self.gate.as_approved(call)["args"]
        return await runs.claim_tool_call(
            session, self.attempt, str(call["id"]), call["name"], arguments
        )

    async def _record_failure(self, call: ToolCall, error: VaultraError) -> None:
        # The work's own transaction is gone, and the row of the call with it.
        await self.record(call, "failed", explain_error(error))

    async def record(self, call: ToolCall, status: str, result: str) -> None:
        """Record what came of a call that was not carried out."""
        async with self.database.unit_of_work() as session:
            record = await self._claim(session, call)
            await runs.finish_tool_call(session, record, status=status, result=result)


def _as_seen(found: object) -> str:
    """Return the JSON that the model sees, or raise ToolResultTooLargeError."""
    result = to_json(found).decode()
    if len(result) > MAX_RESULT_CHARACTERS:
        raise ToolResultTooLargeError
    return result


def _call_of(runtime: ToolRuntime[AgentContext, Any]) -> ToolCall:
    calls: list[ToolCall] = runtime.state["messages"][-1].tool_calls
    return next(call for call in calls if call["id"] == runtime.tool_call_id)


def explain_error(error: VaultraError) -> str:
    """Return the sentence that the model sees of an error."""
    hint = f" {error.hint}" if error.hint else ""
    return f"{ERROR} {error.message}{hint}"
