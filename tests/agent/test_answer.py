"""A streamed answer reads the same however the network cuts it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answer import Answer, AskedCall, ChatCompletionReader, arguments_of
from agent.parts import TextPart, UsagePart
from domain.errors import ModelError


def frame(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice], **more})}\r\n\r\n".encode()


def call(index: int, call_id: str, name: str) -> dict[str, Any]:
    function = {"name": name, "arguments": ""}
    return {"tool_calls": [{"index": index, "id": call_id, "function": function}]}


def arguments(index: int, text: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


STREAM = b"".join(
    [
        b": a comment\n\n",
        frame({"role": "assistant", "content": ""}),
        frame({"content": "Umsätze: "}),
        frame({"content": "42 €"}),
        frame(call(0, "call_a", "calculate")),
        frame(call(1, "call_b", "get_readiness")),
        frame(arguments(0, '{"expression":')),
        frame(arguments(1, "{}")),
        frame(arguments(0, '"6*7"}')),
        frame({}, "tool_calls"),
        b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}}\n\n',
        b"data: [DONE]\n\n",
    ]
)


def read(pieces: list[bytes]) -> tuple[Answer, list[Any]]:
    reader, answer, parts = ChatCompletionReader("gpt"), Answer(), []
    for piece in pieces:
        parts += reader.feed(piece)
    for part in parts:
        answer.take(part)
    answer.finish = reader.finish
    return answer, parts


@given(st.lists(st.integers(0, len(STREAM)), max_size=30).map(sorted))
def test_answer_is_the_same_wherever_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *cuts, len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
    answer, parts = read(pieces)
    assert answer.text == "Umsätze: 42 €"
    assert answer.calls == [
        AskedCall("call_a", "calculate", '{"expression":"6*7"}'),
        AskedCall("call_b", "get_readiness", "{}"),
    ]
    assert answer.finish == "tool_calls"
    assert parts[-1] == UsagePart("gpt", 7, 5)


def test_text_that_arrives_together_is_one_part() -> None:
    _, parts = read([STREAM])
    assert [part for part in parts if isinstance(part, TextPart)] == [TextPart("Umsätze: 42 €")]


@pytest.mark.parametrize(
    "broken",
    [
        b"data: {not json}\n",
        b'data: {"choices": 3}\n',
        b'data: {"error": {"message": "overloaded"}}\n',
        frame(arguments(0, "{}")),
    ],
)
def test_what_is_not_the_protocol_is_an_error(broken: bytes) -> None:
    with pytest.raises(ModelError):
        ChatCompletionReader("gpt").feed(broken)


@pytest.mark.parametrize("finish", [None, "length", "content_filter"])
def test_answer_of_which_a_part_is_missing_is_refused(finish: str | None) -> None:
    with pytest.raises(ModelError):
        Answer("Half", finish=finish).require_whole()


@pytest.mark.parametrize(
    ("written", "found"),
    [("", {}), (" ", {}), ("{}", {}), ('{"a": 1}', {"a": 1}), ("[1]", None), ('{"a":', None)],
)
def test_arguments_are_an_object_or_nothing(written: str, found: dict[str, Any] | None) -> None:
    assert arguments_of(AskedCall("id", "tool", written)) == found
