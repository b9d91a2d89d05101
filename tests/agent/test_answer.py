"""A streamed answer reads the same however the network cuts it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answer import Answer, AskedCall, ChatCompletionReader, arguments_of
from agent.parts import TextPart, ToolCallStartPart, UsagePart
from domain.errors import ModelError, ModelUnavailableError


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


def started(*frames: bytes, taken: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    reader = ChatCompletionReader("gpt", taken=taken)
    parts = [part for piece in frames for part in reader.feed(piece)]
    return [(part.call_id, part.name) for part in parts if isinstance(part, ToolCallStartPart)]


def test_ids_that_an_earlier_answer_used_are_told_apart() -> None:
    again = started(frame(call(0, "call_0", "calculate")), taken=("call_0", "call_0_2"))
    assert again == [("call_0_3", "calculate")]


def test_two_calls_of_one_id_are_two_calls() -> None:
    frames = [frame(call(index, "same", "calculate")) for index in (0, 1)]
    assert started(*frames) == [("same", "calculate"), ("same_2", "calculate")]


def test_id_that_is_told_with_each_piece_is_one_call() -> None:
    again = frame({"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": "{}"}}]})
    answer, _ = read([frame(call(0, "a", "calculate")), again])
    assert answer.calls == [AskedCall("a", "calculate", "{}")]


def test_calls_without_an_id_get_one() -> None:
    frames = [frame(call(index, "", "calculate")) for index in (0, 1)]
    assert started(*frames) == [("call", "calculate"), ("call_2", "calculate")]


def test_calls_of_one_index_are_told_apart_by_their_ids() -> None:
    frames = [frame(call(0, name, "calculate")) for name in ("a", "b")]
    answer, _ = read([*frames, frame(arguments(0, "{}"))])
    assert [(asked.call_id, asked.arguments) for asked in answer.calls] == [("a", ""), ("b", "{}")]


def test_id_that_is_longer_than_providers_take_is_shortened_always_alike() -> None:
    frames = [frame(call(0, "x" * 41, "calculate")) for _ in range(2)]
    [(first, _)], [(second, _)] = started(frames[0]), started(frames[1])
    assert first == second
    assert len(first) <= 40


@pytest.mark.parametrize(
    ("given", "name"),
    [("", "unnamed"), ("get readiness", "get-readiness"), ("a" * 80, "a" * 64)],
)
def test_name_that_no_provider_would_take_back_is_mended_to_no_tools_name(
    given: str, name: str
) -> None:
    assert started(frame(call(0, "a", given))) == [("a", name)]


def test_error_before_the_first_part_leaves_the_answer_to_the_planner() -> None:
    reader = ChatCompletionReader("gpt")
    assert list(reader.feed(frame({"role": "assistant", "content": ""}))) == []
    with pytest.raises(ModelUnavailableError):
        list(reader.feed(b'data: {"error": {"message": "overloaded"}}\n'))


def test_error_behind_a_part_ends_the_answer() -> None:
    # Both arrive together: what was whole is said.
    together = frame({"content": "Half"}) + b'data: {"error": "overloaded"}\n'
    parts = ChatCompletionReader("gpt").feed(together)
    assert next(parts) == TextPart("Half")
    with pytest.raises(ModelError) as caught:
        next(parts)
    assert not isinstance(caught.value, ModelUnavailableError)


def test_usage_without_numbers_spoils_no_answer() -> None:
    _, parts = read([b'data: {"choices": [], "usage": {"prompt_tokens": null}}\n'])
    assert parts == [UsagePart("gpt", 0, 0)]


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
        list(ChatCompletionReader("gpt").feed(broken))


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
