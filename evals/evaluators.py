"""Evaluators of one turn: pure functions that yield a sentence for each thing that is wrong."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from evals.expectations import SUCCESS, ToolExpectation
from evals.hearing import Hearing
from evals.matchers import mismatches, number_of, shown
from evals.numbers import numbers_in, shows
from evals.transcript import Json, ToolCall

_TERMINAL = frozenset({"RUN_FINISHED", "RUN_ERROR"})
_PART = re.compile(r"\w+|\[\d+\]|\[\*\]")


def outcome(hearing: Hearing) -> Iterator[str]:
    """Judge how the run ended."""
    wanted, transcript = hearing.turn.expect.outcome, hearing.transcript
    if transcript.outcome != wanted:
        told = f" ({transcript.error})" if transcript.error else ""
        yield f"the run ended with {transcript.outcome}{told}, expected {wanted}"


def stream(hearing: Hearing) -> Iterator[str]:
    """Judge that the events make whole runs and agree with what was stored.

    There are several where an answer asked for approval: it went on in another run.
    """
    events = hearing.transcript.events
    if not events:
        if hearing.transcript.outcome == SUCCESS:
            yield "there are no events"
        return
    types = [event["type"] for event in events]
    if types[0] != "RUN_STARTED":
        yield f"the first event is {types[0]}, expected RUN_STARTED"
    begun = max(1, types.count("RUN_STARTED"))
    ended = [at for at, kind in enumerate(types) if kind in _TERMINAL]
    followed = [types[at + 1] for at in ended[:-1]]
    if types[-1] not in _TERMINAL or len(ended) != begun or set(followed) - {"RUN_STARTED"}:
        yield f"the run must end with its only terminal event, it ended with {types[-1]}"
    for call in hearing.transcript.calls:
        if call.result is None:
            yield f"the call of {call.name} has no result"
        elif call.stored_status == "succeeded" and call.stored_result != call.result:
            yield f"the stored result of {call.name} is not the one that was sent"


def tools(hearing: Hearing) -> Iterator[str]:
    """Judge which tools were called, with what and to what result."""
    expect, calls = hearing.turn.expect, list(hearing.transcript.calls)
    if expect.no_tools and calls:
        yield f"no tool was to be called, but {_names(calls)}"
    if expect.tools is None:
        return
    pairs = (_pair_unordered if expect.unordered else _pair_in_order)(expect.tools, calls)
    for wanted, call in pairs:
        if call is None:
            yield f"{wanted.name} was not called as expected; the calls were {_names(calls)}"
        else:
            yield from _call_mismatches(wanted, call, hearing.transcript.answer)
    if not expect.more_tools and len(calls) > len(expect.tools):
        yield f"{len(expect.tools)} calls were expected; the calls were {_names(calls)}"


Pairs = list[tuple[ToolExpectation, ToolCall | None]]


def _pair_in_order(wanted: Sequence[ToolExpectation], calls: Sequence[ToolCall]) -> Pairs:
    """Give each expectation the next call of its name, skipping others."""
    rest, pairs = iter(calls), Pairs()
    for expectation in wanted:
        pairs.append((expectation, next((c for c in rest if c.name == expectation.name), None)))
    return pairs


def _pair_unordered(wanted: Sequence[ToolExpectation], calls: Sequence[ToolCall]) -> Pairs:
    """Give each expectation a call that matches it best, each call once."""
    rest, pairs = list(calls), Pairs()
    for expectation in wanted:
        named = [call for call in rest if call.name == expectation.name]
        best = min(
            named, key=lambda c: len(mismatches(expectation.args, c.args, "args")), default=None
        )
        if best is not None:
            rest.remove(best)
        pairs.append((expectation, best))
    return pairs


def _call_mismatches(wanted: ToolExpectation, call: ToolCall, answer: str) -> Iterator[str]:
    yield from mismatches(wanted.args, call.args, f"{call.name}.args")
    if wanted.result is not None:
        yield from mismatches(wanted.result, call.content, f"{call.name}.result")
    for place in wanted.quoted:
        values = list(values_at(call.content, place))
        if not values:
            yield f"{call.name}.result has no {place} to quote"
        for value in values:
            if not tells(answer, value):
                yield f"the answer does not tell {call.name}.result.{place}, {shown(value)}"


def values_at(content: Json, place: str) -> Iterator[Json]:
    """Yield the values at a place such as `score`, `weakest[0].label` or `items[*].title`."""
    values: list[Json] = [content]
    for part in _PART.findall(place):
        values = [found for value in values for found in _children(value, part)]
    yield from values


def _children(value: Json, part: str) -> list[Json]:
    if part == "[*]":
        return list(value) if isinstance(value, list) else []
    if part.startswith("["):
        index = int(part[1:-1])
        return value[index : index + 1] if isinstance(value, list) else []
    return [value[part]] if isinstance(value, dict) and part in value else []


def tells(answer: str, value: Json) -> bool:
    """Tell whether an answer shows a value: a number by its value, a text by its words."""
    number = number_of(value)
    if number is not None:
        return any(shows(found, [number]) for found in numbers_in(answer))
    return isinstance(value, str) and plain(value) in plain(answer)


def plain(text: str) -> str:
    """Return a text for comparison: no Markdown, no case, one blank between words."""
    unescaped = html.unescape(re.sub(r"\\(?=[^\w\s])|[*`]", "", text))
    return " ".join(unescaped.replace("_", " ").casefold().split())


def _names(calls: Sequence[ToolCall]) -> str:
    return ", ".join(f"{call.name}({call.arguments})" for call in calls) or "none"


def answer(hearing: Hearing) -> Iterator[str]:
    """Judge the answer's words."""
    expect, text = hearing.turn.expect.answer, hearing.transcript.answer
    if hearing.transcript.outcome == SUCCESS and not text.strip():
        yield "the answer is empty"
    said = plain(text)
    for part in expect.contains:
        if plain(part) not in said:
            yield f"the answer does not contain {part!r}: {shown(text)}"
    for part in expect.not_contains:
        if plain(part) in said:
            yield f"the answer contains {part!r}: {shown(text)}"
    if expect.matches and re.search(expect.matches, text) is None:
        yield f"the answer does not match {expect.matches!r}: {shown(text)}"


def events(hearing: Hearing) -> Iterator[str]:
    """Judge that the named events came, in this order, whatever came between them."""
    rest = iter([event["type"] for event in hearing.transcript.events])
    for wanted in hearing.turn.expect.events:
        if wanted not in rest:
            types = ", ".join(event["type"] for event in hearing.transcript.events)
            yield f"there is no {wanted} where it was expected; the events were {types}"
            return
