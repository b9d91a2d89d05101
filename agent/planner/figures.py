"""Numbers, dates and foreign text as Markdown that says exactly what it says."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from agent.planner.periods import months_in_words
from agent.planner.results import Figure
from agent.planner.wording import one_line
from domain.money import exponent
from domain.periods import Month

NOT_AVAILABLE = "n/a"
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
WIDE = Context(prec=90, rounding=ROUND_HALF_UP)
_SPECIAL = re.compile(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)")
# What begins a heading, a list or a rule where a line begins.
_OPENING = re.compile(r"^(?:[#+=-]|\d+[.)])")
_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
_LONGEST_TEXT = 400


def inert(text: str) -> str:
    """Return text of unknown origin as one line in which no Markdown or HTML works."""
    line = one_line(text)
    if len(line) > _LONGEST_TEXT:
        line = f"{line[:_LONGEST_TEXT].rstrip()}…"
    for character, entity in _ENTITIES:
        line = line.replace(character, entity)
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", line)


def inert_line(text: str) -> str:
    """Return text of unknown origin that may also stand at the beginning of a line."""
    return _OPENING.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", inert(text))


def money(value: Decimal, currency: str) -> str:
    """Write an amount to its currency's scale: "$94,321.55", "-€5.00", "1,200 KRW"."""
    code = currency.lower()
    scaled = value.quantize(Decimal(1).scaleb(-exponent(code)), context=WIDE)
    digits = f"{scaled.copy_abs():,f}"
    sign = "-" if scaled < 0 else ""
    symbol = _SYMBOLS.get(code)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits} {inert(code.upper())}"


def percent(ratio: Decimal) -> str:
    """Write a ratio as a percentage with two decimals: 0.0123 is "1.23 %"."""
    return f"{_hundredfold(ratio):,f} %"


def whole_percent(ratio: Decimal) -> str:
    """Write a ratio as a percentage with no more decimals than it has: 0.82 is "82 %"."""
    return f"{number(_hundredfold(ratio))} %"


def signed_percent(ratio: Decimal) -> str:
    """Write a relative change: "+12.34 %"."""
    return f"{_hundredfold(ratio):+,f} %"


def points(ratio: Decimal) -> str:
    """Write the size of a difference of two ratios: "0.35 percentage points"."""
    return f"{_hundredfold(ratio).copy_abs():,f} percentage points"


def _hundredfold(ratio: Decimal) -> Decimal:
    return ratio.scaleb(2, context=WIDE).quantize(Decimal("0.01"), context=WIDE)


def number(value: Decimal) -> str:
    """Write a number with thousands separators and no more decimals than it has."""
    digits = f"{value:,f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def amount(figure: Figure, value: Decimal | None = None) -> str:
    """Write the figure's value (or another one of its unit); "n/a" if there is none."""
    shown = figure.value if value is None else value
    if shown is None:
        return NOT_AVAILABLE
    if figure.unit == "money":
        return money(shown, figure.currency or "")
    return percent(shown) if figure.unit == "ratio" else number(shown)


def months_of(figure: Figure) -> tuple[Month, Month]:
    """Return the first and last month of the figure's period."""
    return Month.of(figure.period_start), Month.of(figure.period_end)


def period_words(figure: Figure) -> str:
    """Name the figure's period: "October 2026", "November 2026 (month to date)"."""
    first, last = months_of(figure)
    words = months_in_words(first, last)
    if not figure.month_to_date:
        return words
    current = "month" if first == last else calendar.month_name[last.month]
    return f"{words} ({current} to date)"


def during(figure: Figure) -> str:
    """Say when: "in October 2026", "from May to July 2026"."""
    words = period_words(figure)
    return f"from {words}" if " to " in words.split(" (")[0] else f"in {words}"


def day_words(day: date) -> str:
    """Write a day: "22 November 2026"."""
    return f"{day.day} {months_in_words(Month.of(day), Month.of(day))}"


def moment_words(moment: datetime) -> str:
    """Write an instant in UTC: "22 November 2026, 10:00 UTC"."""
    instant = moment.astimezone(UTC) if moment.tzinfo else moment
    return f"{day_words(instant.date())}, {instant:%H:%M} UTC"


def joined(words: list[str]) -> str:
    """Join words for a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def title_of(name: str) -> str:
    """Write a machine name for people: funding_ready is "funding ready"."""
    return inert(name.replace("_", " "))
