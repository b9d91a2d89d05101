"""Why two scores differ: parts of components, caps and the model that add up to the difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from math import floor

from domain.errors import InvalidInputError
from domain.readiness.assessment import Assessment, Cap, ComponentScore
from domain.readiness.inputs import Measurement, ReadinessInputs
from domain.readiness.model import SPECS, ComponentKey
from domain.readiness.wording import displayed

# Sums of weighted points differ by rounding of the last bits; nothing smaller has moved.
NOTHING = 1e-6
# The age of the data says nothing about the business.
_NO_INPUT = frozenset({"data_age_days"})


@dataclass(frozen=True, slots=True)
class ComponentChange:
    """A component on both sides, None where it was not assessed; `points` is after less before.

    A component's points also move when another one begins or ceases to be assessed, as its weight
    then does.
    """

    key: ComponentKey
    label: str
    before: ComponentScore | None
    after: ComponentScore | None
    points: float


class CapEffect(StrEnum):
    """What a cap did between two scores."""

    BEGAN = "began"
    CEASED = "ceased"
    STILL_BINDS = "still_binds"


@dataclass(frozen=True, slots=True)
class CapChange:
    """A cap that binds on a side; `points` is what it takes after less what it took before.

    A limit is None on a side on which there is no such cap.
    """

    key: ComponentKey
    label: str
    effect: CapEffect
    limit_before: float | None
    limit_after: float | None
    points: float


@dataclass(frozen=True, slots=True)
class InputChange:
    """An input on both sides in words, None where it is not known."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """`total` is the difference of the exact scores: `model` plus all components' and caps' points.

    `model` is what today's model judges otherwise than the one that a score was computed with.
    """

    total: float
    model: float
    components: tuple[ComponentChange, ...]
    caps: tuple[CapChange, ...]


def difference(
    before: Assessment, after: Assessment, *, stored: tuple[float, float] | None = None
) -> Difference:
    """Return what makes the difference of two assessments of one model version.

    `stored` are the exact scores as they were computed then, where an older model may have done so.
    Raise InvalidInputError if there is no score on a side.
    """
    if before.exact is None or after.exact is None:
        raise InvalidInputError("There is no score on both sides, so there is no difference.")
    judged_now = after.exact - before.exact
    total = judged_now if stored is None else stored[1] - stored[0]
    return Difference(
        total=total,
        model=total - judged_now,
        components=tuple(_components(before, after)),
        caps=tuple(_caps(before, after)),
    )


def _components(before: Assessment, after: Assessment) -> Iterator[ComponentChange]:
    for key, spec in SPECS.items():
        old, new = before.component(key), after.component(key)
        points = (new.points if new else 0.0) - (old.points if old else 0.0)
        if abs(points) > NOTHING or _told(old) != _told(new):
            yield ComponentChange(key, spec.label, old, new, points)


def _told(part: ComponentScore | None) -> object:
    return None if part is None else (part.value, part.n)


def _caps(before: Assessment, after: Assessment) -> Iterator[CapChange]:
    old, new = before.binding, after.binding
    taken_before = _taken(before)
    taken_after = _taken(after)
    if old and new and (old.key, old.kind) == (new.key, new.kind):
        points = taken_after - taken_before
        if abs(points) > NOTHING or abs(new.limit - old.limit) > NOTHING:
            still = CapEffect.STILL_BINDS
            yield CapChange(new.key, new.label, still, old.limit, new.limit, points=points)
        return
    if old:
        limit = _limit(after, old)
        yield CapChange(
            old.key, old.label, CapEffect.CEASED, old.limit, limit, points=-taken_before
        )
    if new:
        limit = _limit(before, new)
        yield CapChange(new.key, new.label, CapEffect.BEGAN, limit, new.limit, points=taken_after)


def _taken(assessment: Assessment) -> float:
    """Return what the binding cap takes from the weighted mean, at most 0."""
    return 0.0 if assessment.exact is None else assessment.exact - assessment.uncapped


def _limit(assessment: Assessment, same: Cap) -> float | None:
    caps = (cap for cap in assessment.caps if (cap.key, cap.kind) == (same.key, same.kind))
    return next((cap.limit for cap in caps), None)


def shown_parts(parts: Sequence[float]) -> list[Decimal]:
    """Return the parts in tenths that sum to their total in tenths.

    Rounding each by itself would not add up; what is missing goes to the parts that were cut most.
    """
    tenths = [part * 10 for part in parts]
    whole = [floor(part) for part in tenths]
    missing = round(sum(tenths)) - sum(whole)
    most_cut = sorted(range(len(parts)), key=lambda index: whole[index] - tenths[index])
    for index in most_cut[:missing]:
        whole[index] += 1
    return [Decimal(part).scaleb(-1) for part in whole]


def changed_inputs(before: ReadinessInputs, after: ReadinessInputs) -> tuple[InputChange, ...]:
    """Return the inputs that differ; a window that moved on is no change by itself."""
    told = [
        InputChange(name, _words(name, before), _words(name, after))
        for name in (field.name for field in fields(ReadinessInputs))
        if name not in _NO_INPUT and _core(before, name) != _core(after, name)
    ]
    return tuple(told)


def _core(inputs: ReadinessInputs, name: str) -> object:
    value = getattr(inputs, name)
    return (value.value, value.n) if isinstance(value, Measurement) else value


def _words(name: str, inputs: ReadinessInputs) -> str | None:
    value = getattr(inputs, name)
    if isinstance(value, Measurement):
        return f"{displayed(ComponentKey(name), value.value, inputs.currency)} (n = {value.n:,})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or None
    return None if value is None else str(value)
