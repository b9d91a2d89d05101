"""What the built-in planner can answer, in words that the help, the docs and the evals share."""

from __future__ import annotations

from domain.model_prices import PLANNER

PLANNER_NAME = PLANNER

CAPABILITIES = (
    "Revenue, net revenue, orders, average order, refunds, chargebacks, fees, MRR, customers",
    "Any month, quarter, year or range of months, and two of them compared",
    "Your readiness score, why it is what it is or has changed, and what to do first",
    "What the score would be if, the cheapest way to a tier, and funders' published floors",
    "Recommendations: list, create, accept, dismiss or reopen them",
    "How fresh the data is, a new Stripe sync, a new computation of the score",
    "What is known about your business, and simple arithmetic",
)

EXAMPLE_QUESTIONS = (
    "What was my revenue in March?",
    "Compare last quarter with the quarter before",
    "Why is my score what it is?",
    "What should I do first?",
    "What if our refunds were 3 %?",
    "How fresh is my data?",
)


def _bullets(lines: tuple[str, ...]) -> str:
    return "\n".join(f"- {line}" for line in lines)


_EXAMPLES = _bullets(EXAMPLE_QUESTIONS)

HELP_TEXT = (
    "I am Vaultra's built-in planner: not a language model, but a program that recognises "
    "certain questions and answers them from your Stripe data. I never guess a figure.\n\n"
    f"I can tell you about:\n\n{_bullets(CAPABILITIES)}\n\nTry, for example:\n\n{_EXAMPLES}"
)

GREETING_TEXT = (
    "Hello. I am Vaultra's built-in planner: not a language model, but I know your Stripe "
    f"figures and your readiness for funding. You can ask me, for example:\n\n{_EXAMPLES}"
)

THANKS_TEXT = "You are welcome. Ask whenever you need another figure."

NOT_UNDERSTOOD_TEXT = (
    "I did not understand that. I am Vaultra's built-in planner, not a language model: I recognise "
    "certain questions, in English, and I never guess. I can answer questions such as:\n\n"
    f"{_EXAMPLES}\n\nSay “help” for everything I can do."
)

NAME_A_FIGURE = (
    "Which figure would you like for that period? For example: revenue, net revenue, orders, "
    "average order, refunds, chargebacks, fees, MRR or customers."
)
BY_MONTH_ONLY = (
    "I can only look up figures by month, not by day or week. Ask for a month or a range of "
    "months, such as “revenue this month” or “revenue in the last 3 months”."
)
NAME_BOTH_ENDS = (
    "Please name the first and the last month, such as “revenue from March to June 2026”, or "
    "“since March” for everything until now."
)
WHY_ONLY_WHAT = "I can show what changed, not why: the reasons are not in the payments data."
SAY_WHAT_TO_RECOMMEND = (
    "What should the recommendation say? For example: “create a recommendation to follow up on "
    "refunds”."
)
ACCEPT_OR_DISMISS = (
    "A recommendation is pending, accepted or dismissed; there is no other state. "
    "Say, for example, “accept the first one”."
)
NO_PROMISE = (
    "Whether a lender agrees, and to what amount, I cannot say: this is how ready your payments "
    "look."
)
ONLY_THE_CURRENT_SCORE = "This is the score of now: I cannot look up earlier ones."
NO_FORECAST_OF_THE_SCORE = (
    "Name a figure and I compute what the score would be, such as “what if our refunds were 3 %?”."
    " This is what costs points now."
)
NO_CALCULATOR = (
    "I have no calculator in this conversation, so these are the figures that it would be made of."
)
RECOMPUTE_AFTER_SYNC = (
    "Say “recompute my score” when the sync is done: before that it would use the data of now."
)
SAY_IT_PLAINLY = "I have changed nothing. When you want me to do it, say it as a request, such as "
