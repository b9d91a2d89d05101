"""The words for the figures that the product keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.planner.wording import BLANK, Scan, phrase
from domain.metric_definitions import MetricName

_ORDERS = r"(?:orders?|charges?|payments?|transactions?|sales?|purchases?)"
_ORDER = r"(?:order|charge|payment|transaction|sales|purchase)"
_BUYERS = r"(?:customers?|buyers?|clients?|shoppers?|costumers?)"
_HOW_MANY = r"(?:how many|(?:total )?(?:number|no\.?|count|quantity) of)"
_SHARE = r"(?:rates?|ratios?|percentages?|shares?|proportion|%)"
_SUM = r"(?:amounts?|totals?|volumes?|values?|sums?|money)"
_REFUNDED = r"refund(?:s|ed|ing)?"
_BACK = r"(?:charged[ -]?back|disputed)"
_DISPUTES = rf"(?:charge-?backs?|charge backs?|{_BACK}|disputes?)"
_UNDERGO = (
    r"(?:that|which|is|are|was|were|be|been|being|gets?|got|getting|ends? up|ended up|have|had|has"
    r"|we|i)"
)
_INCOME = r"(?:revenues?|sales|turnover|income|takings|earnings)"
_BE = r"(?:is|are|was|were|has|have|been|of|in|my|our|the|your)"
_UNEVEN = (
    r"(?:volatility|volatile|variability|fluctuat\w+|stability|stable|steady|steadiness"
    r"|swings?|uneven|predictab\w+|erratic)"
)
_EARN = (
    r"(?:make|made|making|earn|earned|earning|sell|sold|gross(?:ed)?|tak(?:e|en) in|took in"
    r"|bring in|brought in|turn(?:ed)? over|come in|came in|coming in|collect(?:ed)?)"
)
_EARNER = (
    r"(?:did|do|have|has|does|was|is|are|the|my|our|we|i|it|business|shop|company|store|money"
    r"|cash|more|less)"
)

# In this order: whatever contains another one's words comes first.
_WORDS: tuple[tuple[re.Pattern[str], tuple[MetricName, ...]], ...] = (
    (
        phrase(rf"(?:{_INCOME} )?(?:net of|after) (?:the )?(?:stripe )?fees"),
        (MetricName.NET_REVENUE, MetricName.FEES),
    ),
    (
        phrase(
            r"net (?:revenues?|sales|turnover|volume|takings|amount|receipts)",
            rf"(?:{_INCOME} )?(?:net of|after|minus|less) refunds",
            r"net(?= (?:vs|versus|and|or|against|in|for)|\W*$)",
        ),
        (MetricName.NET_REVENUE,),
    ),
    (
        phrase(
            r"monthly recurring(?: revenue| income)?",
            r"mrr",
            r"(?:recurring|subscription) (?:revenue|income)",
        ),
        (MetricName.MRR,),
    ),
    (
        phrase(
            rf"{_INCOME} (?:{_BE} )?(?:\w+ )?{_UNEVEN}",
            rf"{_UNEVEN} (?:{_BE} )*{_INCOME}",
            _UNEVEN,
        ),
        (MetricName.REVENUE_VOLATILITY,),
    ),
    (
        phrase(
            r"(?:average|avg\.?|mean|typical) (?:order|charge|payment|sale|basket|ticket|purchase"
            r"|transaction|cart|receipt)s?(?: (?:values?|sizes?|amounts?))?",
            r"aov",
            r"(?:order|basket|ticket|cart|charge|payment) (?:values?|sizes?)",
            rf"average {_INCOME} per {_ORDERS}",
        ),
        (MetricName.AVERAGE_CHARGE,),
    ),
    (
        phrase(
            rf"{_HOW_MANY} (?:refunds?|refunded {_ORDERS}|returns)",
            r"refund (?:count|number)s?",
            rf"{_HOW_MANY} {_ORDERS} (?:(?:were|was|got|did|we|i|have|has|been) )*refund(?:ed)?",
            r"how often (?:do|did|have|were|are|was) (?:\w+ ){0,2}refund(?:ed|s)?",
        ),
        (MetricName.REFUND_COUNT,),
    ),
    (
        phrase(
            rf"(?:{_REFUNDED}|returns?) {_SHARE}",
            rf"{_SHARE} (?:of )?(?:refunds|refunded|returns"
            rf"|{_ORDERS} (?:{_UNDERGO} )*(?:refunded|refunds|returns|returned))",
        ),
        (MetricName.REFUND_RATIO,),
    ),
    (
        phrase(
            rf"(?:{_SUM} (?:of|in) )?(?:{_REFUNDED}|returns)(?: {_SUM})?",
            r"money back|g[ai]ve back",
        ),
        (MetricName.REFUND_AMOUNT,),
    ),
    (
        phrase(
            rf"{_HOW_MANY} {_DISPUTES}",
            rf"{_HOW_MANY} (?:{_ORDERS} )?(?:{_UNDERGO} )*{_BACK}",
            rf"{_DISPUTES} (?:count|number)s?",
        ),
        (MetricName.CHARGEBACK_COUNT,),
    ),
    (
        phrase(
            rf"{_DISPUTES} (?:{_SHARE}|activity)",
            rf"{_SHARE} of {_DISPUTES}",
            rf"{_SHARE} (?:of )?{_ORDERS} (?:{_UNDERGO} )*{_BACK}",
            rf"{_DISPUTES} to {_ORDERS}",
        ),
        (MetricName.CHARGEBACK_RATIO,),
    ),
    (
        phrase(
            rf"{_DISPUTES} (?:{_ORDERS} )?{_SUM}",
            rf"{_SUM} (?:of|in) {_DISPUTES}",
            rf"(?:how much|money|amounts?|lost|losing|cost)(?: \w+){{0,4}} {_DISPUTES}(?: cost)?",
            rf"{_DISPUTES} cost",
        ),
        (MetricName.CHARGEBACK_AMOUNT,),
    ),
    (phrase(_DISPUTES), (MetricName.CHARGEBACK_COUNT,)),
    (
        phrase(
            r"(?:(?:stripe|processing|transaction|payment|card|merchant|processor) )*fees?",
            r"(?:processing|stripe|card) (?:costs?|charges|cut|commission)",
            r"(?:what|how much)(?: money)? (?:does|did|do|is|has|will) stripe (?:cost(?:ing)?"
            r"|charg(?:e|ed|ing)|takes?|taking|taken|took|keeps?|keeping|kept|deduct(?:s|ed|ing)?)"
            r"(?: (?:me|us))?",
            r"(?:paid|pay|paying|went|cost)(?: \w+)? (?:to )?stripe",
        ),
        (MetricName.FEES,),
    ),
    (
        phrase(
            rf"(?:active|paying|unique|distinct|different) {_BUYERS}",
            r"how many (?:people|persons) (?:bought|paid|ordered|purchased|shopped)",
            rf"(?:how many |number of )?{_BUYERS}(?: (?:count|number|base)s?)?",
        ),
        (MetricName.ACTIVE_CUSTOMERS,),
    ),
    (
        phrase(r"(?:total )?(?:amounts?|sum|value) of (?:sales|payments|charges)"),
        (MetricName.REVENUE_TOTAL,),
    ),
    (
        phrase(
            rf"{_HOW_MANY} {_ORDERS}",
            r"amount of (?:orders|transactions|purchases)",
            rf"{_ORDER} (?:counts?|numbers?|volumes?)",
            r"orders|transactions|payments|charges|purchases",
        ),
        (MetricName.CHARGE_COUNT,),
    ),
    (
        phrase(
            rf"(?:(?:gross|total|overall|monthly) )*{_INCOME}(?: (?:figures?|numbers?|totals?))?",
            r"gross(?: volume)?|top[ -]?line|(?:payment|processing) volume",
            rf"how much (?:{_EARNER} )*{_EARN}",
            rf"what (?:did|do|have) (?:we|i) {_EARN}",
            r"what (?:has |have )?(?:came|comes?) in",
        ),
        (MetricName.REVENUE_TOTAL,),
    ),
)

OVERVIEW = (
    MetricName.REVENUE_TOTAL,
    MetricName.NET_REVENUE,
    MetricName.CHARGE_COUNT,
    MetricName.AVERAGE_CHARGE,
    MetricName.REFUND_AMOUNT,
    MetricName.CHARGEBACK_COUNT,
)
COMPARED_OVERVIEW = (
    MetricName.REVENUE_TOTAL,
    MetricName.CHARGE_COUNT,
    MetricName.REFUND_AMOUNT,
)
_BUSINESS = r"(?:(?:my|our|the) )?(?:business|shop|company|store)"
_FAIR = r"(?:good|great|bad|decent|strong|weak|slow|quiet|poor|ok(?:ay)?)"
_OVERVIEW_WORDS = phrase(
    rf"how (?:did|do|are|is|was|were|has|have)"
    rf" (?:(?:we|i|{_BUSINESS}|things|everything|trade|[{BLANK}]+) )?"
    r"(?:do|doing|go|going|been|been doing|been going|perform(?:ing|ed)?|look(?:ing)?|fare)",
    rf"how (?:is|was) (?:{_BUSINESS}|trade)",
    rf"(?:did|have) (?:we|i) (?:have|had) an? {_FAIR} (?:month|[{BLANK}]+)",
    rf"(?:is|was) [{BLANK}]+ (?:been )?(?:an? )?{_FAIR}(?: (?:month|quarter|year))?",
    r"overview|summar(?:y|ise|ize)|performance|kpis?|dashboard|how was(?! it| that)",
    r"(?:key|main|all(?: the| my| our)?|my|our|the|monthly) (?:figures|numbers|metrics|stats)",
)


@dataclass(frozen=True, slots=True)
class Mention:
    """Metrics that one expression names, and where it stands."""

    start: int
    metrics: tuple[MetricName, ...]


def find_metrics(scan: Scan) -> list[Mention]:
    """Take every metric that the text names, from left to right."""
    found = [
        Mention(match.start(), metrics)
        for pattern, metrics in _WORDS
        for match in scan.take_all(pattern)
    ]
    return sorted(found, key=lambda mention: mention.start)


def find_overview(scan: Scan) -> list[Mention]:
    """Take words that ask how business went, without naming a figure."""
    match = scan.take(_OVERVIEW_WORDS)
    return [Mention(match.start(), OVERVIEW)] if match else []
