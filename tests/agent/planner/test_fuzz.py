"""Whatever is said, and whatever tools answer: valid calls or an answer, never an exception."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import ToolMessage

from tests.agent.planner.contract import check
from tests.agent.planner.fabricated import Desk, messages_of, planner

WORDS = st.sampled_from(
    """revenue refunds refund rate orders how many what is my the score why compare march and april
    may last this next month months quarter q3 year 2025 2026-03 12/2025 since from to between vs
    by before after ago a two three 999 0 ytd accept dismiss reopen first second last one all
    recommendation create to about sync stripe recompute data fresh 3 % of * + ( ) 120,000 profit
    average best worst month trend it that also or not don't should please thanks help . ? ! , -
    '25 5 day week yesterday h1 half december year over mom previous same q2 h2 november january
    loan charged back percentage fees better than if was it""".split()
)
SENTENCES = st.lists(WORDS, min_size=1, max_size=14).map(" ".join)
SAID = st.one_of(SENTENCES, SENTENCES, st.text(max_size=200))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def run(texts: list[str], answer_with, role: str = "owner") -> None:
    model, messages = planner(role), messages_of(*texts, role=role)
    for _ in range(4):
        reply = model.invoke(messages)
        assert reply.invalid_tool_calls == []
        messages.append(reply)
        if not reply.tool_calls:
            assert str(reply.content).strip()
            return
        for call in reply.tool_calls:
            check(call["name"], call["args"])
            content = answer_with(call["name"], call["args"])
            messages.append(ToolMessage(content, tool_call_id=call["id"]))
    raise AssertionError(f"no end: {texts}")


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(SAID, min_size=1, max_size=3), role=st.sampled_from(["owner", "viewer"]))
def test_any_conversation_ends_in_an_answer_by_valid_calls(texts, role):
    run(texts, Desk().answer, role)


@settings(max_examples=100, deadline=None)
@given(
    text=st.sampled_from(
        [
            "revenue from May to July",
            "average revenue from May to July",
            "fees as a percentage of revenue in May",
            "what is a good score?",
            "compare March and April",
            "my score",
            "explain my score",
            "next steps?",
            "list recommendations",
            "accept the first one",
            "create a recommendation to rest",
            "sync stripe",
            "sync status",
            "business profile",
            "12 * 3",
            "revenue of all time",
        ]
    ),
    reply=JSON.map(json.dumps) | st.text(max_size=50),
)
def test_any_answer_of_a_tool_is_survived(text, reply):
    run([text], lambda _name, _args: reply)


@settings(max_examples=100, deadline=None)
@given(value=st.decimals(allow_nan=True, allow_infinity=True).map(str))
def test_any_decimal_string_is_shown_or_refused(value):
    def answer(name, args):
        if name != "query_snapshots":
            return Desk().answer(name, args)
        reply = json.loads(Desk().answer(name, args))
        reply["months"][0]["figures"][0]["value"] = value
        return json.dumps(reply)

    run(["revenue in March"], answer)
    run(["average revenue from March to May"], answer)
