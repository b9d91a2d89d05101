"""Requests other than for figures: the score, advice, recommendations, syncs, the business."""

from __future__ import annotations

from dataclasses import dataclass

from agent.planner.intents import (
    Ask,
    Depth,
    Intent,
    ListRecommendations,
    ReadinessQuestion,
    StatusFilter,
)
from agent.planner.wording import BLANK, Scan, phrase

# The rest of a clause, so that "how do I raise my score" is not a question for the score as well.
_CLAUSE = rf"[^.?!;{BLANK}]{{0,80}}?(?=$|[.?!;{BLANK}]| and | then )"
_NEAR = r"[^.?!]{0,40}"
_SCORE = r"(?:score|readiness|rating|tier|grade|assessment)"
_WE = r"(?:we|i|it|this|(?:my|our|the) (?:business|company|shop|store))"
_US = r"(?:us|me|we|(?:my|our|the) (?:business|company|shop|store))"
_MY = r"(?:my|the|our|your|this|these)"
_LOAN = (
    r"(?:fund(?:ing|ed|s|able)?|loans?|credit|financ\w*|capital|lend(?:ing|er|ers)?|banks?"
    r"|invest\w*)"
)
_FIT = (
    r"(?:ready|eligible|qualif\w+|approv\w+|fit|good enough|strong enough|chances?|odds|apply"
    r"|bankable)"
)
_DATA = r"(?:data|figures|numbers|information|payments|transactions|charges)"
_FRESH = r"(?:up[ -]to[ -]date|fresh|current|stale|old|recent|synced|outdated|out of date)"
_NEW = r"(?:latest|newest|new|fresh)"

