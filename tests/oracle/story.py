"""Stories of what may happen to a connection, drawn by hypothesis and played in a world."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from hypothesis import strategies as st
from structlog.testing import capture_logs

from sandbox.stripe.faults import Faults, Trouble
from tests.oracle.shops import moment_in, shop
from tests.oracle.stage import Crew, Pace
from tests.oracle.world import DAY_MS, World, world

HOUR_MS = 3_600_000
SHOPS = ("turbulent", "turbulent", "dropshipper", "saas", "multi_currency", "new_store")
# Long for the sandbox, which answers within milliseconds, and short for a test.
IMPATIENT_S = 0.3
# How many answers are slow, and how slow: the time of a job of webhooks.
SLOW_ANSWERS, SLOW_MS = 3, 160
MOST_WEBHOOKS = 60
TROUBLES = (Trouble.RATE_LIMITED, Trouble.FAILED, Trouble.TRUNCATED, Trouble.LOCKED)


@dataclass(frozen=True)
class Job:
    """A worker's job (sync, reconcile, apply, poll), which meets trouble with its requests.

    The worker dies before the statement `dies_at`, if it comes so far. During an outage every
    request fails.
    """

    name: str
    dies_at: int | None = None
    trouble: tuple[Trouble | None, ...] = ()
    outage: bool = False

    @property
    def faults(self) -> Faults:
        return Faults(script=self.trouble, failed_every=int(self.outage))


@dataclass(frozen=True)
class Both:
    """Two workers at once."""

    first: Job
    second: Job


@dataclass(frozen=True)
class Live:
    """Webhooks come in and are applied by one worker while another one does the job.

    Time passes by `beats` (ms), and behind each what is new is delivered and applied. The first
    answers at the path `slow` are on their way meanwhile: they tell what was before.
    """

    job: Job
    beats: tuple[int, ...]
    slow: str


@dataclass(frozen=True)
class Webhooks:
    """Events come in: all that are new, some lost by their number, or any of the past by `picks`.

    `order` is a seed by which they change places; each comes so many `times`.
    """

    picks: tuple[int, ...] = ()
    every_lost: int = 0
    order: int = 0
    times: int = 1
    thin: bool = False
    dies_at: int | None = None


@dataclass(frozen=True)
class Wait:
    """Time passes (ms)."""

    ms: int


Act = Job | Both | Live | Webhooks | Wait


@dataclass(frozen=True)
class Story:
    """A shop, where in its life it is connected, how it answers, and what happens.

    `jumps` are milliseconds that pass before the first requests, `ticks` while each is answered.
    """

    shop: str
    percent: int
    limit: int
    jumps: tuple[int, ...]
    ticks: tuple[int, ...]
    acts: tuple[Act, ...]
    ends_by_polls: bool


async def play(crew: Crew, story: Story) -> None:
    """Play the story to its end, at which the ledger must be exact."""
    ledger = shop(story.shop)
    pace = Pace(moment_in(ledger, story.percent), deque(story.jumps), story.ticks)
    with capture_logs():
        async with world(
            crew, ledger, pace, limit=story.limit, timeout_seconds=IMPATIENT_S
        ) as present:
            for act in story.acts:
                await perform(present, act)
            present.stage.api.faults = Faults()
            await present.settle(by_polls=story.ends_by_polls)


async def perform(present: World, act: Act) -> None:
    """Let one thing happen."""
    if isinstance(act, Wait):
        present.pace.ms += act.ms
    elif isinstance(act, Webhooks):
        await _deliver(present, act)
    elif isinstance(act, Both):
        present.stage.api.faults = act.first.faults
        await asyncio.gather(_work(present, act.first), _work(present, act.second))
    elif isinstance(act, Live):
        script = (Trouble.SLOW,) * SLOW_ANSWERS
        present.stage.api.faults = Faults(script=script, only=act.slow, slow_ms=SLOW_MS)
        await asyncio.gather(_work(present, act.job), _follow(present, act.beats))
    else:
        present.stage.api.faults = act.faults
        await _work(present, act)


async def _work(present: World, job: Job) -> None:
    jobs: dict[str, Callable[..., Any]] = {
        "sync": present.sync,
        "reconcile": present.reconcile,
        "apply": present.apply,
        "poll": present.poll,
    }
    await present.work(jobs[job.name], job.dies_at)


async def _follow(present: World, beats: Sequence[int]) -> None:
    for beat in beats:
        await asyncio.sleep(SLOW_MS / 4_000)
        present.pace.ms += beat
        await _deliver(present, Webhooks())
        await _work(present, Job("apply"))


async def _deliver(present: World, act: Webhooks) -> None:
    if act.picks:
        known = present.happened()
        events = [known[-1 - pick % len(known)] for pick in act.picks] if known else []
    else:
        fresh = present.happened(present.delivered)
        present.delivered = present.pace.ms
        events = [e for n, e in enumerate(fresh, 1) if not act.every_lost or n % act.every_lost]
    events = [*events] * act.times
    if act.order:
        Random(act.order).shuffle(events)
    await present.work(
        partial(present.receive, events=events[:MOST_WEBHOOKS], thin=act.thin), act.dies_at
    )


_deaths = st.none() | st.integers(1, 40) | st.integers(1, 400)
_troubles = st.lists(st.none() | st.sampled_from(TROUBLES), max_size=8).map(tuple)
# Each timeout takes IMPATIENT_S of real time.
_timeouts = st.lists(st.none(), max_size=20).map(lambda fine: (*fine, Trouble.TIMED_OUT))
_jobs = st.builds(
    Job,
    st.sampled_from(("sync", "sync", "sync", "apply", "apply", "poll", "reconcile")),
    _deaths,
    st.just(()) | _troubles | _timeouts,
    st.sampled_from((False,) * 9 + (True,)),
)
_webhooks = st.builds(
    Webhooks,
    st.just(()) | st.lists(st.integers(0, 200), min_size=1, max_size=12).map(tuple),
    st.sampled_from((0, 0, 1, 2, 3)),
    st.integers(0, 3),
    st.integers(1, 2),
    st.booleans(),
    st.none() | st.integers(1, 60),
)
_waits = st.builds(
    Wait,
    st.sampled_from((1, 400, 1_000, 60_000, HOUR_MS, 9 * HOUR_MS)) | st.integers(0, 3 * DAY_MS),
)
_lives = st.builds(
    Live,
    st.builds(Job, st.sampled_from(("sync", "sync", "apply")), _deaths),
    st.lists(st.integers(0, 12 * HOUR_MS), min_size=1, max_size=4).map(tuple),
    st.sampled_from(
        ("/v1/charges", "/v1/charges", "/v1/*", "/v1/*s", "/v1/charges/*", "/v1/refunds")
    ),
)
_acts = st.lists(
    st.one_of(_jobs, _jobs, _webhooks, _webhooks, _waits, st.builds(Both, _jobs, _jobs), _lives),
    min_size=1,
    max_size=8,
).map(tuple)
stories = st.builds(
    Story,
    shop=st.sampled_from(SHOPS),
    percent=st.integers(40, 100),
    limit=st.sampled_from((5, 12, 40, 100)),
    jumps=st.lists(
        st.sampled_from((0, 0, 0, 1, 500, 5_000)) | st.integers(0, 12 * HOUR_MS), max_size=40
    ).map(tuple),
    ticks=st.lists(st.sampled_from((0, 1, 250, 999, 1_000, 5_000)), min_size=1, max_size=5).map(
        tuple
    ),
    acts=_acts,
    ends_by_polls=st.booleans(),
)
