"""What the model sees before its first word: prompt, history and the context of this run."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agent.context import AgentContext, Session
from agent.prompts import system_prompt
from db.repositories import conversations, runs
from domain.periods import local_date
from services import businesses, syncs

# Recent enough to follow a conversation, few enough for any model's window.
HISTORY_MESSAGES = 40


async def load_messages(context: AgentContext) -> list[BaseMessage]:
    """Return the static prompt, the conversation so far and, last, what changes per run."""
    async with context.database.unit_of_work() as session:
        run = await runs.find_run_to_execute(session, context.run_id)
        assert run is not None
        history = await conversations.list_history(session, run, limit=HISTORY_MESSAGES)
        surroundings = await describe_surroundings(session, context)
    *earlier, question = [
        HumanMessage(message.content) if message.role == "user" else AIMessage(message.content)
        for message in history
    ]
    return [SystemMessage(system_prompt()), *earlier, SystemMessage(surroundings), question]


async def describe_surroundings(session: Session, context: AgentContext) -> str:
    """Return today's date, the business and the age of its data, one `name: value` a line."""
    now = context.clock()
    profile = await businesses.profile(session, context.access)
    status = await syncs.sync_status(session, context.access, now=now)
    today = local_date(now, ZoneInfo(profile.time_zone))
    lines = {
        "today": today.isoformat(),
        "time_zone": profile.time_zone,
        "business": " ".join(profile.name.split()),
        "currency": profile.currency or "unknown",
        "data_as_of": status.last_synced_at.isoformat() if status.last_synced_at else "never",
        "role": context.access.role.value,
    }
    return "\n".join(f"{name}: {value}" for name, value in lines.items())
