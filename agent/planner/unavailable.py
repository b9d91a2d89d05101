"""The words for what payments cannot tell: profit, debt, churn…"""

from __future__ import annotations

import re

from agent.planner.wording import Scan, phrase

_BUYERS = r"(?:customers?|buyers?|clients?|shoppers?)"
_BUYER = r"(?:customer|buyer|client|shopper)"
_DISPUTES = r"(?:charge-?backs?|disputes?)"

_TOPICS: tuple[tuple[re.Pattern[str], str], ...] = (
    (phrase(r"(?:(?:net|gross) )?(?:profits?|profitab\w+|margins?)|ebitda|net income"), "profit"),
    (phrase(r"expenses?|payroll|salar(?:y|ies)|rent|overheads?|(?:my|our) costs"), "expenses"),
    (phrase(r"tax(?:es|able|ed|ation)?|vat"), "taxes"),
    (phrase(r"cash ?flow|runway|burn rate|bank balance|cash (?:balance|position)"), "cash"),
    (phrase(r"debts?|liabilit(?:y|ies)|collateral|dscr"), "debt"),
    (phrase(r"inventory|stock levels?"), "inventory"),
    (
        phrase(
            r"payouts?|(?:we|i) (?:get|got|receive|received) from stripe",
            r"stripe (?:pays?|paid|deposit(?:s|ed)?|sends?|sent|transfer(?:s|red)?)",
        ),
        "payouts",
    ),
    (phrase(r"arr|annual recurring revenue"), "annual recurring revenue"),
    (phrase(r"subscribers?|(?:how many|number of) subscriptions"), "the number of subscribers"),
    (
        phrase(
            r"churn(?: rate)?|retention(?: rate)?|lifetime value|ltv|clv|cac",
            rf"(?:los(?:e|es|ing|t)|keep(?:ing)?|kept|retain(?:ed|ing)?) (?:\w+ ){{0,2}}{_BUYERS}",
            rf"{_BUYERS} (?:\w+ ){{0,2}}(?:leave|leaving|left|lost|come back|came back|return)",
        ),
        "churn, retention and lifetime value",
    ),
    (
        phrase(
            r"(?:revenue|sales|spend(?:ing)?|orders|income|value|average) (?:per|by|of|for)"
            rf" (?:an? |each |every )?{_BUYER}",
            rf"(?:each|every|average|typical|an?|per) {_BUYER}"
            r" (?:spends?|spending|pays?|buys?|brings?|is worth)(?: in)?",
            rf"{_BUYER} (?:spend(?:ing)?|value)",
        ),
        "the spending of single customers",
    ),
    (
        phrase(rf"(?:new|returning|repeat|first[ -]time) {_BUYERS}"),
        "new and returning customers",
    ),
    (phrase(rf"(?:top|best|biggest|largest|main) {_BUYERS}"), "single customers"),
    (
        phrase(
            r"(?:biggest|largest|smallest|highest|lowest|latest|last|most expensive|cheapest)"
            r" (?:single )?(?:order|charge|payment|transaction|sale|purchase)"
        ),
        "single payments",
    ),
    (
        phrase(
            rf"(?:open|won|lost|pending) {_DISPUTES}",
            r"(?:did|have) (?:we|i) (?:win|won|lose|lost)(?: (?:any|all|the|our|many))*"
            rf" {_DISPUTES}",
            rf"{_DISPUTES} (?:(?:are|were|is|did|have|we|i|still|been) )*"
            r"(?:win|won|lose|lost|open|pending|closed|under review)",
        ),
        "how disputes ended",
    ),
    (phrase(r"(?:top|best|bestselling|best-selling) (?:products?|sellers?|items?)"), "products"),
)


def find_topics(scan: Scan) -> list[str]:
    """Take what payments cannot tell: profit, debt, churn…"""
    return [topic for pattern, topic in _TOPICS if scan.take_all(pattern)]
