"""What the model sees before its first word: prompt, history and the context of this run."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agent.context import AgentContext, Session
from agent.graph.summary import Summary
from agent.graph.trimming import MAX_TURNS, trim
from agent.graph.turns import read_turns
from agent.prompts import system_prompt
from db.models import Run
from db.repositories import history
from db.repositories.history import HistoryRow, RowKind
from domain.periods import local_date
from services import businesses

# Trimming keeps conversations below MAX_TURNS; runs that end before they come here add to them.
READ_TURNS = MAX_TURNS + 20


async def load_messages(context: AgentContext) -> list[BaseMessage]:
    """Return the static prompt, the conversation so far and, last, what changes per run.

    The conversation is a summary of what no longer fits, then the latest turns with their tool
    calls. What no longer fits from now on is added to the stored summary.
    """
    async with context.database.unit_of_work() as session:
        run = await history.find_run(session, context.run_id)
        assert run is not None
        run = await history.find_question(session, run)
        earlier, own = await _load_conversation(session, run)
        surroundings = await describe_surroundings(session, context)
    *before, question = own
    return [
        SystemMessage(system_prompt()),
        *earlier,
        *before,
        SystemMessage(surroundings),
        question,
    ]


async def _load_conversation(
    session: Session, run: Run
) -> tuple[list[BaseMessage], list[HumanMessage]]:
    """Return the conversation before the run, and what the run was asked."""
    stored = await history.find_summary(session, run.conversation_id)
    after = stored.covered_until if stored else None
    rows = await history.list_rows(session, run, after=after, turns=READ_TURNS)
    trimmed = trim(read_turns(row for row in rows if row.turn_id != run.id))
    summary = Summary.read(stored.content) if stored else Summary()
    if trimmed.dropped:
        summary = summary.after(trimmed.dropped)
        ids = [turn.last_message_id for turn in trimmed.dropped if turn.last_message_id]
        known = stored.covers_message_id if stored else None
        await history.put_summary(
            session,
            run.conversation_id,
            covers_message_id=ids[-1] if ids else known,
            covered_until=max(turn.asked_at for turn in trimmed.dropped),
            content=summary.content,
        )
    told: list[BaseMessage] = [summary.message()] if summary.questions or summary.calls else []
    told += (message for turn in trimmed.kept for message in turn.messages())
    return told, _questions_of(run, rows)


def _questions_of(run: Run, rows: list[HistoryRow]) -> list[HumanMessage]:
    # What an earlier attempt at this run has done is told again by repeating its calls.
    asked = [
        row
        for row in rows
        if row.turn_id == run.id and row.kind == RowKind.MESSAGE and row.name == "user"
    ]
    asked.sort(key=lambda row: (row.created_at, row.id))
    return [HumanMessage(row.text or "") for row in asked]


async def describe_surroundings(session: Session, context: AgentContext) -> str:
    """Return today's date, the business and the age of its data, one `name: value` a line."""
    around = await businesses.surroundings(session, context.access)
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
