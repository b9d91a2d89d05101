"""All evaluators, applied to a case: the one place that a new one is added to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from evals import effects, evaluators, sources
from evals.cases import Case
from evals.given import Setting
from evals.hearing import Hearing
from evals.transcript import CaseTranscript, Finding

TurnEvaluator = Callable[[Hearing], Iterable[str]]
CaseEvaluator = Callable[[Case, CaseTranscript], Iterable[str]]

TURN_EVALUATORS: tuple[TurnEvaluator, ...] = (
    evaluators.outcome,
    evaluators.stream,
    evaluators.tools,
    evaluators.answer,
    evaluators.events,
    sources.figures,
    sources.grounding,
)
CASE_EVALUATORS: tuple[CaseEvaluator, ...] = (effects.rows, effects.changes)


def judge(case: Case, setting: Setting, transcript: CaseTranscript) -> list[Finding]:
    """Return everything that is not as the case expects; nothing if it passed."""
    findings: list[Finding] = []
    pairs = zip(case.turns, transcript.turns, strict=True)
    for number, (turn, heard) in enumerate(pairs, start=1):
        hearing = Hearing(turn, heard, setting)
        findings += [
            Finding(evaluator.__name__, sentence, number)
            for evaluator in TURN_EVALUATORS
            # A figure is often in a result twice, by month and in total.
            for sentence in dict.fromkeys(evaluator(hearing))
        ]
    return findings + [
        Finding(evaluator.__name__, sentence)
        for evaluator in CASE_EVALUATORS
        for sentence in evaluator(case, transcript)
    ]
