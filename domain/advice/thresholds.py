"""Thresholds: where a trigger opens and where it clears, each with its reason and source."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

# A trigger clears 10 % beyond its threshold: what wavers about the line does not flicker.
CLEARED = Decimal("0.9")
CLEARED_ABOVE = Decimal("1.1")
OWN_JUDGEMENT = "our own judgement"


class Side(StrEnum):
    """How a value compares with the threshold when it opens the trigger."""

    AT_LEAST = ">="
    ABOVE = ">"
    BELOW = "<"
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Threshold:
    """The value of `name` at which a trigger opens, and the one at which it is clear again.

    `clears_at` None: the threshold only guards the opening, as a least number of observations does.
    """

    name: str
    side: Side
    opens_at: Decimal
    clears_at: Decimal | None
    reason: str
    source: str

    def crossed(self, value: Decimal, *, is_open: bool) -> bool:
        """Tell whether the value opens the trigger, or keeps it open: between both lines it does.

        An open trigger is clear at `clears_at` itself.
        """
        if not is_open:
            return self._opens(value)
        if self.clears_at is None:
            return True
        rises = self.side in {Side.AT_LEAST, Side.ABOVE}
        return value > self.clears_at if rises else value < self.clears_at

    @property
    def goal(self) -> Decimal:
        """The value to aim for: where the trigger clears."""
        return self.opens_at if self.clears_at is None else self.clears_at

    def _opens(self, value: Decimal) -> bool:
        return {
            Side.AT_LEAST: value >= self.opens_at,
            Side.ABOVE: value > self.opens_at,
            Side.BELOW: value < self.opens_at,
            Side.AT_MOST: value <= self.opens_at,
        }[self.side]


def too_high(
    name: str, line: str, reason: str, source: str = OWN_JUDGEMENT, *, side: Side = Side.AT_LEAST
) -> Threshold:
    """Return a threshold that opens at a value and clears 10 % below it."""
    return Threshold(name, side, Decimal(line), Decimal(line) * CLEARED, reason, source)


def too_low(name: str, line: str, reason: str, source: str = OWN_JUDGEMENT) -> Threshold:
    """Return a threshold that opens below a value and clears 10 % above it."""
    return Threshold(name, Side.BELOW, Decimal(line), Decimal(line) * CLEARED_ABOVE, reason, source)


def at_least(name: str, count: int, reason: str, source: str = OWN_JUDGEMENT) -> Threshold:
    """Return the least number of observations from which a trigger opens."""
    return Threshold(name, Side.AT_LEAST, Decimal(count), None, reason, source)


def any_at_all(name: str, reason: str, source: str) -> Threshold:
    """Return a threshold that opens above nought and clears at nought: there is no band."""
    return Threshold(name, Side.ABOVE, Decimal(0), Decimal(0), reason, source)
