"""Everything about figures that one text says, before it is decided what it asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from agent.planner.comparing import Shift, take_shift, takes_movement, takes_side_by_side
from agent.planner.intents import Extreme
from agent.planner.memory import Memory
from agent.planner.ranges import Dates, find_dates
from agent.planner.residue import unknown_words
from agent.planner.vocabulary import OVERVIEW, Mention, find_metrics, find_overview
from agent.planner.wording import BLANK, Scan
from domain.metric_definitions import METRICS, MetricName, Unit

_FOLLOW_UP = re.compile(
    r"^(?:ok(?:ay)?,? |so,? )?(?:and|also|what about|how about|what of|same|then|now|or|but|plus)\b"
)
_POINTING = re.compile(r"\b(?:that|it|this|those|them|these)\b(?! (?:month|quarter|year))")
_LEANING_COMPARISON = re.compile(
    r"^(?:please )?(?:compared? (?:to|with|against)|vs|versus|against)\b"
)
_AGAINST = re.compile(
    r"\b(?:vs|versus|against|than|relative to|compare[sd]? (?:to|with))(?: the)? ?$"
)
_TREND = re.compile(
    r"\b(?:trends?|trending|by month|per month|(?:each|every) (?:single )?month|monthly"
    r"|month[ -]by[ -]month|month after month|over time|history|histor\w+|develop\w*|evol\w+"
    r"|timeline|over the months|chart|graph|plot)\b"
)
_EXTREMES: tuple[tuple[re.Pattern[str], Extreme], ...] = (
    (re.compile(r"\b(?:best|highest|strongest|top|biggest|peak|record|most)\b"), "highest"),
    (re.compile(r"\b(?:worst|lowest|weakest|slowest|poorest|smallest|least)\b"), "lowest"),
)
_MONTH = re.compile(r"\bmonths?\b")
_AVERAGE = re.compile(r"\b(?:(?:on|an|the) )?(?:average|averaged|averages|mean)\b")
_PERCENT_OF = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,6})?) ?% of\b")
_PORTION = re.compile(
    r"\b(?:as )?(?:an? |what |the )?(?:percentage|share|proportion|fraction|part|%|how much) of"
    rf" (?:(?:my|our|the|total|gross|all) )*(?={BLANK})"
)
_WHY = re.compile(r"\b(?:why|how come|what caused|reason for|because of what)\b")
_FORECAST = re.compile(
    r"\b(?:forecast\w*|predict\w*|project(?:ion|ions|ed)|expect(?:ed)?"
    r"|will (?:my|our|we|i|the|be|it)|going to (?:be|make|earn|sell))\b"
)
_MEANING = re.compile(
    r"\b(?:what (?:does|do)\b.*\b(?:mean|include|count)|(?:define|definition of|meaning of"
    r"|what counts as|what is meant by|difference between)|how (?:is|are|do you)\b.*\b"
    r"(?:calculated?|computed?|defined?|measured?)|explain what)\b"
)


@dataclass(frozen=True, slots=True)
class Heard:
    """Everything about figures that one text says."""

    mentions: tuple[Mention, ...]
    dates: Dates
    shift: Shift | None
    rest: str
    leans: bool
    compares: bool
    moves: bool
    against: bool
    trend: bool
    extreme: Extreme | None
    average: bool
    why: bool
    forecast: bool
    meaning: bool
    share: str | None
    portion_of: MetricName | None

    @property
    def metrics(self) -> tuple[MetricName, ...]:
        """The metrics named, each once, in the order of the text."""
        return tuple(dict.fromkeys(name for m in self.mentions for name in m.metrics))

    @property
    def recognised(self) -> int:
        """How many expressions were recognised."""
        return len(self.mentions) + len(self.dates.periods) + self.compares + self.trend

    @property
    def start(self) -> int:
        """Where the first metric stands; 0 if there is none."""
        return self.mentions[0].start if self.mentions else 0

    @property
    def names_figures(self) -> bool:
        """Tell whether a metric is named, and not only "how did it go"."""
        return any(mention.metrics != OVERVIEW for mention in self.mentions)

    @property
    def asks_something(self) -> bool:
        """Tell whether anything here could be a question about figures."""
        about_time = self.dates.periods or self.dates.days or self.shift or self.compares
        about_shape = self.trend or self.extreme or self.average or self.share or self.why
        return bool(self.mentions or about_time or about_shape)


def listen(scan: Scan, today: date, memory: Memory) -> Heard:
    """Take everything about figures from the text."""
    share = scan.take(_PERCENT_OF)
    mentions = find_metrics(scan)
    portion_of = _portion_of(scan, mentions) if share is None else None
    side_by_side, moves = takes_side_by_side(scan), takes_movement(scan)
    compares = side_by_side or moves
    leans = _leans(scan, mentions)
    meaning = _MEANING.search(scan.text) is not None
    shift = take_shift(scan, relative=compares or (leans and memory.period is not None))
    compares = compares or (shift is not None and shift.compares)
    trend = bool(scan.take_all(_TREND))
    extreme = _take_extreme(scan)
    dates = find_dates(
        scan,
        today,
        split_pairs=compares and shift is None,
        in_order=moves and not side_by_side,
    )
    if not mentions:
        mentions = find_overview(scan)
    average, why = scan.take(_AVERAGE) is not None, scan.take(_WHY) is not None
    if not mentions and not compares:
        leans = leans or (
            (trend or why or average or share is not None) and not unknown_words(scan.rest)
        )
    return Heard(
        mentions=tuple(mentions),
        dates=dates,
        shift=shift,
        rest=scan.rest,
        leans=leans,
        compares=compares,
        moves=moves,
        against=bool(dates.periods) and _is_other(scan.text[: dates.periods[0].start]),
        trend=trend,
        extreme=extreme,
        average=average,
        why=why,
        forecast=scan.take(_FORECAST) is not None,
        meaning=meaning,
        share=share[1] if share else None,
        portion_of=portion_of,
    )


def _portion_of(scan: Scan, mentions: Sequence[Mention]) -> MetricName | None:
    """Return the amount of which another amount is asked for as a percentage."""
    metrics = {name for mention in mentions for name in mention.metrics}
    if len(metrics) != 2 or any(METRICS[name].unit is not Unit.MONEY for name in metrics):
        return None
    match = scan.take(_PORTION)
    return next((m.metrics[0] for m in mentions if match and m.start == match.end()), None)


def _is_other(before: str) -> bool:
    """Tell whether what stands before a period makes it the other one of a comparison."""
    return _AGAINST.search(before) is not None


def _leans(scan: Scan, mentions: list[Mention]) -> bool:
    if _FOLLOW_UP.search(scan.text) or _LEANING_COMPARISON.search(scan.text):
        return True
    if not mentions:
        return _POINTING.search(scan.text) is not None
    asks = re.match(r"(?:what|how|show|give|tell|list|when|is|are|did|do)\b", scan.text)
    return len(scan.text.split()) <= 3 and asks is None


def _take_extreme(scan: Scan) -> Extreme | None:
    for pattern, extreme in _EXTREMES:
        if pattern.search(scan.rest) and _MONTH.search(scan.rest):
            scan.take(pattern)
            return extreme
    return None
