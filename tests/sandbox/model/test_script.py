"""Which turn answers, and what it may say."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage as Answer
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolMessage
from openai import InternalServerError

from sandbox.model import (
    Disconnect,
    NotJson,
    Script,
    Stall,
    Status,
    Step,
    Text,
    ToolCalls,
    Turn,
    serve,
)
from sandbox.model.quotation import quote, quote_arguments
from sandbox.model.script import ScriptError
from tests.sandbox.model.conftest import Connect


def after_tools(*results: tuple[str, str], question: str = "Go") -> list[BaseMessage]:
    calls = [{"name": name, "args": {}, "id": f"call_{name}"} for name, _ in results]
    answers = [ToolMessage(text, tool_call_id=f"call_{name}") for name, text in results]
    return [HumanMessage(question), Answer("", tool_calls=calls), *answers]


async def said(connect: Connect, script: Script, *conversations: Any) -> list[str]:
    async with serve(script) as model:
        chat = connect(model)
        return [(await chat.ainvoke(messages)).text for messages in conversations]


async def test_turns_answer_in_order(connect: Connect) -> None:
    script = Script([Turn([Text("One")]), Turn([Text("Two")])])
    assert await said(connect, script, "Go", "Go") == ["One", "Two"]


async def test_turn_answers_the_message_it_fits_whatever_the_case(connect: Connect) -> None:
    script = Script([Turn([Text("A")], user="revenue"), Turn([Text("B")], user="score")])
    assert await said(connect, script, "My SCORE?", "Revenue?") == ["B", "A"]


async def test_only_the_last_user_message_counts(connect: Connect) -> None:
    script = Script([Turn([Text("A")], user="revenue"), Turn([Text("B")], user="score")])
    messages = [HumanMessage("Revenue?"), Answer("10"), HumanMessage("Score?")]
    assert await said(connect, script, messages) == ["B"]


async def test_turn_for_a_message_does_not_answer_the_tool_result(connect: Connect) -> None:
    script = Script([Turn([Text("A")], user="go", repeat=True), Turn([Text("B")], after_tool="*")])
    assert await said(connect, script, after_tools(("lookup", "{}")), "Go") == ["B", "A"]


async def test_turn_after_a_tool_waits_for_that_tool(connect: Connect) -> None:
    script = Script([Turn([Text("A")], after_tool="one"), Turn([Text("B")], after_tool="two")])
    assert await said(connect, script, after_tools(("two", "{}"))) == ["B"]


async def test_turn_may_ask_for_message_and_tool_together(connect: Connect) -> None:
    script = Script(
        [Turn([Text("A")], user="x", after_tool="*"), Turn([Text("B")], user="y", after_tool="*")]
    )
    assert await said(connect, script, after_tools(("t", "{}"), question="y?")) == ["B"]


async def test_instructions_behind_the_result_do_not_hide_it(connect: Connect) -> None:
    script = Script([Turn([Text("A")], after_tool="lookup")])
    messages = [*after_tools(("lookup", "{}")), SystemMessage("Today is Sunday.")]
    assert await said(connect, script, messages) == ["A"]


async def test_earlier_results_do_not_count_once_the_person_spoke(connect: Connect) -> None:
    script = Script([Turn([Text("A")], after_tool="*"), Turn([Text("B")])])
    messages = [*after_tools(("lookup", "{}")), Answer("Done"), HumanMessage("Go")]
    assert await said(connect, script, messages) == ["B"]


async def test_used_up_script_fails_at_once_and_says_so(connect: Connect) -> None:
    async with serve(Script([Turn([Text("One")])])) as model:
        chat = connect(model, max_retries=3)
        await chat.ainvoke("Go")
        with pytest.raises(InternalServerError, match="No turn of the script"):
            await chat.ainvoke("Again")
    assert [body["messages"][0]["content"] for body in model.unanswered] == ["Again"]
    assert len(model.requests) == 2


async def test_quotation_takes_the_last_of_parallel_results(connect: Connect) -> None:
    script = Script([Turn([Text("{n}")], after_tool="one")])
    messages = after_tools(("one", '{"n": 1}'), ("two", '{"n": 2}'))
    assert await said(connect, script, messages) == ["2"]


async def test_quotation_that_finds_nothing_is_told(connect: Connect) -> None:
    async with serve(Script([Turn([Text("{missing}")])])) as model:
        with pytest.raises(InternalServerError, match=r"nothing at \{missing\}"):
            await connect(model).ainvoke(after_tools(("one", "{}")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a.b} and {list[1].c}", "x and 3"),
        ("{list[0]}", "null"),
        ("{a}", '{"b": "x"}'),
        ("{} stays, { a } too", "{} stays, { a } too"),
    ],
)
def test_quotation_follows_the_path(text: str, expected: str) -> None:
    assert quote(text, '{"a": {"b": "x"}, "list": [null, {"c": 3}]}') == expected


def test_quotation_may_start_at_a_list() -> None:
    assert quote("{[1].n}", '[{"n": 1}, {"n": 2}]') == "2"


@pytest.mark.parametrize("result", [None, "", "Error: nothing here", "[]", '"text"'])
def test_result_without_the_place_cannot_be_quoted(result: str | None) -> None:
    with pytest.raises(ScriptError, match="nothing at"):
        quote("{score}", result)


def test_quoted_argument_keeps_its_type() -> None:
    arguments = {"id": "{items[0].id}", "n": ["{items[0].n}", "no. {items[0].n}"], "x": 1}
    filled = quote_arguments(arguments, '{"items": [{"id": "r1", "n": 5}]}')
    assert filled == {"id": "r1", "n": [5, "no. 5"], "x": 1}


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [Disconnect(), Text("never said")],
        [Text("said"), Status(500)],
        [ToolCalls([("a", {})]), NotJson()],
    ],
)
def test_turn_that_cannot_be_played_is_refused(steps: list[Step]) -> None:
    with pytest.raises(ScriptError):
        Turn(steps)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Text("x", chunk=0),
        lambda: Text("x", delay=-1),
        lambda: ToolCalls([]),
        lambda: Status(200),
    ],
)
def test_step_out_of_bounds_is_refused(build: Any) -> None:
    with pytest.raises(ScriptError):
        build()


def test_pauses_may_stand_before_a_status() -> None:
    assert len(Turn([Stall(1), Status(500)]).steps) == 2
