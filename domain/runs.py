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


class RunSupersededError(Exception):
    """Another attempt has taken the run over; nothing that this one does counts any more.

    No VaultraError: it is not for a person or a model, and ends the attempt wherever it is.
    """
