"""Trouble on demand: what a client of Stripe must survive, switched on by number of request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.errors import InvalidInputError


class Trouble(StrEnum):
    """What goes wrong with a request."""

    RATE_LIMITED = "429"
    FAILED = "500"
    TRUNCATED = "truncate"
    DELAYED = "delay"


@dataclass(frozen=True, slots=True)
class Faults:
    """The switches; 0 is off. `…_every=N` strikes each Nth request that carries a valid key.

    `latency_ms` delays every request and `delay_ms` the struck ones. `requests_per_second` limits
    each endpoint by a token bucket that holds one second's worth.
    """

    rate_limited_every: int = 0
    failed_every: int = 0
    truncated_every: int = 0
    delayed_every: int = 0
    delay_ms: int = 2_000
    latency_ms: int = 0
    requests_per_second: int = 0

    def of_request(self, number: int) -> Trouble | None:
        """Return what strikes the request (counted from 1), the earliest switch first."""
        switches = (
            (self.rate_limited_every, Trouble.RATE_LIMITED),
            (self.failed_every, Trouble.FAILED),
            (self.truncated_every, Trouble.TRUNCATED),
            (self.delayed_every, Trouble.DELAYED),
        )
        for every, trouble in switches:
            if every and number % every == 0:
                return trouble
        return None

    def with_switches(self, switches: Iterable[str]) -> Faults:
        """Return the faults with `429:N`, `500:N`, `truncate:N` and `delay:N` set.

        Raise InvalidInputError for any other text.
        """
        faults = self
        for switch in switches:
            match = re.fullmatch(r"(429|500|truncate|delay):([1-9]\d{0,8})", switch)
            if match is None:
                message = f"{switch!r} is no fault. Write 429:N, 500:N, truncate:N or delay:N."
                raise InvalidInputError(message)
            faults = replace(faults, **{_FIELDS[Trouble(match[1])]: int(match[2])})
        return faults


_FIELDS = {
    Trouble.RATE_LIMITED: "rate_limited_every",
    Trouble.FAILED: "failed_every",
    Trouble.TRUNCATED: "truncated_every",
    Trouble.DELAYED: "delayed_every",
}


class RateLimit:
    """A token bucket per endpoint; `seconds` is a monotonic clock."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._buckets: dict[str, tuple[float, float]] = {}

    def admits(self, endpoint: str, per_second: int) -> bool:
        """Take a token if there is one; always true with `per_second` 0."""
        if per_second == 0:
            return True
        now = self._seconds()
        tokens, since = self._buckets.get(endpoint, (float(per_second), now))
        tokens = min(float(per_second), tokens + (now - since) * per_second)
        admitted = tokens >= 1
        self._buckets[endpoint] = (tokens - admitted, now)
        return admitted
