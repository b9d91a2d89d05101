"""What a script is made of: turns, the steps of an answer, and the faults."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile
from typing import Any, TypeAlias

from domain.errors import InvalidInputError

ANY_TOOL = "*"


class ScriptError(InvalidInputError):
    """The script cannot be played. Correct the step it names and start again."""

    code = "invalid_script"


@dataclass(frozen=True, slots=True)
class Text:
    """Say `text` in pieces of `chunk` characters, `delay` seconds apart.

    `{totals[0].value}` quotes that place of the last tool result, which must be JSON.
    """

    text: str
    chunk: int = 12
    delay: float = 0.0

    def __post_init__(self) -> None:
        _check_pace(self.chunk, self.delay)


@dataclass(frozen=True, slots=True)
class ToolCalls:
    """Call tools, in parallel when there are several: `[(name, arguments), ...]`.

    The arguments arrive as JSON in pieces of `chunk` characters, `delay` seconds apart. A string
    in them may quote the last tool result, as in `Text`; one that is nothing but a quotation
    takes over the quoted value with its type. With `raw`, every call's arguments are that text
    instead, as a model writes them that gets its JSON wrong. With `ids`, the calls have those
    instead of new ones: some servers count anew with each answer, and some give none.
    """

    calls: Sequence[tuple[str, Mapping[str, Any]]]
    chunk: int = 12
    delay: float = 0.0
    raw: str | None = None
    ids: Sequence[str] | None = None

    def __post_init__(self) -> None:
        _check_pace(self.chunk, self.delay)
        if not self.calls:
            raise ScriptError("ToolCalls needs at least one call.")
        if self.ids is not None and len(self.ids) != len(self.calls):
            raise ScriptError("ToolCalls needs an id for each call, or no ids.")


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing for so many seconds and keep the connection open.

    With `comment_every` (seconds), send comments all the while, as gateways do whose model thinks.
    """

    seconds: float
    comment_every: float | None = None

    def __post_init__(self) -> None:
        if self.comment_every is not None and self.comment_every <= 0:
            raise ScriptError("Stall sends comments every so many seconds, more than 0.")


@dataclass(eq=False, slots=True)
class Gate:
    """Send nothing until the test opens the gate.

    `reached` is set as soon as the script waits, `abandoned` if the client leaves it waiting.
    """

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    abandoned: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self) -> None:
        """Let the script go on."""
        self.opened.set()

    async def wait(self) -> None:
        """Wait as the script does."""
        self.reached.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.abandoned.set()
            raise


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with an HTTP error instead; `retry_after` in seconds becomes the Retry-After header.

    Message and code are those OpenAI sends with the status, unless told otherwise.
    """

    status: int
    retry_after: float | None = None
    message: str | None = None
    code: str | None = None

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            raise ScriptError(f"Status is for errors, 400 to 599, not {self.status}.")


@dataclass(frozen=True, slots=True)
class NotJson:
    """Answer 200 with an HTML page, as a proxy or a captive portal does."""

    html: str = "<!doctype html><title>Sign in</title><h1>Sign in to the network</h1>"


@dataclass(frozen=True, slots=True)
class Garbage:
    """Send a data line that is not JSON."""

    data: str = '{"id": "chatcmpl-, "choices": [{'


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Drop the connection: here, or once `after` chunks of the answer are out (0: before any).

    With `finished`, the reason to finish is still told, and only what follows it is not.
    """

    after: int | None = None
    finished: bool = False


@dataclass(frozen=True, slots=True)
class NoFinish:
    """End the stream here in good order, but without a finish reason and without [DONE]."""


Step: TypeAlias = (
    Text | ToolCalls | Stall | Gate | Garbage | Status | NotJson | Disconnect | NoFinish
)
INSTEAD = (Status, NotJson)
LAST = (*INSTEAD, Disconnect, NoFinish)
PAUSES = (Stall, Gate)


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens to bill for an answer."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the model, and when to give it.

    `user` is a part of the last user message, in either case: the turn answers that message, not
    the tool results that follow it. `after_tool` names a tool among the last results ("*": any).
    With both, the turn answers the tool result in reply to that message; with neither, anything.
    A turn answers once, unless it may `repeat`. Without `usage`, the tokens are estimated.
    """

    steps: Sequence[Step]
    user: str | None = None
    after_tool: str | None = None
    repeat: bool = False
    usage: Usage | None = None

    def __post_init__(self) -> None:
        if not self.steps:
            raise ScriptError("A turn needs at least one step.")
        if any(isinstance(step, LAST) for step in self.steps[:-1]):
            raise ScriptError("status, not_json, disconnect and no_finish end a turn: put it last.")
        spoken = [*dropwhile(lambda step: isinstance(step, PAUSES), self.steps)]
        if isinstance(self.steps[-1], INSTEAD) and len(spoken) > 1:
            raise ScriptError("status and not_json replace the answer: only pauses go before them.")


@dataclass(frozen=True, slots=True)
class Script:
    """The answers in order: of the turns not used up, the first that fits the request is given.

    `models` are the names served; without any, every name is (the list then shows one).
    """

    turns: Sequence[Turn]
    models: Sequence[str] = ()


def _check_pace(chunk: int, delay: float) -> None:
    if chunk < 1 or delay < 0:
        raise ScriptError("chunk is at least 1 character, delay at least 0 seconds.")
