"""Running datasets: which cases, several at a time, each judged as soon as it is replayed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from agent.prompts import prompt_version
from domain.errors import ExternalServiceError, InvalidInputError, VaultraError
from evals.cases import Case
from evals.judging import judge
from evals.loading import LoadedDataset
from evals.replay import Bench
from evals.report import CaseResult, Report
from evals.transcript import Finding

Chosen = tuple[LoadedDataset, Case]


def choose(
    datasets: Sequence[LoadedDataset], *, ids: Collection[str] = (), tags: Collection[str] = ()
) -> list[Chosen]:
    """Return the cases with one of the ids and one of the tags; raise InvalidInputError if none."""
    everything = [(loaded, case) for loaded in datasets for case in loaded.dataset.cases]
    if unknown := sorted(set(ids) - {case.id for _, case in everything}):
        known = ", ".join(case.id for _, case in everything)
        raise InvalidInputError(
            f"There is no case {', '.join(unknown)}.", hint=f"The cases are: {known}."
        )
    chosen = [
        (loaded, case)
        for loaded, case in everything
        if (not ids or case.id in ids) and (not tags or set(tags) & set(case.tags))
    ]
    if not chosen:
        known = ", ".join(sorted({tag for _, case in everything for tag in case.tags}))
        raise InvalidInputError("No case has such a tag.", hint=f"The tags are: {known}.")
    return chosen


async def run_cases(
    bench: Bench,
    chosen: Sequence[Chosen],
    *,
    at_once: int = 1,
    tell: Callable[[CaseResult], None] = lambda _: None,
) -> Report:
    """Replay and judge the cases, `at_once` at a time; `tell` hears each result as it comes.

    Raises ConfigurationError or DatabaseError, for then no case can be replayed.
    """
    started_at, started = datetime.now(UTC), time.monotonic()
    gate = asyncio.Semaphore(at_once)

    async def run(loaded: LoadedDataset, case: Case) -> CaseResult:
        async with gate:
            result = await run_case(bench, loaded, case)
        tell(result)
        return result

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(*one)) for one in chosen]
    except* VaultraError as errors:
        raise _first(errors) from errors
    return Report(
        datasets=list({loaded.path: loaded for loaded, _ in chosen}.values()),
        results=[task.result() for task in tasks],
        started_at=started_at,
        seconds=time.monotonic() - started,
        prompt_version=prompt_version(),
    )


def _first(errors: BaseExceptionGroup[VaultraError]) -> VaultraError:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


async def run_case(bench: Bench, loaded: LoadedDataset, case: Case) -> CaseResult:
    """Replay and judge one case; one whose business cannot be made has failed."""
    setting = loaded.dataset.setting_of(case)
    try:
        transcript = await bench.replay(case, setting)
    except (ExternalServiceError, InvalidInputError) as error:
        return CaseResult(loaded.name, case, [Finding("replay", error.message)], None)
    return CaseResult(loaded.name, case, judge(case, setting, transcript), transcript)
