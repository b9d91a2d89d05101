"""The pace of requests: as fast as Stripe allows, evenly, so that it never has to refuse one."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from functools import partial
from weakref import WeakValueDictionary

from aiolimiter import AsyncLimiter

# docs.stripe.com/rate-limits: 25 requests a second for each endpoint; for an account 100 in live
# mode and 25 in test mode. A little less leaves room for how the network bunches requests.
ENDPOINT_PER_SECOND = 24
LIVE_PER_SECOND = 95
TEST_PER_SECOND = 24


class AccountPace:
    """The pace at one account, shared by everything in the process that reads it."""

    def __init__(self, *, livemode: bool, requests_per_second: int | None = None) -> None:
        """Start unhurried: the first request of each endpoint goes at once.

        `requests_per_second` replaces Stripe's usual limits, in all and for each endpoint.
        """
        in_all = LIVE_PER_SECOND if livemode else TEST_PER_SECOND
        self._account = _evenly(requests_per_second or in_all)
        self._endpoints = defaultdict[str, AsyncLimiter](
            partial(_evenly, requests_per_second or ENDPOINT_PER_SECOND)
        )

    async def wait(self, endpoint: str) -> None:
        """Return when a request to the endpoint may be sent."""
        # The endpoint comes last: it decides how close together its requests leave.
        await self._account.acquire()
        await self._endpoints[endpoint].acquire()


class RateLimits:
    """The paces of all accounts; one for each process, and for one event loop."""

    def __init__(self, requests_per_second: int | None = None) -> None:
        """Know no account yet; without a number, Stripe's usual limits are kept."""
        self._requests_per_second = requests_per_second
        self._paces = WeakValueDictionary[str, AccountPace]()

    def of(self, key: str, stripe_account: str | None, *, livemode: bool) -> AccountPace:
        """Return the pace for an API key, or for the connected account that it speaks for.

        It lasts as long as somebody holds it. Keys are told apart by their digests alone.
        """
        name = stripe_account or hashlib.sha256(key.encode()).hexdigest()
        pace = self._paces.get(f"{name} {livemode}")
        if pace is None:
            pace = AccountPace(livemode=livemode, requests_per_second=self._requests_per_second)
            self._paces[f"{name} {livemode}"] = pace
        return pace


def _evenly(per_second: int) -> AsyncLimiter:
    # One request for each interval, rather than a second's worth at once, after which Stripe's own
    # bucket and ours would have to agree on when the second began.
    return AsyncLimiter(1, 1 / per_second)