_RECOMPUTE = phrase(
    r"(?:re-?comput\w*|re-?calculat\w*|recalc|re-?assess\w*|re-?evaluat\w*|re-?score)"
    rf"(?: (?:a|new|funding|readiness|{_MY}|{_SCORE}))*",
    rf"(?:refresh|update|re-?run|redo|renew|rebuild|re-?check)(?: \w+){{0,3}} {_SCORE}",
    rf"(?:compute|calculate|assess|run)(?: \w+){{0,3}} {_SCORE}(?: \w+)?"
    r" (?:again|anew|now|afresh)",
)
_ADVICE = phrase(
    r"what (?:should|can|could|must|shall|do|would) (?:we|i|you) (?:need to |have to )?(?:best )?"
    r"(?:do|fix|improve|work on|focus on|focus|tackle|change|start with|prioriti[sz]e)\b"
    rf"{_CLAUSE}",
    r"how (?:do|can|could|should|might|would|to)(?: (?:we|i|one|my business))?(?: best| to)?"
    r" (?:improve|raise|increase|boost|better|fix|lift|reduce|lower|cut|get|become|reach|qualify"
    rf"|grow)\b{_CLAUSE}",
    r"help (?:me|us) (?:to )?(?:improve|raise|increase|boost|lift)\b" + _CLAUSE,
    rf"(?:improve|raise|increase|boost|lift) {_MY} {_SCORE}\b{_CLAUSE}",
    r"next steps?|where (?:do|should|can) (?:we|i) (?:start|begin)|what (?:is )?next",
    r"what to (?:do|fix|improve)(?: first| next)?",
    r"(?:first|most important|top) (?:step|thing|priority)",
    rf"(?:what|which)(?: \w+)? (?:do|would) you (?:recommend|suggest|advise)\b{_CLAUSE}",
    rf"(?:any|some|your) (?:advice|tips)\b{_CLAUSE}",
    r"advice|get (?:us|me) (?:ready|funded)",
)
_EXPLANATION = phrase(
    rf"why\b[^.?!]{{0,60}}\b(?:{_SCORE}|ready|low|lower|bad|poor|weak|high|good)\b{_CLAUSE}",
    r"(?:explain|break ?down|detail\w*|reasons?|components?|parts?|made up|details of|behind)"
    rf"\b{_NEAR}\b{_SCORE}",
    rf"{_SCORE}\b{_NEAR}\b(?:why|explain\w*|explanation|break ?down|details?|components?|made up"
    r"|consists?|come from|calculated?|computed?|reasons?|depend\w*)",
    r"(?:what|anything|which|who)\b[^.?!]{0,20}\b(?:holding|holds|dragging|drags|pulling|pulls"
    rf"|keeping|keeps|hurts|hurting|limits|limiting|caps|capping|lowers|blocks|blocking)\b{_CLAUSE}",
    r"(?:biggest|main|largest) (?:problem|weakness|issue|risk|obstacle)s?",
    r"weak(?:est|ness(?:es)?| (?:spots?|points?|areas?))",
    r"what is (?:wrong|missing|lacking)" + _CLAUSE,
)
_EXPLAIN_IT = phrase(
    r"^(?:please |can you |could you )?explain(?: (?:it|that|this|why|more|to me|please))*\W*$"
)
_WHY = phrase(
    r"^(?:but |and |ok |so )?(?:why(?: is (?:it|that)| so| not| that| higher| better| more| lower)*"
    r"|how come|tell me more|more details?|in detail|go on|what does (?:it|that) mean)\W*$"
)
_SCORE_ASKED = phrase(
    rf"(?:(?:funding|readiness|funding readiness|vaultra) )?{_SCORE}",
    rf"how (?:ready|fundable|creditworthy|bankable) (?:are|is|am) {_WE}\b{_CLAUSE}",
    rf"(?:are|am|is) {_WE} (?:\w+ )?(?:ready|fundable|bankable|creditworthy|eligible|good enough)\b"
    rf"{_CLAUSE}",
    rf"(?:would|could|can|will|do|should|might|may) {_WE} (?:\w+ ){{0,4}}{_LOAN}\b{_CLAUSE}",
    rf"(?:would|could|can|will|might) (?:a |the |any )?{_LOAN} (?:\w+ ){{0,4}}{_US}\b{_CLAUSE}",
    rf"{_FIT}\b[^.?!]{{0,30}}\b{_LOAN}",
    rf"{_LOAN}\b[^.?!]{{0,15}}\b{_FIT}",
    r"fundable|creditworth\w*|bankable",
    rf"how (?:far|close|near)\b[^.?!]{{0,30}}\b{_LOAN}",
)
_SYNC_STATUS = phrase(
    r"(?:last|latest|previous|recent|newest) (?:stripe |data )?(?:sync\w*|update|refresh|import)",
    r"(?:sync\w*|import) (?:status|state|progress|history|running|done|finished|complete\w*|fail\w*"
    r"|ok|working)",
    rf"(?:status|state|progress|result) of (?:(?:{_MY}|last|stripe) )*(?:sync\w*|import)",
    r"when\b[^.?!]{0,30}\b(?:sync\w*|updated?|refreshed|imported|pulled|fetched)\b[^.?!]{0,20}",
    rf"how (?:{_FRESH}|new)\b[^.?!]{{0,10}}\b(?:is|are)\b[^.?!]{{0,30}}\b(?:{_DATA}|it|they|sync)",
    rf"(?:is|are) (?:(?:{_MY}|stripe) )*{_DATA} (?:\w+ )?{_FRESH}",
    r"data (?:freshness|age|status)|freshness|as of when",
    rf"(?:is|are) (?:{_MY} )*(?:stripe|account|stripe account) (?:still )?"
    r"(?:connected|synced|linked|syncing)",
    r"(?:did|has|is|was|does)\b[^.?!]{0,12}\bsync\w*\b[^.?!]{0,20}",
)
_SYNC = phrase(
    rf"(?:re-?)?sync(?:hroni[sz]e)?(?: (?:with|up|from|stripe|data|account|again|now|{_MY}))*",
    rf"(?:refresh|reload|re-?import|import|fetch|update)(?: (?:all|stripe|from|{_NEW}|{_MY}))*"
    rf" (?:stripe|{_DATA})(?: from stripe)?",
    rf"(?:pull|get|load|fetch|bring)(?: (?:me|all|in|{_MY}))* {_NEW}(?: (?:stripe|from|{_DATA}))+",
    r"(?:pull|load|get|fetch|import)(?: \w+){0,3} from stripe",
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
    rf"(?:(?P<before>{_STATE}|outstanding|all)(?: of)?(?: {_MY})? )?"
    r"(?:recommendations?|suggestions|to-?dos?|action items|tasks)"
    rf"(?:[^.?!]{{0,20}}\b(?P<after>{_STATE}))?",
    rf"(?P<ones>{_STATE}) ones",
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
    (_EXPLANATION, ReadinessQuestion(Depth.EXPLANATION)),
    (_ADVICE, ReadinessQuestion(Depth.ADVICE)),
    (_SCORE_ASKED, ReadinessQuestion(Depth.SCORE)),
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
    for pattern, intent in _TOPICS:
        if matches := scan.take_all(pattern):
            found.append(Placed(matches[0].start(), intent))
    if _EXPLAIN_IT.search(scan.rest) or (after_readiness and _WHY.search(scan.rest)):
        scan.strike(0, len(scan.rest))
        found.append(Placed(0, ReadinessQuestion(Depth.EXPLANATION)))
    if match := scan.take(_RECOMMENDATIONS):
        word = match["before"] or match["after"] or match["ones"] or ""
        status = _STATUSES.get(word[:6], "pending")
        found.append(Placed(match.start(), ListRecommendations(status)))
    return _without_repetition(found)


def _without_repetition(found: list[Placed]) -> list[Placed]:
    """Drop the plain score where an explanation, or a new computation, tells it anyway."""
    intents = [placed.intent for placed in found]
    fuller = {ReadinessQuestion(Depth.EXPLANATION), Ask.RECOMPUTE}
    if not fuller.intersection(intents):
        return found
    return [placed for placed in found if placed.intent != ReadinessQuestion(Depth.SCORE)]
