"""What following a piece of advice would do to the score: a re-run of the model, never prose."""

from __future__ import annotations

from dataclasses import dataclass

from domain.readiness import Assessment, CapKind, ReadinessInputs, assess
from domain.readiness.simulation import until

_NOTHING = 1e-6
# A gain of less may still cross a whole number; to call that a point would promise too much.
_VISIBLE = 0.5


@dataclass(frozen=True, slots=True)
class Effect:
    """The predicted change: `gain` of the score, `potential` of it if no other cap were in the way.

    `before` and `after` are the exact scores, None where there is none. For advice that prevents
    something `after` is the score if it happened, and `gain` what is then not lost.
    """

    gain: float
    potential: float
    text: str
    before: float | None = None
    after: float | None = None


def no_effect(assessment: Assessment) -> Effect:
    """Return the effect of advice that the score cannot show."""
    exact = assessment.exact
    return Effect(0.0, 0.0, f"no effect on the score ({assessment.score})", exact, exact)


def effect_of(assessment: Assessment, improved: ReadinessInputs) -> Effect:
    """Return the effect of the improved inputs against an assessment that has a score."""
    after = assess(improved)
    if assessment.exact is None or after.exact is None:
        return _NO_SCORE
    gain = after.exact - assessment.exact
    potential = _alone(after, assessment) - _alone(assessment, after)
    return Effect(gain, potential, _text(assessment, after, gain), assessment.exact, after.exact)


def prevented(assessment: Assessment, worsened: ReadinessInputs) -> Effect:
    """Return what the score would lose if the inputs became the worsened ones."""
    after = assess(worsened)
    if assessment.exact is None or after.exact is None:
        return _NO_SCORE
    gain = assessment.exact - after.exact
    potential = _alone(assessment, after) - _alone(after, assessment)
    return Effect(
        gain, potential, _loss_text(assessment, after, gain), assessment.exact, after.exact
    )


def _alone(assessment: Assessment, other: Assessment) -> float:
    """Return the exact score if only the limits that differ from the other's were in the way."""
    limits = {cap.key: cap.limit for cap in other.caps}
    own = [cap.limit for cap in assessment.caps if limits.get(cap.key) != cap.limit]
    return min([assessment.uncapped, *own])


_NO_SCORE = Effect(0.0, 0.0, "no score to compare with")


def _loss_text(before: Assessment, after: Assessment, loss: float) -> str:
    if before.score is None or after.score is None or loss < _NOTHING:
        return no_effect(before).text
    points = before.score - after.score
    if points == 0 or loss < _VISIBLE:
        return f"avoids the loss of less than 1 point ({before.score})"
    several = "" if points == 1 else "s"
    return f"avoids the loss of up to {points} point{several} ({before.score} to {after.score})"


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
    return f"no effect until {until(after.binding)}"


def _limit(after: Assessment) -> str:
    binding = after.binding
    if binding is None or binding.kind is CapKind.HARD_STOP:
        return "disabled payouts limit it"
    return f"{binding.label.lower()} limits it"
