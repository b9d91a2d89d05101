"""What runs need of their process."""

from __future__ import annotations

from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel

from agent.context import TOOL_SECONDS, Clock
from db.notifications import Notifications
from db.session import Database
from domain.limits import FREE, UNLIMITED, RunLimits, SpendingLimits
from domain.rates import NO_RATES, StatedRates


@dataclass(frozen=True)
class AgentRuntime:
    """What runs need of their process."""

    database: Database
    notifications: Notifications
    model: BaseChatModel
    clock: Clock
    rates: StatedRates = NO_RATES
    spending: SpendingLimits = FREE
    run_limits: RunLimits = UNLIMITED
    tool_seconds: float = TOOL_SECONDS
