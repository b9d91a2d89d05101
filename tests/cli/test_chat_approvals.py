"""What `vaultra chat` asks before the agent writes, in a terminal and without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from sqlalchemy.engine import URL

from sandbox.model.script import Script, Text, ToolCalls, Turn
from tests.api.service import running
from tests.cli.terminal import PROMPT, asking, chatting

ARGUMENTS = {"title": "Reduce refunds", "description": "They grow.", "category": "risk"}
CHOICES = "y / n / e"
TITLES = "SELECT title FROM recommendations"


def proposing() -> Script:
    return Script(
        [
            Turn([ToolCalls([("create_recommendation", ARGUMENTS)])], user="Note it"),
            Turn([Text("So be it.")], after_tool="create_recommendation"),
            Turn([Text("Go on.")], repeat=True),
        ]
    )


def saying_yes(chat: pexpect.spawn) -> None:
    chat.sendline("y")


def saying_no(chat: pexpect.spawn) -> None:
    chat.sendline("n")


def editing(chat: pexpect.spawn) -> None:
    chat.sendline("e")
    chat.expect("arguments: ")
    # Ctrl-A, then forward to behind a word; what is no JSON is asked for again.
    chat.sendline("}")
    chat.expect("This is not JSON")
    chat.expect("arguments: ")
    chat.send("\x7f\x01" + "\x1b[C" * len('{"title": "Reduce') + " half of")
    chat.sendline("")


@pytest.mark.parametrize(
    ("act", "mark", "title"),
    [
        (saying_yes, "done", "Reduce refunds"),
        (saying_no, "denied", None),
        (editing, "done", "Reduce half of refunds"),
    ],
)
async def test_what_would_be_written_is_asked_first(
    database_url: URL,
    tmp_path: Path,
    act: Callable[[pexpect.spawn], None],
    mark: str,
    title: str | None,
) -> None:
    def converse(chat: pexpect.spawn) -> None:
        chat.sendline("Note it")
        chat.expect(CHOICES)
        chat.sendline("perhaps")
        chat.expect("y approves, n denies")
        chat.expect(CHOICES)
        act(chat)
        chat.expect("So be it")
        chat.expect(PROMPT)

    async with running(database_url, proposing()) as service:
        screen = await chatting(service, tmp_path, converse)
        assert await service.query(TITLES) == title
    assert "Create the recommendation “Reduce refunds” with medium priority?" in screen
    assert "description: They grow." in screen
    assert f"create_recommendation: {mark}" in screen


async def test_ctrl_c_at_the_question_cancels_the_run_and_not_the_program(
    database_url: URL, tmp_path: Path
) -> None:
    def act(chat: pexpect.spawn) -> None:
        chat.sendline("Note it")
        chat.expect(CHOICES)
        chat.sendintr()
        chat.expect("Cancelled. Nothing was changed.")
        chat.expect(PROMPT)
        chat.sendline("And now?")
        chat.expect("Go on")
        chat.expect(PROMPT)

    async with running(database_url, proposing()) as service:
        await chatting(service, tmp_path, act)
        assert await service.query(TITLES) is None
        assert await service.query("SELECT state FROM approvals") == "withdrawn"


async def test_what_was_left_open_is_asked_again_later(database_url: URL, tmp_path: Path) -> None:
    def act(chat: pexpect.spawn) -> None:
        saying_yes(chat)
        chat.expect("So be it")
        chat.expect(PROMPT)

    async with running(database_url, proposing()) as service:
        await service.ask("Note it")
        again = ("--conversation", service.thread_id)
        await chatting(service, tmp_path, act, *again, first=CHOICES)
        assert await service.query(TITLES) == "Reduce refunds"


async def test_ctrl_d_at_the_question_leaves_it_open(database_url: URL, tmp_path: Path) -> None:
    def act(chat: pexpect.spawn) -> None:
        chat.sendline("Note it")
        chat.expect(CHOICES)

    async with running(database_url, proposing()) as service:
        screen = await chatting(service, tmp_path, act)
        assert await service.query("SELECT state FROM approvals") == "pending"
    assert "Go on later with: vaultra chat --conversation" in screen


async def test_without_a_terminal_nothing_is_written_unasked(
    database_url: URL, tmp_path: Path
) -> None:
    async with running(database_url, proposing()) as service:
        result = await asyncio.to_thread(asking, service, tmp_path, "--once", "Note it")
        assert await service.query(TITLES) is None
        waiting = await service.query("SELECT conversation_id FROM agent_runs")
    assert result.returncode == 3
    assert "Create the recommendation “Reduce refunds”" in result.stdout
    assert f"vaultra chat --conversation {waiting}" in result.stderr


@pytest.mark.parametrize(("option", "title"), [("--yes", "Reduce refunds"), ("--no", None)])
async def test_option_answers_all_that_is_asked(
    database_url: URL, tmp_path: Path, option: str, title: str | None
) -> None:
    async with running(database_url, proposing()) as service:
        result = await asyncio.to_thread(asking, service, tmp_path, "--once", "Note it", option)
        assert await service.query(TITLES) == title
    assert result.returncode == 0
    assert "So be it." in result.stdout


async def test_json_holds_the_events_of_both_runs(database_url: URL, tmp_path: Path) -> None:
    arguments = ("--once", "Note it", "--json", "--yes")
    async with running(database_url, proposing()) as service:
        result = await asyncio.to_thread(asking, service, tmp_path, *arguments)
    events = [json.loads(line) for line in result.stdout.splitlines()]
    outcomes = [event["outcome"]["type"] for event in events if event["type"] == "RUN_FINISHED"]
    assert result.returncode == 0
    assert outcomes == ["interrupt", "success"]


async def test_json_without_an_answer_ends_with_what_is_asked(
    database_url: URL, tmp_path: Path
) -> None:
    async with running(database_url, proposing()) as service:
        result = await asyncio.to_thread(asking, service, tmp_path, "--once", "Note it", "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 3
    assert events[-1]["outcome"]["type"] == "interrupt"
