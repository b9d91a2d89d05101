"""The words of questions about the readiness score: how high, why, what to do, and what for."""

from __future__ import annotations

from agent.planner.wording import BLANK, MONTH_NAMES, any_of, phrase

# The rest of a clause, so that "how do I raise my score" is not a question for the score as well.
_CLAUSE = rf"[^.?!;{BLANK}]{{0,80}}?(?=$|[.?!;{BLANK}]| and | then )"
_NEAR = r"[^.?!]{0,40}"
SCORE = r"(?:score|readiness|rating|tier|grade|assessment)"
_WE = r"(?:we|i|it|this|(?:my|our|the) (?:business|company|shop|store))"
_US = r"(?:us|me|we|(?:my|our|the) (?:business|company|shop|store))"
MY = r"(?:my|the|our|your|this|these)"
_TIER = r"(?:not ready|needs work|funding[ -]ready|highly attractive)"
_LOAN = (
    r"(?:fund(?:ing|ed|s|able)?|loans?|credit|financ\w*|capital|lend(?:ing|er|ers)?|banks?"
    r"|invest\w*)"
)
_SUM = r"[\w$€£.,]+"
_LENDER = (
    r"(?:(?:a|an|the|any|most|my|your) )*(?:lend(?:er|ers|ing)?|banks?|investors?|stripe capital)"
)
_FIT = (
    r"(?:ready|eligible|qualif\w+|approv\w+|fit|good enough|strong enough|chances?|odds|likely"
    r"|apply(?:ing)?|bankable)"
)
ADVICE = phrase(
    r"what (?:should|can|could|must|shall|do|would) (?:we|i|you) (?:need to |have to )?(?:best )?"
    r"(?:do|fix|improve|work on|focus on|focus|tackle|change|start with|prioriti[sz]e)\b"
    rf"{_CLAUSE}",
    r"how (?:do|can|could|should|might|would|to)(?: (?:we|i|one|my business))?(?: best| to)?"
    r" (?:improve|raise|increase|boost|better|fix|lift|reduce|lower|cut|get|become|reach|qualify"
    rf"|grow)\b{_CLAUSE}",
    r"help (?:me|us) (?:to )?(?:improve|raise|increase|boost|lift|qualify)\b" + _CLAUSE,
    rf"help (?:me|us) (?:to )?(?:get|become) (?:\w+ ){{0,3}}{_LOAN}\b{_CLAUSE}",
    rf"(?:improve|raise|increase|boost|lift) {MY} {SCORE}\b{_CLAUSE}",
    r"next steps?|where (?:do|should|can) (?:we|i) (?:start|begin)|what (?:is )?next",
    r"what to (?:do|fix|improve)(?: first| next)?",
    r"(?:first|most important|top) (?:step|thing|priority)",
    rf"(?:what|which)(?: \w+)? (?:do|would) you (?:recommend|suggest|advise)\b{_CLAUSE}",
    rf"(?:any|some|your) (?:advice|tips)\b{_CLAUSE}",
    r"advice|get (?:us|me) (?:ready|funded)",
    r"anything (?:else )?(?:urgent|important|(?:that )?(?:we|i) (?:should|must|need to) \w+)",
    r"(?:top|highest|first|biggest) priorit(?:y|ies)",
)
_FIGURE = r"\b(?:refund|charge-?back|dispute|revenue|sales|turnover|fee|mrr|order|customer)"
EXPLANATION = phrase(
    rf"why\b[^.?!]{{0,60}}\b(?:{SCORE}|ready)\b{_CLAUSE}",
    rf"why\b(?:(?!{_FIGURE})[^.?!]){{0,60}}\b(?:low|lower|bad|poor|weak|high|good)\b{_CLAUSE}",
    r"(?:explain|break ?down|detail\w*|reasons?|components?|parts?|made up|details of|behind)"
    rf"\b{_NEAR}\b{SCORE}",
    rf"{SCORE}\b{_NEAR}\b(?:why|explain\w*|explanation|break ?down|details?|components?|made up"
    r"|consists?|come from|calculated?|computed?|reasons?|depend\w*)",
    r"(?:what|anything|which|who)\b[^.?!]{0,20}\b(?:holding|holds|dragging|drags|pulling|pulls"
    rf"|keeping|keeps|hurts|hurting|limits|limiting|caps|capping|lowers|blocks|blocking)\b{_CLAUSE}",
    r"(?:biggest|main|largest) (?:problem|weakness|issue|risk|obstacle)s?",
    rf"what\b[^.?!]{{0,30}}\b(?:goes? into|makes? up|affects?|determines?|influences?)\b{_NEAR}\b"
    rf"{SCORE}",
    rf"what is {MY} (?:\w+ )?{SCORE} (?:based on|made of)",
    r"weak(?:est|ness(?:es)?| (?:spots?|points?|areas?))",
    r"what is (?:wrong|missing|lacking)" + _CLAUSE,
    rf"(?:\w+ )?strengths?|what (?:are|is|am) {_WE} (?:\w+ )?(?:good|bad|strong|weak) (?:at|in)",
    rf"how (?:many|far|close|near)\b[^.?!]{{0,30}}\b(?:{_TIER}|next (?:tier|level))\b{_CLAUSE}",
    rf"what (?:do|does|would) {_LENDER} (?:\w+ )?(?:look|care|want|check|need|see|consider)\b"
    rf"{_CLAUSE}",
)
EXPLAIN_IT = phrase(
    r"^(?:please |can you |could you )?explain(?: (?:it|that|this|why|more|to me|please))*\W*$"
)
WHY = phrase(
    r"^(?:but |and |ok |so )?(?:why(?: is (?:it|that)| so| not| that| higher| better| more| lower)*"
    r"|how come|tell me more|more details?|in detail|go on|what does (?:it|that) mean)\W*$"
)
SCORE_AGE = phrase(
    rf"when (?:was|is|were)\b[^.?!]{{0,20}}\b{SCORE}\b{_CLAUSE}",
    rf"how (?:old|fresh|recent|current) is {MY} (?:\w+ )?{SCORE}",
)
_FAIR = r"(?:good|great|bad|high|low|decent|normal|enough|ok(?:ay)?)"
TIERS = phrase(
    rf"what (?:is|would be|counts as|makes) (?:an? |the )?(?:{_FAIR}|perfect|best|highest|maximum"
    rf"|minimum|top|average) (?:\w+ )?{SCORE}",
    rf"what (?:does|do|is|are) (?:an? |{MY} )*(?:{_TIER}|{SCORE}|(?:\w+ )?tiers?)(?: of \d+)?"
    r" mean(?:ing)?\b[^.?!]{0,20}",
    r"(?:what|which)(?: \w+){0,2} (?:tiers|levels|thresholds|scale)(?: (?:are there|exist))?",
    rf"is (?:{MY} (?:\w+ )?{SCORE}|an? {SCORE} of \d{{1,3}}) (?:an? )?{_FAIR}(?: {SCORE}| enough)?",
    rf"is \d{{1,3}} (?:an? )?{_FAIR} {SCORE}",
    rf"{SCORE} (?:range|scale|thresholds?)",
    r"(?:explain|describe|list|show)(?: me| us)?(?: (?:the|your|all))* (?:tiers|levels|thresholds)",
)
IS_IT_GOOD = phrase(
    rf"^(?:but |and |ok |so )?is (?:it|that|this|\d{{1,3}}) (?:an? )?{_FAIR}"
    rf"(?: {SCORE}| enough)?\W*$"
)
WAS_IT = phrase(
    r"^(?:and |but |so )?(?:(?:what|how) (?:was|has|did) (?:it|that)|(?:did|has) (?:it|that)"
    r"|is it (?:going|getting))\b[^.?!]*\W*$"
)
LOAN_ASKED = phrase(
    rf"(?:would|could|can|will|do|should|might|may) {_WE} (?:{_SUM} ){{0,5}}{_LOAN}\b{_CLAUSE}",
    rf"(?:would|could|can|will|might|do|does) {_LENDER} (?:\w+ ){{0,4}}(?:{_US}|yes|no)\b{_CLAUSE}",
    rf"(?:would|could|can|will|might) (?:a |the |any )?{_LOAN} (?:\w+ ){{0,4}}{_US}\b{_CLAUSE}",
    rf"what (?:would|will|do|does|might) {_LENDER} (?:\w+ )?(?:think|say|offer|make)\b{_CLAUSE}",
    rf"(?:would|could|can|should|may|might) {_WE} (?:\w+ )?borrow\b{_CLAUSE}",
    rf"how (?:much|big)(?: of)?(?: an?)? (?:\w+ )?{_LOAN} (?:can|could|would|will|do|should)"
    rf" {_WE}\b{_CLAUSE}",
    rf"how much (?:can|could|would|will|might) (?:{_WE}|{_LENDER}) (?:\w+ ){{0,2}}"
    rf"(?:borrow|raise|lend|offer)\b{_CLAUSE}",
    rf"(?:what|which)(?: \w+){{0,2}} {_LOAN} (?:can|could|would|will|do|should) {_WE}\b{_CLAUSE}",
    rf"(?:would|could|can|will|do) you (?:\w+ )?(?:lend|loan|finance|fund|invest)\b{_CLAUSE}",
    rf"{_FIT}\b[^.?!]{{0,30}}\b{_LOAN}",
    rf"(?:loans?|credit|capital|lend(?:ing|er|ers)?|banks?|invest\w*|financ\w*)\b[^.?!]{{0,15}}\b"
    rf"{_FIT}",
)
SCORE_ASKED = phrase(
    rf"(?:(?:funding|readiness|funding readiness|vaultra) )?{SCORE}",
    rf"how (?:ready|fundable|creditworthy|bankable) (?:are|is|am) {_WE}\b{_CLAUSE}",
    rf"(?:are|am|is) {_WE} (?:\w+ )?(?:ready|fundable|bankable|creditworthy|eligible|good enough)\b"
    rf"{_CLAUSE}",
    rf"{_LOAN}\b[^.?!]{{0,15}}\b{_FIT}",
    r"fundable|credit[ -]?worth\w*|bankable",
    rf"how (?:far|close|near)\b[^.?!]{{0,30}}\b{_LOAN}",
)
_MOVED = (
    r"(?:chang(?:ed?|ing)|improv(?:ed?|ing)|go(?:es|ing|ne)?|went|come|drop\w*|fall\w*|fell"
    r"|ris(?:e|en|ing)|increas\w+|decreas\w+|develop\w*|moved?|evolv\w+)"
)
# Asked of the score as it was or as it moved; only the current one can be read.
SCORE_THEN = phrase(
    rf"(?:did|has|have|is|was|how did|how has)\b[^.?!]{{0,20}}\b{SCORE}\b[^.?!]{{0,15}}\b{_MOVED}",
    rf"(?:is|was) {MY} (?:\w+ )?{SCORE} (?:\w+ )?(?:up(?! to)|down|better|worse|higher|lower)",
    rf"(?:what|how) was {MY} (?:\w+ )?{SCORE}",
    rf"{SCORE} (?:history|trend|over time|changes?|yesterday|last (?:week|month|quarter|year)|since"
    rf"|(?:in|for|at) (?:the )?(?:end of )?(?:\d{{4}}|q[1-4]|last|{any_of(MONTH_NAMES)})"
    r"|a (?:week|month|year) ago)",
    rf"(?:previous|old|earlier|past) (?:\w+ )?{SCORE}s?",
)
# Asked of the score as it would be; there is no tool that computes one.
WHAT_IF = phrase(
    rf"(?:what|how|will|would|could|does)\b[^.?!]{{0,40}}\b{SCORE}\b[^.?!]{{0,40}}\b"
    rf"(?:if|without|once)\b{_CLAUSE}",
    rf"(?:if|without)\b[^.?!]{{0,60}}\b{MY} (?:\w+ )?{SCORE} (?:\w+ )?{_MOVED}\b{_CLAUSE}",
    rf"will {MY} (?:\w+ )?{SCORE}\b{_CLAUSE}",
)
