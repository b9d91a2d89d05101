"""Answers that need no tool."""

from __future__ import annotations

from datetime import date

from agent.planner.capabilities import (
    GREETING_TEXT,
    HELP_TEXT,
    NOT_UNDERSTOOD_TEXT,
    THANKS_TEXT,
)
from agent.planner.intents import Clarify, Definition, FutureQuestion, Talk, Unavailable
from agent.planner.periods import Period, trailing
from agent.planner.render_business import render_definition
from agent.planner.section import Section

_TALK = {
    Talk.GREETING: GREETING_TEXT,
    Talk.THANKS: THANKS_TEXT,
    Talk.HELP: HELP_TEXT,
    Talk.NOT_UNDERSTOOD: NOT_UNDERSTOOD_TEXT,
}

Plain = Talk | Clarify | Definition | FutureQuestion | Unavailable


def reply_to(intent: Plain, today: date) -> Section:
    """Return the answer to an intent that needs no data."""
    match intent:
        case Talk():
            return Section(_TALK[intent])
        case Clarify():
            return Section(intent.text)
        case Definition():
            return render_definition(intent.metrics)
        case FutureQuestion():
            return Section(_not_yet(intent.period, today))
        case Unavailable():
            return Section(
                f"I cannot tell you about {intent.topic}: Vaultra sees your Stripe payments and "
                "keeps no figures on that."
            )


def _not_yet(period: Period | None, today: date) -> str:
    latest = f"The latest complete month is {trailing(1, today)}."
    if period is None:
        return f"I know figures of the past only, and make no forecasts. {latest}"
    return f"**{period} has not happened yet**, so there is no figure for it. {latest}"
