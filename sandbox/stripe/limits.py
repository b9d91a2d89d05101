"""Stripe's rate limits: requests a second and requests at once, of an account and an endpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager

from sandbox.stripe import wire
from sandbox.stripe.faults import Faults, LimitReason


class RateLimit:
    """A token bucket per key that holds one second's worth; `seconds` is a monotonic clock."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def admits(self, key: Hashable, per_second: int) -> bool:
        """Take a token if there is one; always true with `per_second` 0."""
        if per_second == 0:
            return True
        now = self._seconds()
        tokens, since = self._buckets.get(key, (float(per_second), now))
        tokens = min(float(per_second), tokens + (now - since) * per_second)
        admitted = tokens >= 1
        self._buckets[key] = (tokens - admitted, now)
        return admitted


class Limits:
    """Every limit of every account, as the present faults set them."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Take the monotonic clock of the rates."""
        self._rate = RateLimit(seconds)
        self._under_way: Counter[Hashable] = Counter()

    @contextmanager
    def admit(self, account_id: str, endpoint: str, faults: Faults) -> Iterator[None]:
        """Hold the request's places for the block; raise ApiError (429) if a limit is reached."""
        of_account, of_endpoint = account_id, (account_id, endpoint)
        with ExitStack() as stack:
            for key, most, reason in (
                (of_account, faults.account_concurrency, LimitReason.GLOBAL_CONCURRENCY),
                (of_endpoint, faults.endpoint_concurrency, LimitReason.ENDPOINT_CONCURRENCY),
            ):
                stack.enter_context(self._hold(key, most, reason))
            if not self._rate.admits(of_account, faults.account_requests_per_second):
                raise wire.rate_limited(LimitReason.GLOBAL_RATE)
            if not self._rate.admits(of_endpoint, faults.requests_per_second):
                raise wire.rate_limited(LimitReason.ENDPOINT_RATE)
            yield

    @contextmanager
    def _hold(self, key: Hashable, most: int, reason: LimitReason) -> Iterator[None]:
        if most and self._under_way[key] >= most:
            raise wire.rate_limited(reason)
        self._under_way[key] += 1
        try:
            yield
        finally:
            self._under_way[key] -= 1
