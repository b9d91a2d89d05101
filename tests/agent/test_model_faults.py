"""What a person notices when the model provider fails, and when the model itself goes wrong."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from ag_ui_validate.pytest_plugin import assert_valid_agui
from pydantic import SecretStr
from sqlalchemy import text

from agent import context, provider
from agent.graph.nodes import UNAVAILABLE
from agent.provider import build_provider_model
from config.settings import ModelSettings
from db.session import Database
from sandbox.model.script import (
    Disconnect,
    NotJson,
    Script,
    Stall,
    Status,
    Text,
    ToolCalls,
    Turn,
)
from tests.agent.conftest import OpenDesk

CALCULATE = ("calculate", {"expression": "2 * 21"})


def said(events: list[Any]) -> str:
    assert_valid_agui([event.model_dump(by_alias=True, mode="json") for event in events])
    return "".join(event.delta for event in events if event.type == "TEXT_MESSAGE_CONTENT")


def results(events: list[Any]) -> list[str]:
    return [event.content for event in events if event.type == "TOOL_CALL_RESULT"]


@pytest.mark.parametrize("fault", [Status(500), Status(503), Status(429), Disconnect(after=0)])
async def test_planner_answers_and_says_so_while_the_provider_cannot(
    open_desk: OpenDesk, fault: Any
) -> None:
    async with open_desk(Script([Turn([fault])])) as desk:
        events = await desk.ask("What is 2 * 21?")
    assert said(events).startswith(UNAVAILABLE)
    assert "42" in said(events)
    assert events[-1].type == "RUN_FINISHED"
    assert {usage.model for usage in events[-1].usage} == {"vaultra-planner"}


async def test_provider_that_fails_behind_a_tool_leaves_the_rest_to_the_planner(
    open_desk: OpenDesk, database: Database
) -> None:
    script = Script([Turn([ToolCalls([CALCULATE])]), Turn([Status(502)], after_tool="calculate")])
    async with open_desk(script) as desk:
        events = await desk.ask("What is 2 * 21?")
    assert said(events).startswith(UNAVAILABLE)
    assert "42" in said(events)
    async with database.unit_of_work() as session:
        calls = await session.scalar(text("SELECT count(*) FROM agent_tool_calls"))
    assert calls == 1


async def test_provider_that_fails_for_a_moment_is_asked_again(open_desk: OpenDesk) -> None:
    script = Script([Turn([Status(429, retry_after=0)]), Turn([Text("Here I am.")])])
    async with open_desk(script, max_retries=1) as desk:
        events = await desk.ask("Hello?")
    assert said(events) == "Here I am."


async def test_long_retry_after_is_not_waited_for(open_desk: OpenDesk) -> None:
    script = Script([Turn([Status(429, retry_after=60)]), Turn([Text("Too late.")])])
    async with open_desk(script, max_retries=1) as desk:
        events = await desk.ask("What is 2 * 21?")
    assert said(events).startswith(UNAVAILABLE)


async def test_nobody_listening_at_the_providers_address_is_no_error(open_desk: OpenDesk) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        settings = ModelSettings(
            api_key=SecretStr("sk-test"), base_url=f"http://127.0.0.1:{port}/v1", name="scripted"
        )
        async with open_desk(Script([]), model=build_provider_model(settings)) as desk:
            events = await desk.ask("What is 2 * 21?")
    assert said(events).startswith(UNAVAILABLE)
    assert "42" in said(events)


async def test_connection_that_breaks_in_the_text_keeps_what_was_said(open_desk: OpenDesk) -> None:
    async with open_desk(Script([Turn([Text("Half of it", chunk=5), Disconnect()])])) as desk:
        events = await desk.ask("Tell me")
    assert said(events) == "Half of it"
    assert (events[-1].type, events[-1].code) == ("RUN_ERROR", "model_error")
    assert "cut off" in events[-1].message


async def test_comments_are_waited_through_for_a_while(open_desk: OpenDesk) -> None:
    async with open_desk(Script([Turn([Stall(6, comment_every=0.1), Text("Now.")])])) as desk:
        desk.runtime.model.silence_seconds = 4
        events = await desk.ask("Think about it")
    assert said(events) == "Now."


async def test_planner_answers_where_nothing_but_comments_comes(
    open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "_SILENCES", 1)
    async with open_desk(Script([Turn([Stall(60, comment_every=0.1)])])) as desk:
        desk.runtime.model.silence_seconds = 1
        events = await desk.ask("What is 2 * 21?")
    assert said(events).startswith(UNAVAILABLE)
    assert "42" in said(events)


async def test_text_behind_which_nothing_but_comments_comes_is_cut_off(
    open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "_SILENCES", 1)
    steps = [Text("Half of it"), Stall(60, comment_every=0.1)]
    async with open_desk(Script([Turn(steps)])) as desk:
        desk.runtime.model.silence_seconds = 4
        events = await desk.ask("Tell me")
    assert said(events) == "Half of it"
    assert (events[-1].type, events[-1].code) == ("RUN_ERROR", "model_error")
    assert "cut off" in events[-1].message


async def test_body_that_is_no_stream_is_told_as_a_fault(open_desk: OpenDesk) -> None:
    async with open_desk(Script([Turn([NotJson()])])) as desk:
        events = await desk.ask("Anything?")
    assert said(events) == ""
    assert events[-1].code == "model_error"


async def test_arguments_that_are_no_json_run_nothing_and_are_told_to_the_model(
    open_desk: OpenDesk, database: Database
) -> None:
    # A tool without parameters: an empty object in place of the broken one would start it.
    broken = Turn([ToolCalls([("trigger_stripe_sync", {})], raw='{"now": tr')])
    script = Script([broken, Turn([Text("Sorry.")], after_tool="*")])
    async with open_desk(script) as desk:
        events = await desk.ask("Sync")
    [result] = results(events)
    assert result.startswith("Error: the arguments of trigger_stripe_sync are not a JSON object")
    assert said(events) == "Sorry."
    async with database.unit_of_work() as session:
        assert await session.scalar(text("SELECT count(*) FROM sync_runs")) == 0


async def test_unknown_tool_is_told_to_the_model_with_those_there_are(open_desk: OpenDesk) -> None:
    script = Script(
        [Turn([ToolCalls([("send_money", {"to": "me"})])]), Turn([Text("No.")], after_tool="*")]
    )
    async with open_desk(script) as desk:
        events = await desk.ask("Pay")
    [result] = results(events)
    assert result.startswith("Error: there is no tool 'send_money'. There are: query_snapshots,")
    assert said(events) == "No."


@pytest.mark.parametrize(
    ("call", "rounds"),
    # A failure is worth nothing from the first on, a success from its repetition.
    [(("calculate", {"expression": "nonsense("}), 3), (CALCULATE, 4)],
)
async def test_model_that_goes_in_circles_is_made_to_answer(
    open_desk: OpenDesk, call: tuple[str, dict[str, Any]], rounds: int
) -> None:
    asking = [Turn([ToolCalls([call])]) for _ in range(rounds)]
    async with open_desk(Script([*asking, Turn([Text("I give up.")], after_tool="*")])) as desk:
        events = await desk.ask("Go on")
        offered = [bool(request.get("tools")) for request in desk.model.requests]
    assert said(events) == "I give up."
    assert offered == [*[True] * rounds, False]
    assert len(results(events)) == rounds


async def test_tool_that_takes_too_long_is_stopped_and_told(
    open_desk: OpenDesk, database: Database
) -> None:
    script = Script([Turn([ToolCalls([CALCULATE])]), Turn([Text("Too slow.")], after_tool="*")])
    async with open_desk(script, tool_seconds=0.0) as desk:
        events = await desk.ask("What is 2 * 21?")
    assert results(events) == ["Error: calculate took too long. Ask for less at a time."]
    async with database.unit_of_work() as session:
        [status] = (await session.execute(text("SELECT status FROM agent_tool_calls"))).scalars()
    assert status == "failed"


async def test_result_that_is_too_large_is_not_shown(
    open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "MAX_RESULT_CHARACTERS", 10)
    script = Script([Turn([ToolCalls([CALCULATE])]), Turn([Text("Less.")], after_tool="*")])
    async with open_desk(script) as desk:
        events = await desk.ask("What is 2 * 21?")
    assert results(events) == [
        "Error: The result is too large to read. Ask for fewer months or metrics at a time."
    ]


async def test_same_question_may_be_asked_again_and_again(open_desk: OpenDesk) -> None:
    turns = [
        turn
        for _ in range(5)
        for turn in (
            Turn([ToolCalls([CALCULATE])], user="2 * 21"),
            Turn([Text("42.")], user="2 * 21", after_tool="calculate"),
        )
    ]
    async with open_desk(Script(turns)) as desk:
        answers = [said(await desk.ask("What is 2 * 21?")) for _ in range(5)]
        assert all(request.get("tools") for request in desk.model.requests)
    assert answers == ["42."] * 5


async def test_provider_is_asked_through_the_proxy_that_the_environment_names(
    open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name that leads nowhere: only the scripted model, as a proxy, can answer for it.
    settings = ModelSettings(
        api_key=SecretStr("sk-test"), base_url="http://model.invalid/v1", name="scripted"
    )
    model = build_provider_model(settings, max_retries=0)
    async with open_desk(Script([Turn([Text("Through the proxy.")])]), model=model) as desk:
        monkeypatch.setenv("http_proxy", desk.model.url.removesuffix("/v1"))
        events = await desk.ask("Hello?")
    assert said(events) == "Through the proxy."


async def test_server_that_numbers_its_calls_anew_with_each_answer_gets_each_of_them_done(
    open_desk: OpenDesk, database: Database
) -> None:
    first = ("calculate", {"expression": "1 + 1"})
    script = Script(
        [
            Turn([ToolCalls([first], ids=["call_0"])]),
            Turn([ToolCalls([CALCULATE], ids=["call_0"])], after_tool="calculate"),
            Turn([Text("2 and 42.")], after_tool="calculate"),
            Turn([ToolCalls([first], ids=["call_0"])]),
            Turn([Text("Still 2.")], after_tool="calculate"),
        ]
    )
    async with open_desk(script) as desk:
        events = await desk.ask("What are 1 + 1 and 2 * 21?")
        following = await desk.ask("And 1 + 1 again?")
        assert desk.model.refused == []
    assert ["42" in result for result in results(events)] == [False, True]
    assert said(events) == "2 and 42."
    assert said(following) == "Still 2."
    async with database.unit_of_work() as session:
        calls = await session.scalar(text("SELECT count(*) FROM agent_tool_calls"))
    assert calls == 3


async def test_tool_with_a_name_that_no_provider_takes_back_is_told_to_the_model(
    open_desk: OpenDesk,
) -> None:
    asked = ToolCalls([("get readiness!", {}), ("", {})], ids=["", "x" * 200])
    script = Script([Turn([asked]), Turn([Text("Sorry.")], after_tool="*")])
    async with open_desk(script) as desk:
        events = await desk.ask("Go on")
        assert desk.model.refused == []
    assert [result[:24] for result in results(events)] == [
        "Error: there is no tool " for _ in range(2)
    ]
    assert said(events) == "Sorry."


async def test_connection_that_breaks_behind_the_whole_answer_takes_nothing_from_it(
    open_desk: OpenDesk,
) -> None:
    # Only usage and [DONE] are missing.
    script = Script([Turn([Text("All of it said."), Disconnect(finished=True)])])
    async with open_desk(script) as desk:
        events = await desk.ask("Tell me")
    assert said(events) == "All of it said."
    assert events[-1].type == "RUN_FINISHED"


async def test_planner_answers_where_the_connection_breaks_before_the_first_words(
    open_desk: OpenDesk,
) -> None:
    # The response has begun, with a chunk that says nothing yet.
    async with open_desk(Script([Turn([Text("Never"), Disconnect(after=1)])])) as desk:
        events = await desk.ask("What is 2 * 21?")
    assert said(events).startswith(UNAVAILABLE)
    assert "42" in said(events)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_request_that_the_provider_never_takes_is_not_asked_for_again(
    open_desk: OpenDesk, status: int
) -> None:
    async with open_desk(Script([Turn([Status(status)])]), max_retries=1) as desk:
        events = await desk.ask("Anything?")
        assert len(desk.model.requests) == 1
    assert events[-1].code == "model_error"
    assert "in a minute" not in events[-1].message
    assert "new conversation" in events[-1].message
