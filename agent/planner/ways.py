"""Questions about the way to a tier, about funders' floors, and about why the score changed."""

from __future__ import annotations

import re

from agent.planner.intents import FloorsQuestion, ScoreChangeQuestion, WayToTier
from agent.planner.readiness_words import MY, SCORE
from agent.planner.wording import Scan, phrase

Found = tuple[int, WayToTier | FloorsQuestion | ScoreChangeQuestion]

_CLAUSE = r"[^.?!;]{0,80}"
_READY = (
    r"(?:not ready|needs work|funding[ -]ready|highly attractive|ready for (?:a )?"
    r"(?:funding|loan|lender)|fundable|bankable|(?:the )?next (?:tier|level))"
)
_WAY = phrase(
    rf"what (?:would|does|will|do) it (?:take|need)\b[^.?!;]{{0,30}}?\b{_READY}",
    rf"what (?:do|would|will|must) (?:we|i) need\b[^.?!;]{{0,30}}?\b{_READY}",
    rf"what (?:needs|has|would have|would need) to (?:change|happen|improve)\b[^.?!;]{{0,30}}?\b"
    rf"{_READY}",
    rf"what is missing\b[^.?!;]{{0,30}}?\b{_READY}",
    rf"(?:cheapest|easiest|fastest|quickest|shortest|simplest) (?:way|path|route|changes?)\b"
    rf"[^.?!;]{{0,30}}?\b{_READY}",
)
_TIERS = ("needs_work", "funding_ready", "highly_attractive")
_FUNDERS = {
    "stripe capital": "Stripe Capital",
    "clearco": "Clearco",
    "lighter capital": "Lighter Capital",
    "wayflyer": "Wayflyer",
    "paypal": "PayPal",
    "shopify capital": "Shopify",
    "pipe": "Pipe",
    "sba": "SBA",
}
_NAMED = rf"(?:{'|'.join(_FUNDERS)})"
_LENDERS = r"(?:funders?|lenders?|funding companies|financiers)"
_FLOORS = r"(?:floors?|thresholds?|minimums?|criteria|requirements|conditions)"
_TAKE = r"(?:take|accept|fund|finance|lend|approve|consider|want|have|qualify)"
_FLOOR_QUESTIONS = phrase(
    rf"(?:would|will|could|can|does|do|might) {_NAMED} (?:\w+ )?{_TAKE}\b{_CLAUSE}",
    rf"(?:do|would|could|can|are|am|is|will) (?:we|i|my business|our business) [^.?!;]{{0,30}}\b"
    rf"(?:qualif\w+|eligible|meet|pass|good enough|ready)\b[^.?!;]{{0,30}}\b{_NAMED}{_CLAUSE}",
    rf"(?:what|which)\b[^.?!;]{{0,30}}\b{_NAMED}\b[^.?!;]{{0,20}}\b{_FLOORS}",
    rf"{_NAMED} {_FLOORS}",
    rf"(?:which|what|whose|how many|any)\b[^.?!;]{{0,20}}\b{_LENDERS}'?(?: published)? {_FLOORS}\b"
    rf"{_CLAUSE}",
    rf"(?:which|what|how many) {_LENDERS}\b[^.?!;]{{0,20}}\b{_TAKE}\b{_CLAUSE}",
    rf"{_LENDERS}'?(?: published)? {_FLOORS}",
    rf"(?:meet|pass|reach)\b[^.?!;]{{0,20}}\b{_FLOORS}\b{_CLAUSE}",
)
_MOVED = (
    r"(?:change[ds]?|drop(?:ped)?|fall|fell|fallen|go(?:ne)? (?:up|down)|went (?:up|down)|rise|rose"
    r"|risen|improved?|increased?|decreased?|get (?:better|worse)|got (?:better|worse)|move[ds]?"
    r"|lose (?:points)?|lost(?: points)?|gain(?:ed)?(?: points)?|differ(?:s|ent)?)"
)
_CHANGED = phrase(
    rf"(?:why|how come|how|what made) (?:did|has|have|had|is)?\s?{MY} (?:\w+ )?{SCORE} (?:\w+ )?"
    rf"{_MOVED}\b{_CLAUSE}",
    rf"why is {MY} (?:\w+ )?{SCORE} (?:\w+ )?(?:lower|higher|worse|better|different|up|down)"
    rf" (?:than|now|since|from)\b{_CLAUSE}",
    rf"what (?:has )?(?:changed|moved|happened)\b (?:in|about|to|with|is)? ?{MY} (?:\w+ )?{SCORE}"
    rf"{_CLAUSE}",
    rf"what (?:changed|moved|raised|lowered) {MY} (?:\w+ )?{SCORE}{_CLAUSE}",
    rf"(?:did|has) {MY} (?:\w+ )?{SCORE} (?:\w+ )?{_MOVED}\b{_CLAUSE}",
)


def take_ways(scan: Scan) -> list[Found]:
    """Take questions of the three kinds, at most one of each."""
    found: list[Found] = []
    if match := scan.take(_WAY):
        found.append((match.start(), WayToTier(_tier(match[0]))))
    if match := scan.take(_FLOOR_QUESTIONS):
        named = re.search(_NAMED, match[0])
        found.append((match.start(), FloorsQuestion(_FUNDERS[named[0]] if named else None)))
    if match := scan.take(_CHANGED):
        found.append((match.start(), ScoreChangeQuestion()))
    return found


def _tier(words: str) -> str | None:
    """Return the tier that is named; being ready for anything is funding_ready."""
    if re.search(r"\bnext (?:tier|level)\b", words):
        return None
    plain = words.replace("-", " ").replace(" ", "_")
    return next((tier for tier in _TIERS if tier in plain), "funding_ready")
