"""What a replay needs of the outside world; whoever runs it brings the stand-ins for it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from config.settings import ModelSettings
from evals.given import ScriptedModel, Setting


@dataclass(frozen=True)
class StripeAddress:
    """Where the business's Stripe account is, the restricted key to it, and its limits.

    `requests_per_second` None keeps Stripe's own.
    """

    url: str
    key: str
    requests_per_second: int | None = None


class StandIns(Protocol):
    """Stand-ins that speak the real protocols, so that production code cannot tell."""

    def stripe(
        self, setting: Setting, *, at: datetime
    ) -> AbstractAsyncContextManager[StripeAddress]:
        """Serve the setting's business as Stripe knows it at an instant."""

    def model(self, scripted: ScriptedModel) -> AbstractAsyncContextManager[ModelSettings]:
        """Serve a model that says what is written."""
