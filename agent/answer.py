"""An answer of a model as it is streamed: its parts, and at the end what it amounts to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import orjson

from agent.parts import (
    Part,
    TextPart,
    ToolCallArgsPart,
    ToolCallEndPart,
    ToolCallStartPart,
    UsagePart,
)
from domain.errors import ModelError, ModelUnavailableError

CUT_OFF = "The model's answer was cut off. Ask again."
UNREADABLE = "The model provider's answer cannot be read. Try again."
BROKEN_OFF = "The model provider broke the answer off with an error. Try again."
# What OpenAI takes back in a request; servers that speak its protocol send more than that.
LONGEST_CALL_ID = 40
LONGEST_NAME = 64
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_DATA = b"data:"
_DONE = b"[DONE]"


@dataclass(slots=True)
class AskedCall:
    """A tool call as the model wrote it: `arguments` is JSON if the model was right."""

    call_id: str
    name: str
    arguments: str = ""


@dataclass(slots=True)
class Answer:
    """What a whole answer amounts to; `finish` is why it ended, None while it has not.

    `begun` tells whether the provider took the request up; `usage` is what it counted, once it has.
    """

    text: str = ""
    calls: list[AskedCall] = field(default_factory=list)
    finish: str | None = None
    begun: bool = False
    usage: UsagePart | None = None

    def take(self, part: Part) -> None:
        """Add a part."""
        self.begun = True
        match part:
            case TextPart():
                self.text += part.text
            case ToolCallStartPart():
                self.calls.append(AskedCall(part.call_id, part.name))
            case ToolCallArgsPart():
                call = next(call for call in self.calls if call.call_id == part.call_id)
                call.arguments += part.delta
            case UsagePart():
                self.usage = part

    def require_whole(self) -> None:
        """Raise ModelError for an answer of which a part is missing.

        A stream that ends without saying why was cut, and one that ended for its length or its
        content may hold half a tool call: neither its calls nor its text may be taken for whole.
        """
        if self.finish is None:
            raise ModelError(CUT_OFF)
        if self.finish == "length":
            raise ModelError("The answer was longer than the model may write. Ask for less.")
        if self.finish == "content_filter":
            raise ModelError("The model provider withheld the answer. Ask in other words.")


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _CallDelta(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_CallDelta] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: object = None


_CHUNK = msgspec.json.Decoder(_Chunk)


class ChatCompletionReader:
    """Reads the bytes of a chat-completions stream into parts.

    Pieces of text that arrive together become one part: each part costs a round through the graph,
    the log and the stream.
    """

    def __init__(self, model_name: str, taken: Collection[str] = ()) -> None:
        """Begin an answer; `model_name` is told with its usage, `taken` are ids of calls."""
        self._model_name = model_name
        self._rest = b""
        self._ids = CallIds(taken)
        self._open: dict[int, str] = {}
        self.finish: str | None = None
        self.has_told = False
        self.done = False
        # How many have come, also those that tell nothing.
        self.chunks = 0

    def feed(self, received: bytes) -> Iterator[Part]:
        """Yield what these bytes bring; raise ModelError behind it where they are no protocol."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        parts: list[Part] = []
        try:
            for line in lines:
                if line.startswith(_DATA):
                    self.chunks += 1
                    self._read(line[len(_DATA) :].strip(), parts)
                    self.has_told = self.has_told or bool(parts)
        except ModelError:
            # What was whole before the fault has been said.
            yield from parts
            raise
        yield from parts

    def _read(self, data: bytes, parts: list[Part]) -> None:
        if data == _DONE:
            self.done = True
            return
        try:
            chunk = _CHUNK.decode(data)
        except msgspec.MsgspecError as error:
            raise ModelError(UNREADABLE) from error
        if chunk.error is not None:
            # Before anything was told, it is as if the provider had not answered.
            raise ModelError(BROKEN_OFF) if self.has_told else ModelUnavailableError(BROKEN_OFF)
        for choice in chunk.choices[:1]:
            self.finish = choice.finish_reason or self.finish
            if choice.delta is not None:
                self._take(choice.delta, parts)
        if chunk.usage is not None:
            parts.append(self._usage_part(chunk.usage))

    def _usage_part(self, used: _Usage) -> UsagePart:
        details = used.prompt_tokens_details or _InputDetails()
        return UsagePart(
            self._model_name,
            used.prompt_tokens or 0,
            used.completion_tokens or 0,
            details.cached_tokens or 0,
            details.cache_write_tokens or 0,
        )

    def _take(self, delta: _Delta, parts: list[Part]) -> None:
        if delta.content:
            if parts and isinstance(parts[-1], TextPart):
                parts[-1] = TextPart(parts[-1].text + delta.content)
            else:
                parts.append(TextPart(delta.content))
        for call in delta.tool_calls or ():
            parts.extend(self._call_parts(call))

    def _call_parts(self, call: _CallDelta) -> Iterator[Part]:
        function = call.function or _Function()
        is_first = call.index not in self._open
        # Some servers give all calls one index, some all of them one id, and some no id.
        if (call.id and not self._ids.is_open(call.id)) or (is_first and function.name is not None):
            self._open[call.index] = call_id = self._ids.own(call.id or "")
            yield ToolCallStartPart(call_id, _mended(function.name or ""))
        if function.arguments:
            open_id = self._open.get(call.index)
            if open_id is None:
                raise ModelError(UNREADABLE)
            yield ToolCallArgsPart(open_id, function.arguments)


class CallIds:
    """Ids under which calls are told and stored: each once in what the model is sent.

    A call that had an earlier one's id would be given that one's stored result. The same answer
    to the same request gets the same ids.
    """

    def __init__(self, taken: Collection[str] = ()) -> None:
        """Begin with the ids that are in use."""
        self._taken = set(taken)
        self._given: set[str] = set()

    def is_open(self, given: str) -> bool:
        """Tell whether a call of this answer has come with that id."""
        return given in self._given

    def own(self, given: str) -> str:
        """Return the id for a call that came with that one."""
        self._given.add(given)
        own = base = _shortened(given) or "call"
        number = 1
        while own in self._taken:
            number += 1
            own = f"{base[: LONGEST_CALL_ID - 5]}_{number}"
        self._taken.add(own)
        return own


def _shortened(call_id: str) -> str:
    if len(call_id) <= LONGEST_CALL_ID:
        return call_id
    return f"call_{hashlib.sha256(call_id.encode()).hexdigest()[:24]}"


def _mended(name: str) -> str:
    """Return the name as providers take it back; one that has to be mended is no tool's of ours.

    Hence dashes, of which our tools' names have none.
    """
    return _NOT_IN_A_NAME.sub("-", name)[:LONGEST_NAME] or "unnamed"


def ends_of(calls: Sequence[AskedCall]) -> Iterator[Part]:
    """Yield the arguments and the ends of the tool calls, once the answer is whole.

    What is told of a call's arguments must be JSON (AG-UI), which is not known before: those of a
    call that was cut or written wrongly are not told.
    """
    for call in calls:
        if call.arguments.strip() and arguments_of(call) is not None:
            yield ToolCallArgsPart(call.call_id, call.arguments)
        yield ToolCallEndPart(call.call_id)


def arguments_of(call: AskedCall) -> dict[str, object] | None:
    """Return a call's arguments, none for an empty text; None if they are no JSON object."""
    if not call.arguments.strip():
        return {}
    try:
        found = orjson.loads(call.arguments)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
