"""What should never be with runs, found and told; and lost runs brought back by themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from agent import run_repair
from agent.run_repair import QUIET, Outcome
from config.logs import get_logger
from db.repositories import run_health
from db.repositories.run_health import LogSummary, Place
from db.session import Database, Session
from domain.runs import RunState

_logger = get_logger(__name__)


class Disorder(StrEnum):
    """What is wrong, in the order in which it is repaired: an end first, what follows from it."""

    BEHIND_THE_END = "events_behind_the_end"
    NOT_ENDED = "ended_but_unfinished"
    GAP = "gap_in_the_log"
    LOST = "lost_run"
    STUCK = "stuck_conversation"
    NO_END = "no_terminal_event"
    RUNNING_CALL = "running_call_of_an_ended_run"
    MISSING_MESSAGE = "missing_message"
    TWO_ACTIVE = "two_active_runs"


WHAT_TO_DO = {
    Disorder.BEHIND_THE_END: "--repair deletes what comes behind the first terminal event.",
    Disorder.NOT_ENDED: "--repair ends the run as its log says, and lets the next one begin.",
    Disorder.GAP: "--repair writes a missing beginning, and ends a run that nobody executes.",
    Disorder.LOST: "--repair queues the run again, or ends it; a worker does so every 5 minutes.",
    Disorder.STUCK: "--repair queues the waiting run; a worker does so every 5 minutes.",
    Disorder.NO_END: "--repair appends the terminal event, or notes that the log is gone.",
    Disorder.RUNNING_CALL: "--repair ends the call with the result that its log has, or without.",
    Disorder.MISSING_MESSAGE: "--repair stores the message again, from the log.",
    Disorder.TWO_ACTIVE: (
        "The index uq_agent_runs_conversation_id_active is missing or broken: cancel all but the"
        " first of these runs, then make the index again."
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with one run."""

    disorder: Disorder
    place: Place

    @property
    def what_to_do(self) -> str:
        """Return the next step, in a sentence."""
        return WHAT_TO_DO[self.disorder]


async def examine(database: Database) -> list[Finding]:
    """Return everything that is wrong, in the order in which it is to be repaired.

    It reads the whole event log: seconds for millions of events.
    """
    async with database.unit_of_work() as session:
        places = {
            Disorder.LOST: await run_health.list_lost(session, quiet=QUIET),
            Disorder.STUCK: await run_health.list_stuck(session),
            Disorder.RUNNING_CALL: await run_health.list_running_calls(session),
            Disorder.MISSING_MESSAGE: await run_health.list_missing_messages(session),
            Disorder.TWO_ACTIVE: await run_health.list_two_active(session),
        }
        logs = await run_health.list_odd_logs(session)
    found = [Finding(disorder, place) for disorder, many in places.items() for place in many]
    found += (Finding(d, Place(log.run_id, log.conversation_id)) for log in logs for d in _of(log))
    order = list(Disorder)
    return sorted(found, key=lambda finding: order.index(finding.disorder))


def _of(log: LogSummary) -> Iterator[Disorder]:
    is_ended = log.state not in {RunState.QUEUED, RunState.RUNNING}
    if 0 < log.end_seq < log.last_seq:
        yield Disorder.BEHIND_THE_END
    if is_ended and not log.end_seq:
        yield Disorder.NO_END
    elif not is_ended and log.end_seq:
        yield Disorder.NOT_ENDED
    elif not is_ended:
        yield Disorder.GAP


async def repair(database: Database, finding: Finding) -> Outcome:
    """Mend one thing, in one transaction, if it is still so; tell what was done."""
    work = _REPAIRS.get(finding.disorder)
    if work is None:
        return Outcome(False, "Not repaired. " + finding.what_to_do)
    async with database.unit_of_work() as session:
        return await work(session, finding.place)


_REPAIRS: dict[Disorder, Callable[[Session, Place], Awaitable[Outcome]]] = {
    Disorder.BEHIND_THE_END: run_repair.cut_behind_the_end,
    Disorder.NOT_ENDED: run_repair.end_as_logged,
    Disorder.GAP: run_repair.mend_gap,
    Disorder.LOST: run_repair.bring_back,
    Disorder.STUCK: run_repair.queue_stuck,
    Disorder.NO_END: run_repair.append_end,
    Disorder.RUNNING_CALL: run_repair.end_call,
    Disorder.MISSING_MESSAGE: run_repair.store_message,
}


async def recover_lost_runs(database: Database) -> int:
    """Bring back the runs that have no job, and those that wait for nobody; return how many."""
    async with database.unit_of_work() as session:
        lost = await run_health.list_lost(session, quiet=QUIET)
        stuck = await run_health.list_stuck(session)
    findings = [Finding(Disorder.LOST, place) for place in lost]
    findings += [Finding(Disorder.STUCK, place) for place in stuck]
    recovered = 0
    for finding in findings:
        outcome = await repair(database, finding)
        recovered += outcome.repaired
        _logger.warning("run.recovered", run_id=str(finding.place.run_id), outcome=outcome.told)
    return recovered
