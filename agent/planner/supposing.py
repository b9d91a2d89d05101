"""What-ifs about the score: which inputs would be what, and how many months would go on alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from agent.planner.intents import SupposedInput, WhatIf
from agent.planner.wording import Scan, phrase

_SUPPOSED = re.compile(
    r"\b(?:what if|what (?:happens|would happen)\b[^.?!]{0,40}\b(?:if|when)|suppos(?:e|ing)"
    r"|imagine|assum(?:e|ing)|if|without|once|with)\b"
)
# "With" and "if" alone may introduce anything; then the score must be spoken of.
_SURELY = re.compile(r"\b(?:what if|what (?:happens|would happen)|suppos(?:e|ing)|imagine)\b")
_OF_THE_SCORE = re.compile(r"\b(?:score|readiness|rating|tier|grade|fundable|funding[ -]ready)\b")
_CLAUSE = re.compile(r"[^.?!;]*(?:\.\d[^.?!;]*)*")
# What a person compares with: "under 25 %" is answered at 25 %.
_PERCENT = r"(?P<percent>[+-]?\d{1,4}(?:\.\d{1,6})?) ?%"
_BETWEEN = r"[^.?!;%\d]{0,40}?"
_BUYER = r"(?:client|customer|buyer|account)"

_SHARES: tuple[tuple[str, str], ...] = (
    (
        (
            rf"(?:biggest|largest|main|top|single|one) {_BUYER}s?(?: share)?|concentration"
            rf"|(?:no|any) {_BUYER}"
        ),
        "concentration",
    ),
    (r"failed payouts?|payouts? fail\w*|payout failures?", "payouts"),
    (
        (
            r"(?:payment|charge|card|billing)s? (?:failures?|failed|fail|failing|failure rate)"
            r"|failed (?:payments|charges)|failure rate|failures|declines?"
        ),
        "payments",
    ),
    (r"refund(?:s|ed|ing)?(?: (?:rate|ratio|share))?", "refunds"),
    (r"(?:charge-?backs?|disputes?|disputed)(?: (?:rate|ratio|share))?", "disputes"),
    (r"(?:gross )?(?:revenue )?retention(?: rate)?", "retention"),
    (r"(?:revenue )?(?:volatility|variation)|swings?", "stability"),
)
_GREW = rf"(?:growth|grow|grew|growing|grown){_BETWEEN}{_PERCENT}"
_SHRANK = rf"(?:shrink|shrank|shrinking|declin(?:e|ed|ing)){_BETWEEN}{_PERCENT}"
_MONEY = r"[$€£]? ?(?P<money>\d{1,3}(?:,\d{3})+|\d{1,9})(?:\.\d{1,2})? ?(?P<thousand>k\b)?"
_CURRENCY = r"(?: ?(?:usd|eur|gbp|dollars?|euros?|pounds?))?"
_SCALE = (
    (
        r"(?:(?:average|mean) )?(?:monthly|average) (?:net )?"
        rf"(?:revenue|income|sales|month|turnover){_BETWEEN}{_MONEY}"
    ),
    (
        rf"(?:make|made|earn|earned|had|average[ds]?|sell|sold|revenue|income|sales){_BETWEEN}"
        rf"{_MONEY}{_CURRENCY} (?:a|per|each|every) month"
    ),
)
_NUMBERS = {
    word: number
    for number, word in enumerate(
        "one two three four five six seven eight nine ten eleven twelve".split(), start=1
    )
}
_COUNT = rf"(?:\d{{1,3}}|{'|'.join(_NUMBERS)})"
_HISTORY = (
    rf"{_COUNT} (?:complete )?months of (?:payment )?history",
    rf"history{_BETWEEN}{_COUNT} months",
)
_GO_ON = r"(?:keep|kept|go|carry|continue[ds]?|stay|stayed|wait(?:ed)?|going|carrying)"
_MORE_MONTHS = phrase(
    rf"{_GO_ON}\b[^.?!;\d]{{0,40}}?\b(?:for )?(?:another )?{_COUNT} (?:more )?months?(?: more)?"
    r"(?: longer)?",
    rf"{_COUNT} (?:more|further|additional) months?(?: (?:like|of) (?:this|that|these))?",
    rf"another {_COUNT} months?(?: (?:like|of) (?:this|that|these))?",
    rf"{_COUNT} months? (?:from now|later|on) (?:like this|if nothing changes)",
)
_NONE = phrase(
    r"(?:without|no|zero)(?: any)? (?P<none>refunds|charge-?backs|disputes|failed payments"
    r"|failed payouts)"
)
_NONE_INPUTS = {
    "refunds": "refunds",
    "disputes": "disputes",
    "failed payments": "payments",
    "failed payouts": "payouts",
}
_PAYOUTS_ON = phrase(r"payouts (?:were|are|got|get|would be) (?:re-?)?(?P<state>enabled|disabled)")


def take_what_if(scan: Scan) -> tuple[int, WhatIf] | None:
    """Take a supposition that names values; one that names none is left for others to answer."""
    marker = _SUPPOSED.search(scan.rest)
    more = _MORE_MONTHS.search(scan.rest)
    if marker is None and more is None:
        return None
    if not _SURELY.search(scan.rest) and not _OF_THE_SCORE.search(scan.rest):
        return None
    months = _count(more[0]) if more else 0
    inputs = {found.input: found for found in _inputs(scan.rest)}
    payouts = _PAYOUTS_ON.search(scan.rest)
    if not (inputs or months or payouts):
        return None
    start = marker.start() if marker else more.start() if more else 0
    enabled = None if payouts is None else payouts["state"] == "enabled"
    _strike_sentence(scan, start)
    return start, WhatIf(tuple(inputs.values()), months, enabled)


def _strike_sentence(scan: Scan, start: int) -> None:
    """Strike the sentence: what it says of months and figures is all part of the supposition."""
    begin = max(scan.text.rfind(mark, 0, start) for mark in "?!;") + 1
    rest = _CLAUSE.match(scan.text, start)
    scan.strike(begin, rest.end() if rest else len(scan.text))


def _inputs(text: str) -> Iterator[SupposedInput]:
    for none in _NONE.finditer(text):
        name = none["none"].replace("-", "").replace("chargebacks", "disputes")
        yield SupposedInput(_NONE_INPUTS[name], "0")
    for words, name in _SHARES:
        if share := _share(words, text):
            yield SupposedInput(name, _ratio(share))
    if grew := re.search(_GREW, text):
        yield SupposedInput("growth", _ratio(grew["percent"]))
    elif shrank := re.search(_SHRANK, text):
        yield SupposedInput("growth", _ratio(f"-{shrank['percent'].lstrip('+-')}"))
    for pattern in _SCALE:
        if amount := re.search(rf"(?<!\w){pattern}", text):
            yield SupposedInput("scale", _amount(amount))
    for pattern in _HISTORY:
        if months := phrase(pattern).search(text):
            yield SupposedInput("history", str(_count(months[0])))


def _share(words: str, text: str) -> str | None:
    """Return the percentage that goes with the words: "refunds at 3 %", "3 % refunds"."""
    after = re.search(rf"(?<!\w)(?:{words})(?!\w){_BETWEEN}{_PERCENT}", text)
    before = re.search(rf"{_PERCENT} (?:of )?(?:\w+ ){{0,3}}?(?:{words})(?!\w)", text)
    found = after or before
    # "Refunds fall by 3 %" is a change of unknown size, not a level.
    return found["percent"] if found and not re.search(r"\bby\b", found[0]) else None


def _ratio(percent: str) -> str:
    return f"{Decimal(percent).scaleb(-2):f}"


def _amount(match: re.Match[str]) -> str:
    amount = Decimal(match["money"].replace(",", ""))
    return f"{amount * 1000 if match['thousand'] else amount:f}"


def _count(words: str) -> int:
    """Return the number of months that the words name."""
    [word] = re.findall(rf"\b{_COUNT}\b(?= (?:\w+ )?months?)", words)[-1:]
    return _NUMBERS.get(word) or int(word)
