"""Requests other than for figures: the score, advice, recommendations, syncs, the business."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.planner.capabilities import NO_FORECAST_OF_THE_SCORE, ONLY_THE_CURRENT_SCORE
from agent.planner.intents import (
    Ask,
    Depth,
    Intent,
    ListRecommendations,
    ReadinessQuestion,
    StatusFilter,
)
from agent.planner.readiness_words import (
    ADVICE,
    EXPLAIN_IT,
    EXPLANATION,
    IS_IT_GOOD,
    LOAN_ASKED,
    MY,
    SCORE,
    SCORE_AGE,
    SCORE_ASKED,
    SCORE_THEN,
    TIERS,
    WAS_IT,
    WHAT_IF,
    WHY,
)
from agent.planner.supposing import take_what_if
from agent.planner.ways import take_ways
from agent.planner.wording import Scan, phrase

_DATA = r"(?:data|figures|numbers|information|payments|transactions|charges)"
_FRESH = r"(?:up[ -]to[ -]date|fresh|current|stale|old|recent|synced|outdated|out of date)"
_NEW = r"(?:latest|newest|new|fresh)"

_RECOMPUTE = phrase(
    r"(?:re-?comput\w*|re-?calculat\w*|recalc|re-?assess\w*|re-?evaluat\w*|re-?score)"
    rf"(?: (?:a|new|funding|readiness|{MY}|{SCORE}))*",
    rf"(?:refresh|update|re-?run|redo|renew|rebuild|re-?check)(?: \w+){{0,3}} {SCORE}",
    rf"(?:compute|calculate|assess|run)(?: \w+){{0,3}} {SCORE}(?: \w+)?"
    r" (?:again|anew|now|afresh)",
)
_SYNC_STATUS = phrase(
    r"(?:last|latest|previous|recent|newest) (?:stripe |data )?(?:sync\w*|update|refresh|import)",
    r"(?:sync\w*|import) (?:status|state|progress|history|running|done|finished|complete\w*|fail\w*"
    r"|ok|working)",
    rf"(?:status|state|progress|result) of (?:(?:{MY}|last|stripe) )*(?:sync\w*|import)",
    r"when\b[^.?!]{0,30}\b(?:sync\w*|updated?|refreshed|imported|pulled|fetched)\b[^.?!]{0,20}",
    r"when (?:did|have|has) (?:you|vaultra|it|we|i)(?: last| most recently)? (?:pull|fetch|import"
    r"|refresh|load|read|check|download|updat)\w*\b[^.?!]{0,30}",
    r"when (?:did|have|has) (?:you|vaultra|it|we|i)(?: last)? (?:get|got|gotten) (?:\w+ ){0,2}"
    rf"{_DATA}\b[^.?!]{{0,20}}",
    rf"how (?:{_FRESH}|new)\b[^.?!]{{0,10}}\b(?:is|are)\b[^.?!]{{0,30}}\b(?:{_DATA}|it|they|sync)",
    rf"(?:is|are) (?:(?:{MY}|stripe) )*{_DATA} (?:\w+ )?{_FRESH}",
    r"is (?:everything|all|it|this|vaultra) (?:up[ -]to[ -]date|synced|current)",
    rf"how (?:many|few) (?:minutes|hours|days|weeks) old\b[^.?!]{{0,10}}(?:is|are)"
    rf"\b[^.?!]{{0,20}}\b(?:{_DATA}|it|they)",
    r"data (?:freshness|age|status)|freshness|as of when",
    rf"(?:is|are) (?:{MY} )*(?:stripe|account|stripe account) (?:still )?"
    r"(?:connected|synced|linked|syncing)",
    r"(?:did|has|is|was|does)\b[^.?!]{0,12}\bsync\w*\b[^.?!]{0,20}",
)
_SYNC = phrase(
    rf"(?:re-?)?sync(?:hroni[sz]e)?(?: (?:with|up|from|stripe|data|account|again|now|{MY}))*",
    rf"(?:refresh|reload|re-?import|import|fetch|update)(?: (?:all|stripe|from|{_NEW}|{MY}))*"
    rf" (?:stripe|{_DATA})(?: from stripe)?",
    rf"(?:pull|get|load|fetch|bring)(?: (?:me|all|in|{MY}))* {_NEW}(?: (?:stripe|from|{_DATA}))+",
    rf"(?:pull|load|get|fetch|import)(?: \w+){{0,3}} {_DATA} from stripe",
    r"(?<!you )(?<!we )(?<!i )(?:pull|load|fetch|import)(?: \w+){0,3} from stripe",
)
_PROFILE = phrase(
    r"what (?:do|does|can) (?:you|vaultra|it) (?:know|see|have)\b[^.?!]{0,10}\b(?:about|on|of) "
    r"(?:me|us|my|our|the)(?: (?:business|company|shop|store))?",
    r"(?:business|company|my|our|shop) (?:profile|details|information)|profile",
    r"(?:describe|about) (?:my|our|the|this) (?:business|company|shop|store)",
    r"(?:what|which)(?: is| are)?(?: \w+)? (?:currency|time ?zone|industry|legal entity|legal form)"
    r"\b[^.?!]{0,30}",
    r"when (?:did|was|were)\b[^.?!]{0,25}\b(?:start(?:ed)?|opened?|begin|began|founded"
    r"|first (?:charge|sale|payment))",
    r"how (?:long|much history|many months)\b[^.?!]{0,30}\b(?:history|data|business|selling|trading"
    r"|have)",
    r"(?:what|which) business|(?:business|company|shop) name|name of (?:my|our|the) business",
    r"who (?:am i|are we)|stripe account status|(?:first|earliest) (?:charge|payment|sale)",
)
_STATE = r"(?:accept|dismiss|reject|declin|pending|open)(?:ed)?"
_RECOMMENDATIONS = phrase(
    r"(?:(?:explain|describe|details (?:of|on|about)|more (?:about|on)) (?:the )?(?:\w+ )?)?"
    rf"(?:(?P<before>{_STATE}|outstanding|all)(?: of)?(?: {MY})? )?"
    r"(?:recommendations?|suggestions|to[ -]do list|to-?dos?|action items|tasks)"
    rf"(?:[^.?!]{{0,20}}\b(?P<after>{_STATE}))?",
    rf"(?P<ones>{_STATE}) ones|what is (?:still )?(?:pending|open)",
    r"(?:what|which)(?: ones?| of (?:them|these))? (?:have|did) (?:i|we) (?:already )?"
    r"(?P<mine>accept|dismiss|reject|declin)(?:e?d)?(?: (?:so far|already))?",
)
_STATUSES: dict[str, StatusFilter] = {
    "accept": "accepted",
    "dismis": "dismissed",
    "reject": "dismissed",
    "declin": "dismissed",
    "all": "all",
}

# In this order: what contains another one's words comes first.
_TOPICS = (
    (_RECOMPUTE, Ask.RECOMPUTE),
    (_SYNC_STATUS, Ask.SYNC_STATUS),
    (_SYNC, Ask.SYNC),
    (_PROFILE, Ask.PROFILE),
    (WHAT_IF, ReadinessQuestion(Depth.EXPLANATION, remark=NO_FORECAST_OF_THE_SCORE)),
    (SCORE_AGE, ReadinessQuestion(Depth.SCORE)),
    (TIERS, ReadinessQuestion(Depth.TIERS)),
    (EXPLANATION, ReadinessQuestion(Depth.EXPLANATION)),
    (ADVICE, ReadinessQuestion(Depth.ADVICE)),
    (LOAN_ASKED, ReadinessQuestion(Depth.LOAN)),
    (SCORE_ASKED, ReadinessQuestion(Depth.SCORE)),
)


# Said of the score when the message before was about it.
_ABOUT_IT = (
    (IS_IT_GOOD, ReadinessQuestion(Depth.TIERS)),
    (WAS_IT, ReadinessQuestion(Depth.SCORE, ONLY_THE_CURRENT_SCORE)),
    (WHY, ReadinessQuestion(Depth.EXPLANATION)),
)


@dataclass(frozen=True, slots=True)
class Placed:
    """An intent and where it stands in the text."""

    start: int
    intent: Intent


def find_requests(scan: Scan, *, after_readiness: bool) -> list[Placed]:
    """Take requests about the score, advice, recommendations, syncs and the business.

    `after_readiness` tells that the message before was about the score, so that a bare "why?"
    means it.
    """
    found: list[Placed] = []
    if supposed := take_what_if(scan):
        found.append(Placed(*supposed))
    found += [Placed(start, intent) for start, intent in take_ways(scan)]
    remark = ONLY_THE_CURRENT_SCORE if SCORE_THEN.search(scan.rest) else ""
    for pattern, question in _ABOUT_IT if after_readiness else ():
        if scan.take(pattern):
            found.append(Placed(0, question))
    for pattern, intent in _TOPICS:
        if matches := scan.take_all(pattern):
            found.append(Placed(matches[0].start(), _remarked(intent, remark)))
    if EXPLAIN_IT.search(scan.rest):
        scan.strike(0, len(scan.rest))
        found.append(Placed(0, ReadinessQuestion(Depth.EXPLANATION)))
    if match := scan.take(_RECOMMENDATIONS):
        words = (match[name] for name in ("before", "after", "ones", "mine"))
        word = next(filter(None, words), "")
        status = _STATUSES.get(word[:6], "pending")
        found.append(Placed(match.start(), ListRecommendations(status)))
    return _without_repetition(found)


def _remarked(intent: Intent, remark: str) -> Intent:
    if isinstance(intent, ReadinessQuestion) and not intent.remark:
        return replace(intent, remark=remark)
    return intent


def _without_repetition(found: list[Placed]) -> list[Placed]:
    """Drop the plain score where something else that was asked for tells it anyway."""
    depths = {p.intent.depth for p in found if isinstance(p.intent, ReadinessQuestion)}
    told = depths - {Depth.SCORE, Depth.ADVICE}
    if not told and all(placed.intent is not Ask.RECOMPUTE for placed in found):
        return found
    return [p for p in found if not _is_plain_score(p.intent)]


def _is_plain_score(intent: Intent) -> bool:
    return isinstance(intent, ReadinessQuestion) and intent.depth is Depth.SCORE
