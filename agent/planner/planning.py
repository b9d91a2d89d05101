"""One turn of the planner: understand the message, then call tools or answer."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from langchain_core.messages import BaseMessage

from agent.planner.figures import inert
from agent.planner.intents import Intent
from agent.planner.parse import understand
from agent.planner.section import Section, answer_text
from agent.planner.stepping import Steps
from agent.planner.steps import steps_for, tools_for
from agent.planner.transcript import Call, Turn, read_turn
from domain.access import PERMISSIONS, Permission, Role
from domain.errors import VaultraError

_DEEDS = {
    "create_recommendation": (Permission.WRITE_RECOMMENDATIONS, "create recommendations"),
    "update_recommendation": (Permission.WRITE_RECOMMENDATIONS, "change recommendations"),
    "recompute_readiness": (Permission.RECOMPUTE, "recompute the score"),
    "trigger_stripe_sync": (Permission.SYNC, "start a Stripe sync"),
}
_LOOK_UP = (Permission.READ, "look that up")


@dataclass(frozen=True, slots=True)
class Plan:
    """What comes next: tool calls, or else the answer's text; `marker` names the turn."""

    calls: tuple[Call, ...]
    text: str
    marker: str


def next_plan(messages: Sequence[BaseMessage], offered: Set[str]) -> Plan:
    """Return what comes next in the conversation.

    Args:
        messages: The whole conversation, its system messages included.
        offered: The names of the tools that may be called.

    Raises:
        ConfigurationError: the last system message does not tell today's date.
    """
    turn = read_turn(messages)
    outcomes = [
        _outcome(intent, turn, offered) for intent in understand(turn.texts, turn.context.today)
    ]
    wanted = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    calls = {call.key: call for group in wanted for call in group}
    sections = [outcome for outcome in outcomes if isinstance(outcome, Section)]
    text = "" if calls else answer_text(sections)
    return Plan(tuple(calls.values()), text, f"{turn.marker}/{len(turn.calls)}")


def _outcome(intent: Intent, turn: Turn, offered: Set[str]) -> tuple[Call, ...] | Section:
    needed = next((name for name in tools_for(intent) if name not in offered), None)
    if needed is not None and not turn.calls:
        return Section(_refusal(needed, turn.context.role))
    steps = steps_for(intent, turn.context.today, offered)
    try:
        return _advance(steps, turn, offered)
    except VaultraError as error:
        return Section(f"That did not work: {inert(error.message)}")


def _advance(steps: Steps, turn: Turn, offered: Set[str]) -> tuple[Call, ...] | Section:
    """Run the steps as far as there are answers; return the calls that are missing, or the end."""
    try:
        wanted = next(steps)
        while True:
            missing = tuple(call for call in wanted if call.key not in turn.answers)
            if missing:
                return _allowed(missing, turn, offered)
            wanted = steps.send(tuple(turn.answers[call.key] for call in wanted))
    except StopIteration as end:
        section: Section = end.value
        return section


def _allowed(
    missing: tuple[Call, ...], turn: Turn, offered: Set[str]
) -> tuple[Call, ...] | Section:
    """Return the calls, or why they cannot be made: a call without an answer is not repeated."""
    if any(call.key in turn.calls for call in missing):
        return Section("That did not work: a tool gave no answer. Please ask again.")
    refused = next((call.name for call in missing if call.name not in offered), None)
    return Section(_refusal(refused, turn.context.role)) if refused else missing


def _refusal(tool: str, role: str) -> str:
    """Say that a tool may not be used, and who may use it."""
    permission, deed = _DEEDS.get(tool, _LOOK_UP)
    if role in set(Role) and permission in PERMISSIONS[Role(role)]:
        return f"I cannot {deed} here: the tool for it is not available in this conversation."
    holders = " or an ".join(r.value for r in Role if permission in PERMISSIONS[r])
    name = f"Your role here ({inert(role)})" if role else "Your role here"
    return f"{name} may not {deed}. An {holders} of this business can."
