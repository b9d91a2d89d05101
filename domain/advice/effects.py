"""What following a piece of advice would do to the score: a re-run of the model, never prose."""

from __future__ import annotations

from dataclasses import dataclass

from domain.advice.terms import Priority
from domain.readiness import Assessment, CapKind, ComponentKey, ReadinessInputs, assess

# A quarter of a tier, and the least that a steady shop's score varies from month to month anyway.
HIGH_FROM = 5.0
MEDIUM_FROM = 1.2

_NOTHING = 1e-6
# A gain of less may still cross a whole number; to call that a point would promise too much.
_VISIBLE = 0.5
_UNTIL = {
    ComponentKey.HISTORY: "the history is longer",
    ComponentKey.SCALE: "revenue is higher",
    ComponentKey.GROWTH: "growth improves",
    ComponentKey.STABILITY: "months vary less",
    ComponentKey.DISPUTES: "disputes fall",
    ComponentKey.CONCENTRATION: "the largest customer's share falls",
    ComponentKey.PAYMENTS: "payment failures fall",
    ComponentKey.REFUNDS: "refunds fall",
    ComponentKey.RETENTION: "retention improves",
    ComponentKey.PAYOUTS: "payouts are enabled",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """The predicted change: `gain` of the score, `potential` of it if no cap were in the way."""

    gain: float
    potential: float
    text: str

    @property
    def priority(self) -> Priority:
        """The priority the gain earns; a gain that another cap holds back earns one step less."""
        order = list(Priority)
        held_back = max(order.index(_rank(self.potential)) - 1, 0)
        return order[max(order.index(_rank(self.gain)), held_back)]


def _rank(points: float) -> Priority:
    if points >= HIGH_FROM:
        return Priority.HIGH
    return Priority.MEDIUM if points >= MEDIUM_FROM else Priority.LOW


def no_effect(assessment: Assessment) -> Effect:
    """Return the effect of advice that the score cannot show."""
    return Effect(0.0, 0.0, f"no effect on the score ({assessment.score})")


def effect_of(assessment: Assessment, improved: ReadinessInputs) -> Effect:
    """Return the effect of the improved inputs against an assessment that has a score."""
    after = assess(improved)
    if assessment.exact is None or after.exact is None:
        return Effect(0.0, 0.0, "no score to compare with")
    gain = after.exact - assessment.exact
    potential = after.uncapped - assessment.uncapped
    return Effect(gain, potential, _text(assessment, after, gain))


def _text(before: Assessment, after: Assessment, gain: float) -> str:
    if before.score is None or after.score is None or gain < _NOTHING:
        return _held(before, after)
    points = after.score - before.score
    if points == 0 or gain < _VISIBLE:
        return f"less than 1 point ({before.score})"
    text = f"+{points} point{'' if points == 1 else 's'} ({before.score} to {after.score})"
    return f"{text}, then {_limit(after)}" if after.binding else text


def _held(before: Assessment, after: Assessment) -> str:
    if after.binding is None:
        return no_effect(before).text
    return f"no effect until {_UNTIL[after.binding.key]}"


def _limit(after: Assessment) -> str:
    binding = after.binding
    if binding is None or binding.kind is CapKind.HARD_STOP:
        return "disabled payouts limit it"
    return f"{binding.label.lower()} limits it"
