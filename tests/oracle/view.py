"""A shop's facts as they stand at a moment, and the row of a thing that they tell of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol, TypeVar

from sandbox.stripe.facts import ChargeFact, DisputeFact, RefundFact
from sandbox.stripe.ledger import Ledger

Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]


class Made(Protocol):
    """Anything that was made at a millisecond of a second."""

    @property
    def id(self) -> str: ...

    @property
    def created(self) -> int: ...

    @property
    def ms(self) -> int: ...


F = TypeVar("F", bound=Made)


def instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def instant_or_none(second: int | None) -> datetime | None:
    return None if second is None else instant(second)


@dataclass(frozen=True)
class View:
    """The ledger at a moment, milliseconds since the epoch."""

    ledger: Ledger
    as_of: int

    def past(self, second: int | None, ms: int) -> bool:
        """Whether what happens at a millisecond of a second (None: never) has happened."""
        return second is not None and second * 1_000 + ms <= self.as_of

    def made(self, facts: Iterable[F]) -> Iterator[F]:
        """The facts that exist."""
        return (fact for fact in facts if self.past(fact.created, fact.ms))

    @cached_property
    def charges(self) -> dict[str, ChargeFact]:
        return {fact.id: fact for fact in self.made(self.ledger.charges.facts)}

    @cached_property
    def refunds(self) -> dict[str, list[RefundFact]]:
        """The refunds of each charge, also those to come, oldest first."""
        found = defaultdict[str, list[RefundFact]](list)
        for fact in self.ledger.refunds.facts:
            found[fact.charge].append(fact)
        return found

    @cached_property
    def disputes(self) -> dict[str, list[DisputeFact]]:
        """The disputes of each charge, also those to come, oldest first."""
        found = defaultdict[str, list[DisputeFact]](list)
        for fact in self.ledger.disputes.facts:
            found[fact.charge].append(fact)
        return found

    def captured(self, fact: ChargeFact) -> int:
        """What was captured of a charge so far."""
        if fact.decline_code is not None:
            return 0
        wanted = fact.amount if fact.amount_captured is None else fact.amount_captured
        when = fact.created if fact.captured_at is None else fact.captured_at
        return wanted if self.past(when, fact.ms) else 0

    def refunded(self, charge_id: str) -> int:
        """What was given back of a charge and did not come back to the shop."""
        return sum(
            part.amount
            for part in self.made(self.refunds.get(charge_id, ()))
            if not self.past(part.failed_at, part.ms)
        )
