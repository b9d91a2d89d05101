"""What an evaluator of a turn is given."""

from __future__ import annotations

from dataclasses import dataclass

from evals.cases import Turn
from evals.given import Setting
from evals.transcript import TurnTranscript


@dataclass(frozen=True)
class Hearing:
    """One turn as it was written and as it went."""

    turn: Turn
    transcript: TurnTranscript
    setting: Setting
