"""The jobs that look after runs: what is old is deleted, what is lost is queued again."""

from __future__ import annotations

from agent import deciding, run_health
from services import pruning
from worker.wiring import Wiring


async def prune(wiring: Wiring) -> None:
    """Delete event logs that are older than they are kept."""
    await pruning.prune(wiring.database, wiring.agent.clock(), kept=wiring.events_kept)


async def recover_lost_runs(wiring: Wiring) -> None:
    """Queue runs again whose job is gone, and end those whose approvals have expired."""
    await run_health.recover_lost_runs(wiring.database)
    await deciding.expire_overdue(wiring.database, wiring.agent.clock())
