"""From one state of a run to the next; whoever calls holds its conversation and the run."""

from __future__ import annotations

from uuid import UUID

from agent.context import CANCELLED
from agent.event_log import number, topic_of
from agent.events import EventMapper
from db.models import Run
from db.notifications import announce
from db.repositories import approvals, jobs, runs
from db.repositories.jobs import Entrypoint
from db.repositories.runs import Attempt
from db.session import Session
from domain.approvals import ApprovalState
from domain.runs import FINISHED_STATES, RunState

EXPIRED_RESULT = "Error: nobody approved this in time. Nothing was changed."


async def queue_job(session: Session, run_id: UUID) -> int:
    """Queue the job that executes the run; return its id."""
    return await jobs.enqueue(session, Entrypoint.RUN, {"run_id": str(run_id)})


async def end_run(
    session: Session, run: Run, state: RunState, *, error_code: str | None = None
) -> None:
    """Set the final state and let the conversation's next run begin, in one transaction."""
    run.state = state.value
    run.error_code = error_code
    await runs.touch(session, run, "finished_at")
    unfinished = await runs.list_unfinished(session, run.conversation_id)
    if unfinished and unfinished[0].state == RunState.QUEUED and unfinished[0].job_id is None:
        unfinished[0].job_id = await queue_job(session, unfinished[0].id)
        await session.flush()


async def request_cancel(session: Session, run: Run) -> None:
    """Ask the run to stop; one that nobody executes ends here. One that is over stays as it is."""
    if RunState(run.state) in FINISHED_STATES:
        return
    await runs.touch(session, run, "cancel_requested_at")
    if run.state == RunState.QUEUED:
        terminal = EventMapper(run.conversation_id, run.client_run_id).cancelled()
        seq = await runs.last_seq(session, run.id)
        await runs.append_events(session, run.id, number([terminal], seq))
        await announce(session, topic_of(run.id))
        await end_run(session, run, RunState.CANCELLED)
    elif run.state == RunState.AWAITING_APPROVAL:
        await end_waiting(session, run, ApprovalState.WITHDRAWN)
    elif run.job_id is not None:
        await jobs.interrupt(session, run.job_id)


async def end_waiting(session: Session, run: Run, outcome: ApprovalState) -> None:
    """End a run whose approvals nobody will give any more; its calls get their results.

    Its log has had its terminal event since it began to wait.
    """
    result = EXPIRED_RESULT if outcome == ApprovalState.EXPIRED else CANCELLED
    for approval in await approvals.list_approvals(session, [run.id], state=ApprovalState.PENDING):
        record = await runs.claim_tool_call(
            session,
            Attempt(run.id, run.attempt),
            approval.call_id,
            approval.tool,
            approval.arguments,
        )
        await runs.finish_tool_call(session, record, status="failed", result=result)
    await approvals.close_pending(session, run.id, outcome)
    code = "approval_expired" if outcome == ApprovalState.EXPIRED else None
    await end_run(session, run, RunState.CANCELLED, error_code=code)
