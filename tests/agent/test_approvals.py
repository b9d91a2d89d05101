"""What a person notices of a run that asks before it writes."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from ag_ui.core import Interrupt
from ag_ui_validate.pytest_plugin import assert_valid_agui
from sqlalchemy import text

from agent import runs
from agent.deciding import expire_overdue
from agent.runs import Answer
from db.repositories.approvals import put_without_approval
from db.session import Database
from domain.access import Role
from domain.errors import (
    ApprovalDecidedError,
    ApprovalExpiredError,
    ApprovalPendingError,
    InvalidInputError,
    NotFoundError,
    RunIdReusedError,
)
from sandbox.model.script import Script, Text, ToolCalls, Turn
from services import recommendations
from tests.agent.conftest import Desk, OpenDesk

CREATE = (
    "create_recommendation",
    {"title": "Reduce refunds", "description": "They grow.", "category": "risk"},
)
OTHER = (
    "create_recommendation",
    {"title": "Raise prices", "description": "They are low.", "category": "revenue"},
)


def _script(*calls, done: str = "Noted.") -> Script:
    return Script(
        [
            Turn([ToolCalls(calls)]),
            Turn([Text(done)], after_tool="*", repeat=True),
            Turn([Text("Go on.")], repeat=True),
        ]
    )


def _asked(events) -> list[Interrupt]:
    assert_valid_agui([event.model_dump(by_alias=True, mode="json") for event in events])
    assert events[-1].outcome.type == "interrupt"
    return events[-1].outcome.interrupts


def _results(events) -> dict[str, str]:
    return {e.tool_call_id: e.content for e in events if e.type == "TOOL_CALL_RESULT"}


def _yes(interrupt: Interrupt, **more: object) -> Answer:
    return Answer(UUID(interrupt.id), approved=True, **more)  # type: ignore[arg-type]


def _no(interrupt: Interrupt) -> Answer:
    return Answer(UUID(interrupt.id), approved=False)


async def _titles(database: Database) -> list[str]:
    async with database.unit_of_work() as session:
        found = await session.execute(text("SELECT title FROM recommendations ORDER BY title"))
        return list(found.scalars())


async def _one(database: Database, sql: str, **values: object):
    async with database.unit_of_work() as session:
        return (await session.execute(text(sql), values)).scalar_one()


async def test_nothing_is_written_before_a_person_has_said_yes(
    open_desk: OpenDesk, database
) -> None:
    async with open_desk(_script(CREATE)) as desk:
        [interrupt] = _asked(await desk.ask("Note it"))
        assert await _titles(database) == []
        assert "Reduce refunds" in str(interrupt.message)
        events = await desk.events(await desk.resume(_yes(interrupt)))
    assert await _titles(database) == ["Reduce refunds"]
    assert list(_results(events)) == [interrupt.tool_call_id]
    # The result belongs to a call of the run before, which the validator does not look at.
    assert_valid_agui(
        [event.model_dump(by_alias=True, mode="json") for event in events],
        severity_overrides={"AGUI207": "off"},
    )
    assert "TOOL_CALL_START" not in {event.type.value for event in events}
    assert events[-1].outcome.type == "success"


async def test_run_that_went_on_has_the_question_and_its_calls_before_it(
    open_desk: OpenDesk,
) -> None:
    async with open_desk(_script(("calculate", {"expression": "1+1"}), CREATE)) as desk:
        [interrupt] = _asked(await desk.ask("Note it"))
        await desk.events(await desk.resume(_yes(interrupt)))
        seen = [m for m in desk.model.requests[-1]["messages"] if m["role"] != "system"]
        await desk.ask("What did we do?")
        later = [m for m in desk.model.requests[-1]["messages"] if m["role"] != "system"]
    assert [m["role"] for m in seen] == ["user", "assistant", "tool", "tool"]
    assert len(seen[1]["tool_calls"]) == 2
    # The next question finds the whole turn, once.
    assert [m["role"] for m in later].count("user") == 2
    asked = [call["id"] for m in later for call in m.get("tool_calls") or ()]
    answered = [m["tool_call_id"] for m in later if m["role"] == "tool"]
    assert sorted(asked) == sorted(answered) == sorted(set(asked))
    assert len(asked) == 2


async def test_a_no_changes_nothing_and_the_model_is_told(open_desk: OpenDesk, database) -> None:
    async with open_desk(_script(CREATE, done="As you wish.")) as desk:
        [interrupt] = _asked(await desk.ask("Note it"))
        events = await desk.events(await desk.resume(_no(interrupt)))
        told = desk.model.requests[-1]["messages"][-1]
    assert await _titles(database) == []
    assert "denied" in told["content"]
    assert events[-1].outcome.type == "success"


async def test_what_is_edited_is_what_is_done(open_desk: OpenDesk, database) -> None:
    edited = {**CREATE[1], "title": "Reduce refunds by half"}
    async with open_desk(_script(CREATE)) as desk:
        [interrupt] = _asked(await desk.ask("Note it"))
        answer = _yes(interrupt, edited_arguments=edited)
        await desk.events(await desk.resume(answer))
    assert await _titles(database) == ["Reduce refunds by half"]
    stored = await _one(database, "SELECT arguments FROM agent_tool_calls")
    assert stored["title"] == "Reduce refunds by half"


async def test_edits_that_do_not_fit_are_refused_and_the_approval_stays_open(
    open_desk: OpenDesk, database
) -> None:
    async with open_desk(_script(CREATE)) as desk:
        [interrupt] = _asked(await desk.ask("Note it"))
        with pytest.raises(InvalidInputError, match="category"):
            await desk.resume(_yes(interrupt, edited_arguments={**CREATE[1], "category": "fun"}))
        await desk.events(await desk.resume(_yes(interrupt)))
    assert await _titles(database) == ["Reduce refunds"]


async def test_all_that_is_open_is_answered_at_once(open_desk: OpenDesk, database) -> None:
    async with open_desk(_script(CREATE, OTHER)) as desk:
        first, second = _asked(await desk.ask("Note both"))
        with pytest.raises(InvalidInputError, match=second.id):
            await desk.resume(_yes(first))
        await desk.events(await desk.resume(_yes(first), _no(second)))
    assert len(await _titles(database)) == 1


async def test_answers_at_the_same_moment_have_one_effect(open_desk: OpenDesk, database) -> None:
    async with open_desk(_script(CREATE)) as desk:
        [interrupt] = _asked(await desk.ask("Note it"))
        tries = [desk.resume(_yes(interrupt)) for _ in range(10)]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        [run_id] = [one for one in outcomes if isinstance(one, str)]
        await desk.events(run_id)
        refused = [one for one in outcomes if not isinstance(one, str)]
        assert {type(one) for one in refused} == {ApprovalDecidedError}
        with pytest.raises(ApprovalDecidedError):
            await desk.resume(_no(interrupt))
    assert await _titles(database) == ["Reduce refunds"]


async def test_same_answer_by_the_same_run_attaches(open_desk: OpenDesk, database) -> None:
    async with open_desk(_script(CREATE)) as desk:
        [interrupt] = _asked(await desk.ask("Note it"))
        for _ in range(2):
            await desk.resume(_yes(interrupt), run_id="again")
        with pytest.raises(RunIdReusedError):
            await desk.resume(_no(interrupt), run_id="again")
        await desk.events("again")
    assert await _one(database, "SELECT count(*) FROM agent_runs") == 2


async def test_plain_message_is_refused_while_an_approval_waits(open_desk: OpenDesk) -> None:
    async with open_desk(_script(CREATE)) as desk:
        [interrupt] = _asked(await desk.ask("Note it"))
        for when_busy in ("enqueue", "reject"):
            with pytest.raises(ApprovalPendingError):
                await desk.submit("And now?", when_busy=when_busy)
        events = await desk.events(await desk.resume(_yes(interrupt)))
    assert events[-1].outcome.type == "success"


async def test_question_that_waited_is_answered_after_the_approval(open_desk: OpenDesk) -> None:
    script = Script(
        [
            Turn([ToolCalls([CREATE])], user="note"),
            Turn([Text("Noted.")], user="note", after_tool="*"),
            Turn([Text("Later.")], user="later"),
        ]
    )
    async with open_desk(script, with_worker=False) as desk:
        first = await desk.submit("note")
        second = await desk.submit("later")
        await desk.execute(first)
        [interrupt] = _asked(await desk.events(first))
        third = await desk.resume(_yes(interrupt))
        await desk.execute(third)
        await desk.execute(second)
        events = await desk.events(second)
    assert [e.delta for e in events if e.type == "TEXT_MESSAGE_CONTENT"] == ["Later."]


async def test_cancelled_while_it_waits_frees_the_conversation(
    open_desk: OpenDesk, database
) -> None:
    async with open_desk(_script(CREATE)) as desk:
        run_id = await desk.submit("Note it")
        [interrupt] = _asked(await desk.events(run_id))
        assert await runs.cancel(desk.runtime, desk.shop.access, run_id) == "cancelled"
        with pytest.raises(ApprovalDecidedError):
            await desk.resume(_yes(interrupt))
        events = await desk.ask("And now?")
        seen = desk.model.requests[-1]["messages"]
    assert events[-1].outcome.type == "success"
    assert await _titles(database) == []
    asked = [call["id"] for m in seen for call in m.get("tool_calls") or ()]
    assert asked == [m["tool_call_id"] for m in seen if m["role"] == "tool"] != []


async def test_interrupting_message_withdraws_the_question(open_desk: OpenDesk, database) -> None:
    async with open_desk(_script(CREATE)) as desk:
        _asked(await desk.ask("Note it"))
        events = await desk.events(await desk.submit("No, wait", when_busy="interrupt"))
    assert events[-1].outcome.type == "success"
    assert await _one(database, "SELECT state FROM approvals") == "withdrawn"


async def test_expired_approval_cannot_be_given_and_blocks_nobody(
    open_desk: OpenDesk, database
) -> None:
    async with open_desk(_script(CREATE)) as desk:
        [interrupt] = _asked(await desk.ask("Note it"))
        await _expire(database)
        with pytest.raises(ApprovalExpiredError):
            await desk.resume(_yes(interrupt))
        events = await desk.ask("And now?")
        with pytest.raises(ApprovalExpiredError):
            await desk.resume(_yes(interrupt))
    assert events[-1].outcome.type == "success"
    assert await _titles(database) == []
    assert await _one(database, "SELECT state FROM approvals") == "expired"


async def test_expired_approval_is_ended_by_itself(open_desk: OpenDesk, database) -> None:
    async with open_desk(_script(CREATE)) as desk:
        _asked(await desk.ask("Note it"))
        assert await expire_overdue(database, desk.runtime.clock()) == 0
        await _expire(database)
        assert await expire_overdue(database, desk.runtime.clock()) == 1
        assert await expire_overdue(database, desk.runtime.clock()) == 0
    assert await _one(database, "SELECT state FROM agent_runs") == "cancelled"
    assert await _one(database, "SELECT result LIKE '%in time%' FROM agent_tool_calls")


async def _expire(database: Database) -> None:
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE approvals SET expires_at = now() - interval '1 s'"))


async def test_changed_recommendation_is_not_written_over(
    open_desk: OpenDesk, database, shop
) -> None:
    async with database.unit_of_work() as session:
        made = await recommendations.create(
            session,
            shop.access,
            title="Keep receipts",
            description="For the taxes.",
            category="operations",
        )
    noted = made.recommendation.id
    update = ("update_recommendation", _accept(noted))
    async with open_desk(_script(update)) as desk:
        [interrupt] = _asked(await desk.ask("Accept it"))
        async with database.unit_of_work() as session:
            await recommendations.update(session, shop.access, noted, title="Keep all receipts")
        events = await desk.events(await desk.resume(_yes(interrupt)))
    [result] = _results(events).values()
    assert "has changed" in result
    assert await _one(database, "SELECT status FROM recommendations") == "pending"


def _accept(recommendation_id: UUID) -> dict[str, str]:
    return {"recommendation_id": str(recommendation_id), "status": "accepted"}


async def test_role_that_was_taken_away_meanwhile_writes_nothing(
    open_desk: OpenDesk, database
) -> None:
    async with open_desk(_script(CREATE), with_worker=False) as desk:
        run_id = await desk.submit("Note it")
        await desk.execute(run_id)
        [interrupt] = _asked(await desk.events(run_id))
        resumed = await desk.resume(_yes(interrupt))
        await _make(database, desk, Role.VIEWER)
        await desk.execute(resumed)
        [result] = _results(await desk.events(resumed)).values()
    assert result.startswith("Error: A viewer may not")
    assert await _titles(database) == []


async def _make(database: Database, desk: Desk, role: Role) -> None:
    async with database.unit_of_work() as session:
        await session.execute(
            text("UPDATE user_business_memberships SET role = :role WHERE user_id = :id"),
            {"role": role.value, "id": desk.shop.access.user_id},
        )


async def test_user_who_was_taken_out_meanwhile_gets_a_clear_end(
    open_desk: OpenDesk, database
) -> None:
    async with open_desk(_script(CREATE), with_worker=False) as desk:
        run_id = await desk.submit("Note it")
        async with database.unit_of_work() as session:
            await session.execute(text("DELETE FROM user_business_memberships"))
        await desk.execute(run_id)
        [*_, last] = await desk.events(run_id)
    assert (last.type, last.code) == ("RUN_ERROR", "not_found")
    assert "no longer a member" in last.message
    assert await _one(database, "SELECT state FROM agent_runs") == "failed"


async def test_call_for_something_that_does_not_exist_is_not_put_to_a_person(
    open_desk: OpenDesk,
) -> None:
    update = ("update_recommendation", _accept(uuid4()))
    async with open_desk(_script(update)) as desk:
        events = await desk.ask("Accept it")
    [result] = _results(events).values()
    assert "no such recommendation" in result
    assert events[-1].outcome.type == "success"


async def test_wrong_arguments_are_explained_and_not_put_to_a_person(open_desk: OpenDesk) -> None:
    async with open_desk(_script(("create_recommendation", {"title": "X"}))) as desk:
        events = await desk.ask("Note it")
    [result] = _results(events).values()
    assert result.startswith("Error:")
    assert events[-1].outcome.type == "success"


async def test_business_can_let_the_agent_write_without_asking(
    open_desk: OpenDesk, database
) -> None:
    async with open_desk(_script(CREATE)) as desk:
        async with database.unit_of_work() as session:
            await put_without_approval(session, desk.shop.business_id, ["create_recommendation"])
        events = await desk.ask("Note it")
    assert events[-1].outcome.type == "success"
    assert await _titles(database) == ["Reduce refunds"]


async def test_approval_of_another_conversation_is_not_found_here(open_desk: OpenDesk) -> None:
    async with open_desk(_script(CREATE)) as desk:
        _asked(await desk.ask("Note it"))
        with pytest.raises(NotFoundError):
            await desk.resume(Answer(uuid4(), approved=True))
