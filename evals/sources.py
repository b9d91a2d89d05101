"""Evaluators of figures: what the answer tells is what the tools returned, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from domain.errors import PeriodError
from domain.periods import Month
from evals.expectations import FigureExpectation, months_of
from evals.hearing import Hearing
from evals.matchers import number_of, shown
from evals.numbers import SCALE_END, ShownNumber, known_numbers, numbers_in, shows
from evals.transcript import Json, objects_in

# Shorter numbers are everywhere by chance: days, counts, the numbers of a list.
GROUNDED_FROM_DIGITS = 3


def figures(hearing: Hearing) -> Iterator[str]:
    """Judge that each expected figure is in the answer and in a tool result, with its source."""
    answer = hearing.transcript.answer
    results = [call.content for call in hearing.transcript.calls]
    for figure in hearing.turn.expect.figures:
        if figure.value is not None and not any(
            shows(number, [figure.value]) for number in numbers_in(answer)
        ):
            yield f"the answer does not tell {figure.value}: {shown(answer)}"
        if figure.metric is None:
            if figure.value is not None and abs(figure.value) not in known_numbers(results):
                yield f"no tool result holds {figure.value}"
        elif figure.compared_with is not None:
            yield from _change(figure, results)
        else:
            yield from _own_figure(figure, results)


def _own_figure(figure: FigureExpectation, results: Sequence[Json]) -> Iterator[str]:
    named = f"{figure.metric} of {figure.period}"
    found = [o for o in objects_in(list(results)) if _is_figure(o, figure, figure.period)]
    if not found:
        yield f"no tool result holds {named}"
    for one in found:
        value = number_of(one.get("value"))
        if figure.missing:
            if value is not None or not one.get("missing_reason"):
                yield f"{named} is {shown(one.get('value'))}, expected none and a reason"
        elif value != figure.value:
            yield f"{named} is {shown(one.get('value'))} in a tool result, expected {figure.value}"
        elif not one.get("snapshot_ids"):
            yield f"{named} does not name the snapshots that it comes from"


def _change(figure: FigureExpectation, results: Sequence[Json]) -> Iterator[str]:
    named = f"the change of {figure.metric} from {figure.compared_with} to {figure.period}"
    found = [
        comparison
        for comparison in objects_in(list(results))
        if _is_figure(comparison.get("first"), figure, figure.compared_with)
        and _is_figure(comparison.get("second"), figure, figure.period)
    ]
    if not found:
        yield f"no tool result holds {named}"
    for comparison in found:
        if number_of(comparison.get("change")) != figure.value:
            yield f"{named} is {shown(comparison.get('change'))}, expected {figure.value}"


def _is_figure(found: Json, figure: FigureExpectation, period: str | None) -> bool:
    if not isinstance(found, dict) or found.get("metric") != figure.metric or period is None:
        return False
    try:
        # A month to date ends today, not on the month's last day.
        ends = (Month.parse(str(found.get(end))[:7]) for end in ("period_start", "period_end"))
        return tuple(ends) == months_of(period)
    except PeriodError:
        return False


def grounding(hearing: Hearing) -> Iterator[str]:
    """Judge that every number of three digits or more comes from a tool result or the question.

    The scale of the score and the years around today need no source.
    """
    transcript = hearing.transcript
    if hearing.turn.expect.ungrounded is not None:
        return
    known = known_numbers([call.content for call in transcript.calls])
    known |= known_numbers(transcript.question)
    this_year = hearing.setting.today.year
    for number in numbers_in(transcript.answer):
        if number.digits >= GROUNDED_FROM_DIGITS and not _is_grounded(number, known, this_year):
            lines = transcript.answer.splitlines()
            line = next((line for line in lines if number.text in line), "")
            yield f"{number.text} is in no tool result of the turn: {shown(line)}"


def _is_grounded(number: ShownNumber, known: set[Decimal], this_year: int) -> bool:
    if number.year is not None and abs(number.year - this_year) <= 1:
        return True
    if number.ends_scale and SCALE_END in number.values:
        return True
    return shows(number, known)
