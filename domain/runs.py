"""The life of a run: one execution of the agent for one user message."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands (`agent_runs.state`)."""

    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED_STATES = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED})
