"""What the application holds for as long as it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fastapi import Request

from agent.runtime import AgentRuntime
from api.metrics import ServiceMetrics
from config.settings import Settings
from db.session import Database
from worker.app import Worker
from worker.wiring import Wiring


@dataclass(frozen=True)
class AppState:
    """The process's settings, database, wiring, metrics and, unless it only serves, worker.

    `refused_webhooks` counts by reason what was refused since the process began.
    """

    settings: Settings
    database: Database
    wiring: Wiring
    worker: Worker | None
    metrics: ServiceMetrics
    refused_webhooks: Counter[str] = field(default_factory=Counter)

    @property
    def agent(self) -> AgentRuntime:
        """What runs need."""
        return self.wiring.agent


async def state_of(request: Request) -> AppState:
    """Return the state of the application that answers the request; no thread is needed for it."""
    state: AppState = request.app.state.vaultra
    return state
