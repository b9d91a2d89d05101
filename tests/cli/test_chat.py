"""The conversation in a terminal, in a real one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pexpect
import pytest
from sqlalchemy.engine import URL

from sandbox.model.script import Gate, Script, Status, Text, ToolCalls, Turn
from tests.api.service import running
from tests.cli.terminal import PROMPT, asking, chatting


async def test_answer_is_drawn_from_markdown_behind_its_tool_calls(
    database_url: URL, tmp_path: Path
) -> None:
    script = Script(
        [
            Turn([ToolCalls([("calculate", {"expression": "6 * 7"})])]),
            Turn([Text("It is **{result}**.")], after_tool="calculate"),
        ]
    )

    def act(chat: pexpect.spawn) -> None:
        chat.sendline("6 * 7?")
        chat.expect("It is")
        chat.expect(PROMPT)

    async with running(database_url, script) as service:
        screen = await chatting(service, tmp_path, act)
    assert "calculate: done" in screen
    assert "It is 42." in screen
    assert "**" not in screen


async def test_ctrl_c_cancels_the_answer_and_not_the_program(
    database_url: URL, tmp_path: Path
) -> None:
    gate = Gate()
    script = Script([Turn([Text("Half of"), gate, Text(" it.")]), Turn([Text("Still here.")])])

    def act(chat: pexpect.spawn) -> None:
        chat.sendline("Tell me everything")
        chat.expect("Half of")
        chat.sendintr()
        chat.expect("Cancelled")
        chat.expect(PROMPT)
        chat.sendline("And now?")
        chat.expect("Still here")
        chat.expect(PROMPT)

    async with running(database_url, script) as service:
        await chatting(service, tmp_path, act)
        states = await service.query(
            "SELECT string_agg(state, ' ' ORDER BY created_at) FROM agent_runs"
        )
        kept = await service.query("SELECT content FROM agent_messages WHERE role = 'assistant'")
    assert states == "cancelled completed"
    assert kept == "Half of"


async def test_failure_of_the_model_is_told_and_the_conversation_goes_on(
    database_url: URL, tmp_path: Path
) -> None:
    def act(chat: pexpect.spawn) -> None:
        chat.sendline("Hello?")
        chat.expect("provider answered 400")
        chat.expect(PROMPT)
        chat.sendline("Hello again?")
        chat.expect("Hello to you")
        chat.expect(PROMPT)

    async with running(
        database_url, Script([Turn([Status(400)]), Turn([Text("Hello to you.")])])
    ) as service:
        await chatting(service, tmp_path, act)


async def test_one_question_prints_its_events_as_json(database_url: URL, tmp_path: Path) -> None:
    async with running(database_url, Script([Turn([Text("Forty-two.")])])) as service:
        result = await asyncio.to_thread(asking, service, tmp_path, "--once", "6*7?", "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0
    assert [events[0]["type"], events[-1]["type"]] == ["RUN_STARTED", "RUN_FINISHED"]


async def test_failed_answer_exits_with_an_error(database_url: URL, tmp_path: Path) -> None:
    script = Script([Turn([Status(400)], repeat=True)])
    async with running(database_url, script) as service:
        result = await asyncio.to_thread(asking, service, tmp_path, "--once", "6*7?")
    assert result.returncode == 1
    assert "400" in result.stdout


@pytest.mark.parametrize("question", ["", " ", "x" * 8_001])
async def test_question_that_is_refused_is_explained(
    database_url: URL, tmp_path: Path, question: str
) -> None:
    async with running(database_url, Script([])) as service:
        result = await asyncio.to_thread(asking, service, tmp_path, "--once", question)
    assert result.returncode == 1
    assert "message" in result.stderr
    assert "Traceback" not in result.stderr
