"""What earlier messages of the person leave for a follow-up to lean on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.planner.intents import (
    Comparison,
    CreateRecommendation,
    Depth,
    Intent,
    MetricQuestion,
    ReadinessQuestion,
    Reference,
    UpdateRecommendation,
)
from agent.planner.periods import Period
from agent.planner.residue import significant_words
from domain.metric_definitions import MetricName


@dataclass(frozen=True, slots=True)
class Memory:
    """The latest figures and period asked for, and what the message just before was about.

    `pointed` is the recommendation that "it" means after that message.
    """

    question: MetricQuestion | Comparison | None = None
    metrics: tuple[MetricName, ...] = ()
    period: Period | None = None
    update: UpdateRecommendation | None = None
    pointed: Reference | None = None
    readiness: bool = False

    def after(self, intents: tuple[Intent, ...], *, named: Period | None = None) -> Memory:
        """Return the memory after one more message, read as these intents.

        `named` is a period that the message named without a figure to go with it.
        """
        memory = replace(
            self,
            update=next((i for i in intents if isinstance(i, UpdateRecommendation)), None),
            pointed=next((_pointed(i) for i in intents if _pointed(i)), None),
            readiness=any(isinstance(intent, ReadinessQuestion) for intent in intents),
            period=named or self.period,
        )
        questions = [i for i in intents if isinstance(i, MetricQuestion | Comparison)]
        if not questions:
            return memory
        latest = questions[-1]
        period = latest.newer if isinstance(latest, Comparison) else latest.period
        return replace(
            memory, question=latest, metrics=latest.metrics, period=period or memory.period
        )


def _pointed(intent: Intent) -> Reference | None:
    """Return the recommendation that the answer to the intent put first."""
    if isinstance(intent, ReadinessQuestion) and intent.depth is Depth.ADVICE:
        return Reference(ordinal=1)
    if isinstance(intent, CreateRecommendation):
        return Reference(words=significant_words(intent.title))
    return None
