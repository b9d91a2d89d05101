"""What the model sees before its first word: prompt, history and the context of this run."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agent.context import AgentContext
from agent.graph.summary import Summary
from agent.graph.trimming import MAX_TURNS, trim
from agent.graph.turns import read_turns
from agent.prompts import system_prompt
from db.repositories import history
from db.repositories.history import HistoryRow, Past, RowKind
from db.session import Database
from domain.periods import local_date
from services import businesses

# Trimming keeps conversations below MAX_TURNS; runs that end before they come here add to them.
READ_TURNS = MAX_TURNS + 20


async def load_messages(context: AgentContext) -> list[BaseMessage]:
    """Return the static prompt, the conversation so far and, last, what changes per run.

    The conversation is a summary of what no longer fits, then the latest turns with their tool
    calls. What no longer fits from now on is added to the stored summary.
    """
    past = context.past or await history.find_past(context.database, context.access, context.run_id)
    assert past is not None
    earlier, own = await _load_conversation(context.database, past)
    *before, question = own
    return [
        SystemMessage(system_prompt()),
        *earlier,
        *before,
        SystemMessage(describe_surroundings(context, past)),
        question,
    ]


async def _load_conversation(
    database: Database, past: Past
) -> tuple[list[BaseMessage], list[HumanMessage]]:
    """Return the conversation before the run, and what the run was asked."""
    rows = await history.list_rows(database, past, turns=READ_TURNS)
    trimmed = trim(read_turns(row for row in rows if row.turn_id != past.question_id))
    summary = Summary.read(past.summary) if past.summary else Summary()
    if trimmed.dropped:
        summary = summary.after(trimmed.dropped)
        ids = [turn.last_message_id for turn in trimmed.dropped if turn.last_message_id]
        async with database.unit_of_work() as session:
            await history.put_summary(
                session,
                past.conversation_id,
                covers_message_id=ids[-1] if ids else past.covers_message_id,
                covered_until=max(turn.asked_at for turn in trimmed.dropped),
                content=summary.content,
            )
    told: list[BaseMessage] = [summary.message()] if summary.questions or summary.calls else []
    told += (message for turn in trimmed.kept for message in turn.messages())
    return told, _questions_of(past, rows)


def _questions_of(past: Past, rows: list[HistoryRow]) -> list[HumanMessage]:
    # What an earlier attempt at this run has done is told again by repeating its calls.
    asked = [
        row
        for row in rows
        if row.turn_id == past.question_id and row.kind == RowKind.MESSAGE and row.name == "user"
    ]
    asked.sort(key=lambda row: (row.created_at, row.id))
    return [HumanMessage(row.text or "") for row in asked]


def describe_surroundings(context: AgentContext, past: Past) -> str:
    """Return today's date, the business and the age of its data, one `name: value` a line."""
    around = businesses.surroundings(past)
    today = local_date(context.clock(), ZoneInfo(around.time_zone))
    lines = {
        "today": today.isoformat(),
        "time_zone": around.time_zone,
        "business": " ".join(around.name.split()),
        "currency": around.currency or "unknown",
        "data_as_of": around.synced_at.isoformat() if around.synced_at else "never",
        "role": context.access.role.value,
    }
    return "\n".join(f"{name}: {value}" for name, value in lines.items())
