"""What the tools over what-ifs, paths, floors and differences answer, as far as it is told."""

from __future__ import annotations

from datetime import date, datetime

from agent.planner.results import Binding, Dropped, Exact, Result


class SimulatedScore(Result):
    """A score on one side."""

    score: int
    tier: str
    confidence: Exact
    binding: Binding | None = None


class MovedComponent(Result):
    """A component on both sides."""

    label: str
    before: str | None = None
    after: str | None = None
    points: Exact


class MovedCap(Result):
    """A cap that binds on a side."""

    label: str
    effect: str
    limit_before: Exact | None = None
    limit_after: Exact | None = None
    points: Exact


class Moved(Result):
    """The parts that add up to the total."""

    total: Exact
    model: Exact
    components: tuple[MovedComponent, ...] = ()
    caps: tuple[MovedCap, ...] = ()


class Simulated(Result):
    """What `simulate_readiness` answers."""

    before: SimulatedScore
    after: SimulatedScore
    points: int
    moved: Moved
    no_effect: str | None = None
    not_scored: tuple[Dropped, ...] = ()
    assumptions: tuple[str, ...] = ()
    as_of: datetime | None = None


class PathStep(Result):
    """One change of a path."""

    label: str
    before: str
    after: str
    bound: str
    effort: Exact


class Path(Result):
    """Changes that reach the target together."""

    steps: list[PathStep]
    score: int
    tier: str


class Wait(Result):
    """Waiting for more months like the last ones."""

    months: int
    on: date
    score: int
    tier: str


class Paths(Result):
    """What `find_readiness_paths` answers."""

    target: str
    reached: bool
    score: int
    tier: str
    paths: tuple[Path, ...] = ()
    from_month: Wait | None = None
    wait: Wait | None = None
    payouts_first: bool = False
    not_reachable: str | None = None
    effort_unit: str
    as_of: datetime | None = None


class FloorCriterion(Result):
    """One thing that a funder publishes."""

    text: str
    status: str
    unit: str | None = None
    value: str | None = None
    gap: str | None = None
    reason: str | None = None


class FunderFloors(Result):
    """A funder's criteria."""

    funder: str
    status: str
    criteria: list[FloorCriterion]
    source: str
    read_on: date
    second_hand: bool = False


class Floors(Result):
    """What `check_funder_floors` answers."""

    funders: list[FunderFloors]
    as_of: datetime | None = None
    not_assessed: tuple[str, ...] = ()


class ScoreThen(Result):
    """A stored score."""

    score: int
    tier: str
    computed_at: datetime
    as_of: datetime | None = None
    model_version: str


class ScoreChange(Result):
    """What `explain_score_change` answers."""

    earlier: ScoreThen
    later: ScoreThen
    points: int
    moved: Moved
    model_changed: bool = False
