"""Requests to one account: paced, repeated when trouble passes, never redirected."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from domain.errors import ConfigurationError
from integrations.stripe.failures import (
    CONNECTION_FAILURES,
    TransientStripeError,
    refusal,
    unreachable,
    unreadable,
)
from integrations.stripe.limits import AccountPace
from integrations.stripe.sdk import API_VERSION

_LIVE_KEY = re.compile(r"[a-z]+_live_")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to insist: waits are random, up to a bound that doubles each time.

    By default eight attempts within at most 20.6 s of waiting. Stripe sends no Retry-After with
    a 429, and its limits (docs.stripe.com/rate-limits) refill every second.
    """

    attempts: int = 8
    first_wait_seconds: float = 0.2
    longest_wait_seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class Question:
    """A GET request: `what` and `permission` are for errors, `endpoint` is for the pace."""

    path: str
    parameters: tuple[tuple[str, str], ...]
    endpoint: str
    what: str
    permission: str


class Transport:
    """How one key, or the connected account that it speaks for, asks Stripe."""

    def __init__(
        self,
        key: str,
        session: aiohttp.ClientSession,
        *,
        api_base: str,
        pace: AccountPace,
        retries: RetryPolicy,
        stripe_account: str | None,
    ) -> None:
        """Take the session, which stays its owner's to close."""
        self._session = session
        self._api_base = api_base
        self._pace = pace
        self._retries = retries
        self._headers = {"Authorization": f"Bearer {key}", "Stripe-Version": API_VERSION}
        if stripe_account is not None:
            self._headers["Stripe-Account"] = stripe_account

    async def ask(self, question: Question, decode: Callable[[bytes], R]) -> tuple[R, int]:
        """Return what `decode` makes of the body, and a second from before the request was sent.

        That second (UTC epoch) is by Stripe's clock. `decode` may raise TransientStripeError, for
        a body that was cut short: it is fetched again. Raise what StripeGateway's methods raise.
        """

        async def attempt() -> tuple[R, int]:
            body, server_time = await self._get(question)
            return decode(body), server_time

        return await self.insist(attempt, question.endpoint)

    async def insist(self, attempt: Callable[[], Awaitable[R]], endpoint: str) -> R:
        """Try at the account's pace until it works or the attempts are used up."""
        waits = wait_random_exponential(
            multiplier=self._retries.first_wait_seconds, max=self._retries.longest_wait_seconds
        )
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TransientStripeError),
            stop=stop_after_attempt(self._retries.attempts),
            wait=waits,
            sleep=asyncio.sleep,
            reraise=True,
        )

        async def paced() -> R:
            await self._pace.wait(endpoint)
            return await attempt()

        return await retrying(paced)

    async def _get(self, question: Question) -> tuple[bytes, int]:
        url = f"{self._api_base}/v1/{question.path}"
        started = asyncio.get_running_loop().time()
        try:
            async with self._session.get(
                url,
                params=question.parameters,
                headers=self._headers,
                allow_redirects=False,
            ) as response:
                elapsed = asyncio.get_running_loop().time() - started
                body = await response.read()
        except CONNECTION_FAILURES as error:
            raise unreachable(question.what, error) from None
        if response.status != 200:
            raise refusal(
                response.status,
                body,
                what=question.what,
                permission=question.permission,
                should_retry=response.headers.get("Stripe-Should-Retry"),
            )
        return body, _before(response.headers.get("Date"), elapsed, question.what)


def is_live(key: str) -> bool:
    """Whether the key reads real money: `rk_live_…`, or a connected account's `sk_live_…`."""
    return _LIVE_KEY.match(key) is not None


def require_encryption(key: str, addresses: Mapping[str, str]) -> None:
    """Raise ConfigurationError if a live key would travel unencrypted to a named address."""
    for name, base in addresses.items():
        if is_live(key) and urlsplit(base).scheme != "https":
            raise ConfigurationError(f"A live Stripe key needs an https:// {name}.")


def _before(date: str | None, elapsed: float, what: str) -> int:
    """Return a second of Stripe's clock that had come before the request was sent.

    `Date` is Stripe's clock, in whole seconds, when it answered, which was at most `elapsed`
    seconds after we sent the request. Taking all of that off, rounded up, errs towards older. Our
    own clock is not involved.
    """
    try:
        answered = parsedate_to_datetime(date or "")
    except ValueError:
        raise unreadable(what) from None
    return int(answered.timestamp()) - math.ceil(elapsed)
