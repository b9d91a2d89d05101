"""How many runs there are, over all businesses: for whoever operates the service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from db.repositories import run_counts
from db.session import Database
from domain.runs import FINISHED_STATES, RunState

LATELY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Unfinished runs, and those that ended lately, by state; every state has its number."""

    unfinished: dict[str, int]
    ended: dict[str, int]


async def count_runs(database: Database) -> RunCounts:
    """Count in a unit of work of its own; raises DatabaseError."""
    async with database.unit_of_work() as session:
        unfinished = await run_counts.count_unfinished(session)
        ended = await run_counts.count_ended(session, since=LATELY)
    finished = {state.value for state in FINISHED_STATES}
    states = [state.value for state in RunState]
    return RunCounts(
        {state: unfinished.get(state, 0) for state in states if state not in finished},
        {state: ended.get(state, 0) for state in states if state in finished},
    )
