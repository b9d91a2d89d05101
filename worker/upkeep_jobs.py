"""The jobs that look after runs: old logs go, lost runs are queued, what is left is settled."""

from __future__ import annotations

from agent import deciding, run_health
from services import budgets, pruning
from worker.wiring import Wiring


async def prune(wiring: Wiring) -> None:
    """Delete event logs that are older than they are kept."""
    await pruning.prune(wiring.database, wiring.agent.clock(), kept=wiring.events_kept)


async def recover_lost_runs(wiring: Wiring) -> None:
    """Queue runs again whose job is gone, and end those whose approvals have expired."""
    await run_health.recover_lost_runs(wiring.database)
    await deciding.expire_overdue(wiring.database, wiring.agent.clock())


async def settle_spending(wiring: Wiring) -> None:
    """Settle what was set aside for calls of models whose process is gone."""
    await budgets.settle_left(wiring.database, wiring.agent.spending)
