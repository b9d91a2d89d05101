"""Requests to create a recommendation, in the person's own words."""

from __future__ import annotations

import re

from agent.planner.capabilities import SAY_IT_PLAINLY, SAY_WHAT_TO_RECOMMEND
from agent.planner.intents import Category, Clarify, CreateRecommendation, Intent, Priority
from agent.planner.wording import folded, one_line

TITLE_LENGTH = 120
SHORTEST_TITLE = 3
LEVELS: dict[str, Priority] = {
    "high": "high",
    "top": "high",
    "urgent": "high",
    "important": "high",
    "medium": "medium",
    "low": "low",
}

_THING = r"(?:recommendations?|suggestions?|tasks?|to-?dos?|action items?|reminders?)"
_CREATE = re.compile(
    r"\b(?:create|add|make|write|note down|note|record|set up|draft|file"
    r"|open(?= (?:an?|another|one|new)\b))(?: me| us)?"
    r"(?: (?:an?|another|one|new|the))*"
    r"(?:,? (?P<level>high|medium|low|urgent|important)(?:[ -]priority)?)?(?: new)?"
    rf" {_THING}\b(?! (?:high|medium|low)\b)(?:\W*(?P<title>.*))?$",
    re.IGNORECASE | re.DOTALL,
)
_REMIND = re.compile(
    r"^\W*(?:please )?(?P<level>)remind (?:me|us) (?:to|about) (?P<title>.+)$", re.IGNORECASE
)
_NEW = re.compile(
    r"^\W*(?:an? )?new (?P<level>)(?:recommendation|suggestion|task|to-?do|action item|reminder)"
    r"\s*[:,\u2013\u2014-]\s*(?P<title>.+)$",
    re.IGNORECASE,
)
_JOINER = re.compile(
    r"^(?:(?:to|that says|saying|that|about|for|called|titled|named|which says|with the title)\b"
    r"|[:,\u2013\u2014-])\s*(?:(?:us|me|we|i) (?:to|should) )?",
    re.IGNORECASE,
)
_PRIORITY = re.compile(
    r",?\s*(?:\b(?:with|as|at|of|and|make it|set it to|set to) )*(?:an? )?"
    r"\b(?P<level>high|medium|low|top|urgent)[ -]priority\b,?"
    r"|,?\s*\bpriority:? (?P<after>high|medium|low)\b",
    re.IGNORECASE,
)
_POLITE = re.compile(r"[,\s]*\b(?:please|thanks|thank you)\b[.!\s]*$", re.IGNORECASE)
_ONLY_TALKED_ABOUT = re.compile(
    r"\b(?:how|why|who|when|what|did|does|has|have|should|may|if|not|don't|never|without)\b",
    re.IGNORECASE,
)
_CATEGORY_WORDS: tuple[tuple[str, Category], ...] = (
    ("refund|dispute|charge-?back|fraud|risk|complain|evidence|3ds", "risk"),
    ("cash|payout|invoice|fee|cost|loan|debt|payment term|dunning", "cash_flow"),
    ("data|sync|stripe|bookkeep|import|report", "data"),
    ("revenue|sale|pric|market|customer|gr[eo]w|discount|subscri|newsletter|order", "revenue"),
)
_CATEGORIES = tuple(
    (re.compile(rf"\b(?:{words})", re.IGNORECASE), category) for words, category in _CATEGORY_WORDS
)


def created(original: str) -> Intent | None:
    """Return the recommendation that the message asks to create, or a question back about it.

    None if the message asks for something else. The title keeps the person's own spelling and is
    cut to TITLE_LENGTH characters; the category follows from its words, else it is "operations".
    """
    text = one_line(original)
    match = _CREATE.search(text) or _REMIND.match(text) or _NEW.match(text)
    if match is None:
        return None
    if _ONLY_TALKED_ABOUT.search(folded(text[: match.start()])):
        return Clarify(f"{SAY_IT_PLAINLY}“create a recommendation to follow up on refunds”.")
    raw, level = _without_priority(match["title"] or "", match["level"])
    title = _title(raw)
    if not title:
        return Clarify(SAY_WHAT_TO_RECOMMEND)
    return CreateRecommendation(title, _category(title), LEVELS[level.lower()])


def _without_priority(title: str, level: str | None) -> tuple[str, str]:
    found = _PRIORITY.search(title)
    if found is None:
        return title, level or "medium"
    rest = f"{title[: found.start()]} {title[found.end() :]}"
    return rest, found["level"] or found["after"]


def _title(raw: str) -> str:
    text = _POLITE.sub("", _JOINER.sub("", raw.strip())).strip(" \"'“”.,;:!?-")
    if len(text) > TITLE_LENGTH:
        text = text[:TITLE_LENGTH].rsplit(" ", 1)[0].rstrip(" ,;:-")
    is_said = sum(map(str.isalnum, text)) >= SHORTEST_TITLE
    return text[:1].upper() + text[1:] if is_said else ""


def _category(title: str) -> Category:
    found = (category for pattern, category in _CATEGORIES if pattern.search(title))
    return next(found, "operations")
