"""What calls of a language model cost, and what happens when the day's budget is used up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from agent import runs
from db.session import Database
from domain.limits import SpendingLimits
from domain.model_prices import parse_prices
from sandbox.model.script import Disconnect, Gate, Script, Status, Text, ToolCalls, Turn, Usage
from services.budgets import tokens_of
from tests.agent.conftest import Desk, OpenDesk
from tests.agent.test_model_faults import said
from tests.waiting import SECONDS, until_logged

# One dollar a million tokens is a million picodollars a token.
IN, CACHED, OUT = 1_000_000, 100_000, 2_000_000
PRICES = parse_prices("scripted=1/0.1/2@2026-11-01")
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
DOLLAR = 10**12
CALCULATE = ("calculate", {"expression": "2 * 21"})
QUESTION = "What is 2 * 21?"


def limits(budget: int | None = None, *, output: int = 1000) -> SpendingLimits:
    return SpendingLimits(PRICES, budget, output)


async def calls(database: Database) -> list[dict[str, Any]]:
    async with database.unit_of_work() as session:
        rows = await session.execute(text("SELECT * FROM model_calls ORDER BY id"))
        return [dict(row._mapping) for row in rows]


async def spend(database: Database) -> tuple[int, int]:
    """What is spent and what is set aside, on all days together."""
    async with database.unit_of_work() as session:
        query = "SELECT coalesce(sum(spent_picos), 0), coalesce(sum(reserved_picos), 0)"
        spent, reserved = (await session.execute(text(query + " FROM business_spend"))).one()
        return int(spent), int(reserved)


@pytest.mark.parametrize("budget", [None, DOLLAR], ids=["no budget", "a budget"])
async def test_call_costs_what_the_provider_counted(
    open_desk: OpenDesk, database: Database, budget: int | None
) -> None:
    turn = Turn([Text("Counted.")], usage=Usage(100, 20, cached_tokens=40))
    async with open_desk(Script([turn]), spending=limits(budget), clock=lambda: NOON) as desk:
        await desk.ask("Count")
    [call] = await calls(database)
    cost = 60 * IN + 40 * CACHED + 20 * OUT
    assert (call["state"], call["cost_picos"]) == ("settled", cost)
    assert (call["input_tokens"], call["cached_input_tokens"], call["output_tokens"]) == (
        100,
        40,
        20,
    )
    assert (call["model"], call["price_version"]) == ("scripted", "stated:scripted@2026-11-01")
    assert call["on_day"] == NOON.date()
    assert call["business_id"] == desk.shop.business_id
    assert call["conversation_id"] == desk.conversation_id
    assert await spend(database) == (cost, 0)


async def test_most_that_a_call_may_cost_is_set_aside_while_it_is_made(
    open_desk: OpenDesk, database: Database
) -> None:
    gate = Gate()
    turn = Turn([gate, Text("Done.")], usage=Usage(100, 20))
    async with open_desk(Script([turn]), spending=limits(DOLLAR)) as desk:
        run_id = await desk.submit("Wait")
        await gate.reached.wait()
        [call] = await calls(database)
        during = await spend(database)
        sent = desk.model.requests[-1]
        gate.open()
        await desk.events(run_id)
    assert call["state"] == "reserved"
    assert call["cost_picos"] is None
    assert call["reserved_picos"] == call["input_tokens"] * IN + 1000 * OUT
    # What is estimated to be sent is near what is sent, which has the protocol's own words beside.
    assert 0.7 < call["input_tokens"] / tokens_of(len(str(sent))) < 1.1
    assert during == (0, call["reserved_picos"])
    assert await spend(database) == (100 * IN + 20 * OUT, 0)


async def test_each_call_of_a_run_is_accounted_for(open_desk: OpenDesk, database: Database) -> None:
    script = Script(
        [
            Turn([ToolCalls([CALCULATE])], usage=Usage(50, 5)),
            Turn([Text("It is 42.")], after_tool="*", usage=Usage(90, 9)),
        ]
    )
    async with open_desk(script, spending=limits(DOLLAR)) as desk:
        await desk.ask(QUESTION)
    assert [call["input_tokens"] for call in await calls(database)] == [50, 90]
    assert await spend(database) == (140 * IN + 14 * OUT, 0)


@pytest.mark.parametrize("budget", [None, DOLLAR], ids=["no budget", "a budget"])
async def test_cancelled_call_is_charged_with_what_was_received(
    open_desk: OpenDesk, database: Database, budget: int | None
) -> None:
    gate = Gate()
    script = Script([Turn([Text("Half of it, in twelve words or so. "), gate, Text("More.")])])
    async with open_desk(script, spending=limits(budget)) as desk:
        run_id = await desk.submit("Tell me")
        await until_logged(database, run_id, "in twelve words or so. ")
        await runs.cancel(desk.runtime, desk.shop.access, run_id)
        events = await desk.events(run_id)
        heard = tokens_of(len(said(events)))
    [call] = await calls(database)
    assert events[-1].outcome.type == "cancelled"
    assert (call["state"], call["output_tokens"]) == ("estimated", heard)
    assert call["input_tokens"] > 100
    assert call["cost_picos"] == call["input_tokens"] * IN + heard * OUT
    assert await spend(database) == (call["cost_picos"], 0)


async def test_answer_that_broke_off_is_charged_with_what_was_received(
    open_desk: OpenDesk, database: Database
) -> None:
    script = Script([Turn([Text("Half of it", chunk=5), Disconnect()])])
    async with open_desk(script, spending=limits(DOLLAR)) as desk:
        events = await desk.ask("Tell me")
    assert events[-1].type == "RUN_ERROR"
    [call] = await calls(database)
    assert (call["state"], call["output_tokens"]) == ("estimated", tokens_of(len("Half of it")))
    assert await spend(database) == (call["cost_picos"], 0)


@pytest.mark.parametrize("fault", [Status(500), Status(401), Disconnect(after=0)])
@pytest.mark.parametrize("budget", [None, DOLLAR], ids=["no budget", "a budget"])
async def test_request_that_the_provider_did_not_take_costs_nothing(
    open_desk: OpenDesk, database: Database, fault: Any, budget: int | None
) -> None:
    async with open_desk(Script([Turn([fault])]), spending=limits(budget)) as desk:
        await desk.ask(QUESTION)
    [call] = await calls(database)
    assert (call["state"], call["input_tokens"], call["cost_picos"]) == ("settled", 0, 0)
    assert await spend(database) == (0, 0)


async def test_cost_of_an_unknown_model_is_unknown(open_desk: OpenDesk, database: Database) -> None:
    async with open_desk(Script([Turn([Text("Hm.")], usage=Usage(100, 20))])) as desk:
        await desk.ask("Hello")
    [call] = await calls(database)
    assert (call["cost_picos"], call["price_version"], call["input_tokens"]) == (None, None, 100)
    assert await spend(database) == (0, 0)


async def test_nothing_is_written_for_the_planner(open_desk: OpenDesk, database: Database) -> None:
    async with open_desk(Script([Turn([Status(500)])]), spending=limits(DOLLAR)) as desk:
        await desk.ask(QUESTION)
    assert [call["model"] for call in await calls(database)] == ["scripted"]


async def test_planner_answers_and_says_why_when_the_budget_is_used_up(
    open_desk: OpenDesk, database: Database
) -> None:
    first = Turn([Text("That was dear.")], user="first", usage=Usage(1_500_000, 250_000))
    budget = limits(2 * DOLLAR)
    async with open_desk(Script([first]), spending=budget, clock=lambda: NOON) as desk:
        await desk.ask("The first question")
        events = await desk.ask(QUESTION)
        assert len(desk.model.requests) == 1
    notice = (
        "_Today's budget of $2.00 for the language model is used up. It starts again at 00:00 UTC "
        "(in 12 h). Until then the built-in planner answers._\n\n"
    )
    assert said(events).startswith(notice)
    assert "42" in said(events)
    assert events[-1].type == "RUN_FINISHED"
    assert {usage.model for usage in events[-1].usage} == {"vaultra-planner"}
    async with database.unit_of_work() as session:
        query = "SELECT content FROM agent_messages WHERE role = 'assistant' ORDER BY created_at"
        stored = list((await session.execute(text(query))).scalars())
    assert "".join(stored[1:]) == said(events)
    assert len(await calls(database)) == 1
    assert await spend(database) == (2 * DOLLAR, 0)


async def test_planner_goes_on_where_the_budget_ends_in_the_middle_of_a_run(
    open_desk: OpenDesk, database: Database
) -> None:
    script = Script([Turn([ToolCalls([CALCULATE])], usage=Usage(1_999_000, 100))])
    async with open_desk(script, spending=limits(2 * DOLLAR), clock=lambda: NOON) as desk:
        events = await desk.ask(QUESTION)
    assert said(events).startswith(
        "_What is left of today's budget of $2.00 for the language model, less than $0.01, is not "
        "enough for another answer. It starts again at 00:00 UTC (in 12 h)."
    )
    assert "42" in said(events)
    async with database.unit_of_work() as session:
        assert await session.scalar(text("SELECT count(*) FROM agent_tool_calls")) == 1


async def test_budget_that_others_hold_for_the_moment_is_said_to_be_held(
    open_desk: OpenDesk, database: Database
) -> None:
    gate = Gate()
    script = Script([Turn([gate, Text("One.")], user="first", usage=Usage(10, 1))])
    # Enough for the longest answer once, not twice.
    async with open_desk(script, spending=limits(DOLLAR, output=300_000)) as desk:
        run_id = await desk.submit("The first question")
        await gate.reached.wait()
        other = Desk(desk.runtime, desk.shop, desk.model)
        events = await other.ask(QUESTION)
        gate.open()
        await desk.events(run_id)
    assert said(events).startswith(
        "_What is left of today's budget of $1.00 for the language model is set aside for answers "
        "that are being written. Ask again in a minute."
    )
    assert "42" in said(events)
    assert await spend(database) == (10 * IN + OUT, 0)


async def test_budget_starts_again_with_the_day(open_desk: OpenDesk, database: Database) -> None:
    now = datetime(2026, 11, 30, 23, 59, 30, tzinfo=UTC)
    turns = [Turn([Text("Dear.")], usage=Usage(2_000_000, 0)), Turn([Text("A new day.")])]
    async with open_desk(Script(turns), spending=limits(2 * DOLLAR), clock=lambda: now) as desk:
        await desk.ask("What is 1 + 1?")
        refused = await desk.ask(QUESTION)
        now += timedelta(seconds=30)
        answered = await desk.ask(QUESTION)
    assert "is used up. It starts again at 00:00 UTC (in 1 min)." in said(refused)
    assert said(answered) == "A new day."
    days = [str(call["on_day"]) for call in await calls(database)]
    assert days == ["2026-11-30", "2026-12-01"]


async def test_call_that_ends_behind_midnight_is_paid_by_its_own_day(
    open_desk: OpenDesk, database: Database
) -> None:
    now = datetime(2026, 11, 30, 23, 59, 30, tzinfo=UTC)
    gate = Gate()
    script = Script([Turn([gate, Text("Late.")], usage=Usage(7, 3))])
    async with open_desk(script, spending=limits(DOLLAR), clock=lambda: now) as desk:
        run_id = await desk.submit("Wait")
        await gate.reached.wait()
        now += timedelta(minutes=1)
        gate.open()
        await desk.events(run_id)
    async with database.unit_of_work() as session:
        rows = await session.execute(text("SELECT * FROM business_spend"))
        [row] = [dict(row._mapping) for row in rows]
    assert (str(row["on_day"]), row["spent_picos"]) == ("2026-11-30", 7 * IN + 3 * OUT)
    assert row["reserved_picos"] == 0


async def test_call_keeps_the_price_of_its_day(open_desk: OpenDesk, database: Database) -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    prices = parse_prices("scripted=1/0.1/2@2026-11-01,scripted=5/0.5/10@2026-12-01")
    turn = Turn([Text("Same.")], usage=Usage(100, 10), repeat=True)
    async with open_desk(
        Script([turn]), spending=SpendingLimits(prices), clock=lambda: now
    ) as desk:
        await desk.ask("Before")
        now += timedelta(days=1)
        await desk.ask("After")
    assert [(call["price_version"], call["cost_picos"]) for call in await calls(database)] == [
        ("stated:scripted@2026-11-01", 100 * IN + 10 * OUT),
        ("stated:scripted@2026-12-01", 5 * (100 * IN + 10 * OUT)),
    ]


async def test_many_runs_at_once_stay_within_the_budget(
    open_desk: OpenDesk, database: Database
) -> None:
    gate = Gate()
    script = Script([Turn([gate, Text("Yes.")], usage=Usage(1000, 1000), repeat=True)])
    async with open_desk(script, spending=limits(DOLLAR, output=130_000)) as desk:
        desks = [Desk(desk.runtime, desk.shop, desk.model) for _ in range(12)]
        ids = [await one.submit(QUESTION) for one in desks]
        async with asyncio.timeout(SECONDS):
            while (await _ended(database)) + len(desk.model.requests) < 12:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        spent, reserved = await spend(database)
        gate.open()
        answers = [said(await one.events(run_id)) for one, run_id in zip(desks, ids, strict=True)]
    assert spent + reserved <= DOLLAR
    # Each sets aside a quarter of a dollar and a bit: three fit.
    assert sorted(answer == "Yes." for answer in answers) == [False] * 9 + [True] * 3
    assert await spend(database) == (3 * 1000 * (IN + OUT), 0)


async def _ended(database: Database) -> int:
    async with database.unit_of_work() as session:
        query = text("SELECT count(*) FROM agent_runs WHERE state = 'completed'")
        return int((await session.execute(query)).scalar_one())
