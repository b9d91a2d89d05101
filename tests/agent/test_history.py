"""What the model is given of the conversation before its run, from the rows that are stored."""

from __future__ import annotations

import orjson
import pytest
from langchain_core.messages import SystemMessage

from agent.context import CANCELLED
from agent.graph.history import READ_TURNS
from db.models import ConversationSummary
from db.session import Database
from sandbox.model.script import Script, Text, ToolCalls, Turn
from tests.agent.conftest import OpenDesk
from tests.agent.stored_past import Past, as_sent, conversation_in
from tests.factories import Shop


@pytest.fixture
async def past(database: Database, shop: Shop) -> Past:
    return await Past(database, shop).begin()


def figures(number: int, *, characters: int = 0) -> str:
    """A tool's result that names itself at its beginning, so long."""
    months = [{"month": f"m{n}", "value": "1234.50"} for n in range(characters // 34)]
    content = {"figure": f"{number}.00", "as_of": f"2026-10-{number:02}T00:00:00Z"}
    return orjson.dumps({**content, "months": months}).decode()


async def summary_of(past: Past) -> ConversationSummary | None:
    async with past.database.unit_of_work() as session:
        return await session.get(ConversationSummary, past.conversation_id)


async def test_follow_up_is_given_what_was_read_for_the_question_before(past: Past) -> None:
    await past.turn("Revenue in October?", figures(1), answer="1.00 USD.")
    messages = await past.ask("And the month before?")
    assert conversation_in(messages) == [
        ("user", "Revenue in October?"),
        ("assistant", "<query_snapshots>"),
        ("tool", figures(1)),
        ("assistant", "1.00 USD."),
        ("user", "And the month before?"),
    ]


async def test_what_changes_from_run_to_run_stands_just_before_the_question(past: Past) -> None:
    await past.turn("Hello")
    roles = [message["role"] for message in as_sent(await past.ask("First", "Second"))]
    assert roles == ["system", "user", "assistant", "user", "system", "user"]


async def test_text_stored_while_its_calls_ran_goes_with_them(past: Past) -> None:
    run = past.run()
    asked = past.message("user", "Both?", run)
    call = past.call(run, "get_readiness", "61")
    text = past.message("assistant", "Let me see.", run)
    other = past.call(run, "explain_readiness", "because")
    call.finished_at = other.finished_at
    await past.store(run, asked, call, text, other, past.message("assistant", "61.", run))
    assert conversation_in(await past.ask("Thanks"))[1:5] == [
        ("assistant", "Let me see.<get_readiness><explain_readiness>"),
        ("tool", "61"),
        ("tool", "because"),
        ("assistant", "61."),
    ]


async def test_calls_one_after_the_other_are_given_so(past: Past) -> None:
    await past.turn("Twice", "one", "two")
    said = conversation_in(await past.ask("Thanks"))
    assert [text for _, text in said[1:5]] == [
        "<query_snapshots>",
        "one",
        "<query_snapshots>",
        "two",
    ]


async def test_call_without_a_result_is_given_as_cancelled(past: Past) -> None:
    run = past.run()
    asked = past.message("user", "Sync", run)
    await past.store(run, asked, past.call(run, "trigger_stripe_sync", None))
    assert conversation_in(await past.ask("And?"))[1:3] == [
        ("assistant", "<trigger_stripe_sync>"),
        ("tool", CANCELLED),
    ]


@pytest.mark.parametrize(
    ("role", "content"), [("assistant", " \n"), ("tool", "42"), ("system", "!")]
)
async def test_what_is_no_message_of_ours_is_left_out(past: Past, role: str, content: str) -> None:
    run = past.run()
    asked = past.message("user", "Well?", run)
    await past.store(run, asked, past.message(role, content, run))
    said = conversation_in(await past.ask("Hello?"))
    assert said == [("user", "Well?"), ("user", "Hello?")]


async def test_messages_that_no_run_asked_are_given_in_their_place(past: Past) -> None:
    rows = [past.message("user", "Old"), past.message("assistant", "Older answer")]
    await past.store(*rows)
    await past.turn("New")
    said = [text for _, text in conversation_in(await past.ask("Newest"))]
    assert said == ["Old", "Older answer", "New", "Here you are.", "Newest"]


async def test_question_that_waits_is_not_given_to_the_run_before_it(past: Past) -> None:
    first, second = past.run(), past.run()
    await past.store(first, second)
    await past.store(past.message("user", "first", first), past.message("user", "second", second))
    assert conversation_in(await past.load(first)) == [("user", "first")]
    await past.store(past.message("assistant", "One.", first))
    assert [text for _, text in conversation_in(await past.load(second))] == [
        "first",
        "One.",
        "second",
    ]


async def test_other_conversations_are_not_given(past: Past, database, shop) -> None:
    other = await Past(database, shop, at=past.at).begin()
    await other.turn("Elsewhere", "secret figure")
    assert conversation_in(await past.ask("Here")) == [("user", "Here")]


async def test_long_results_of_older_turns_are_shortened_before_a_turn_is_dropped(
    past: Past,
) -> None:
    for number in range(1, 5):
        await past.turn(f"Question {number}", figures(number, characters=16_000))
    said = conversation_in(await past.ask("And?"))
    results = [text for role, text in said if role == "tool"]
    assert [text.endswith("call again for the rest]") for text in results] == [
        True,
        True,
        False,
        False,
    ]
    assert all(f'"{n}.00"' in text for n, text in enumerate(results, 1))
    assert results[-1] == figures(4, characters=16_000)
    assert await summary_of(past) is None


async def test_what_is_dropped_leaves_its_questions_and_what_was_read(past: Past) -> None:
    for number in range(1, 9):
        await past.turn(f"Question {number}?", figures(number), answer="word " * 1_600)
    messages = await past.ask("And?")
    said = conversation_in(messages)
    kept = [text for role, text in said if role == "user"]
    assert kept == ["Question 5?", "Question 6?", "Question 7?", "Question 8?", "And?"]
    summary = said[0][1]
    assert [f"Question {n}?" in summary for n in range(1, 6)] == [True, True, True, True, False]
    assert 'query_snapshots {"number":0} (data as of 2026-10-04T00:00:00Z)' in summary
    assert not any(
        "Question" in str(message.text)
        for message in messages
        if isinstance(message, SystemMessage)
    )


async def test_summary_is_carried_on_and_never_made_anew(past: Past) -> None:
    for number in range(1, 9):
        await past.turn(f"Question {number}?", answer="word " * 1_600)
    await past.ask("And?")
    first = await summary_of(past)
    assert first is not None
    # What it covers is not read again: it could as well be gone.
    for number in range(9, 13):
        await past.turn(f"Question {number}?", answer="word " * 1_600)
    said = conversation_in(await past.ask("And now?"))
    second = await summary_of(past)
    assert second is not None
    assert second.covered_until > first.covered_until
    assert (
        second.content["questions"][: len(first.content["questions"])]
        == (first.content["questions"])
    )
    told = second.content["questions"] + [text for role, text in said if role == "user"]
    expected = [f"Question {n}?" for n in range(1, 13)]
    assert [text for text in told if text in expected] == expected


async def test_run_that_is_repeated_is_given_the_same_again(past: Past) -> None:
    for number in range(1, 12):
        await past.turn(
            f"Question {number}?", figures(number, characters=9_000), answer="w " * 4_000
        )
    run = past.run()
    await past.store(run, past.message("user", "And?", run))
    assert as_sent(await past.load(run)) == as_sent(await past.load(run))
    assert await summary_of(past) is not None


async def test_conversation_of_short_turns_loses_none_of_them_unsaid(past: Past) -> None:
    for number in range(READ_TURNS + 20):
        await past.turn(f"Question {number}?")
        await past.ask(f"Follow-up {number}?")
    said = conversation_in(await past.ask("And?"))
    questions = [text for role, text in said if role == "user"]
    summary = await summary_of(past)
    assert summary is not None
    expected = [
        f"{kind} {n}?" for n in range(READ_TURNS + 20) for kind in ("Question", "Follow-up")
    ]
    told = [*summary.content["questions"], *questions[:-1]]
    assert told == expected[-len(told) :]


async def test_next_run_is_given_what_this_one_read(open_desk: OpenDesk) -> None:
    script = Script(
        [
            Turn([Text("Let me see. "), ToolCalls([("calculate", {"expression": "2 * 21"})])]),
            Turn([Text("It is {result}.")], after_tool="calculate"),
            Turn([Text("Half is 21.")], user="half"),
        ]
    )
    async with open_desk(script) as desk:
        await desk.ask("What is 2 * 21?")
        seen = desk.model.requests[-1]["messages"][-1]["content"]
        await desk.ask("And half of it?")
        sent = [m for m in desk.model.requests[-1]["messages"] if m["role"] != "system"]
    assert [message["role"] for message in sent] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert sent[1]["content"] == "Let me see. "
    assert sent[1]["tool_calls"][0]["function"]["name"] == "calculate"
    assert sent[2]["content"] == seen
