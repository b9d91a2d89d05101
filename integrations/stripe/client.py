"""The real Stripe over HTTP.

Lists are decoded straight from the wire into the allow-listed structs. The SDK would build sixteen
nested objects for each charge: about 1,600 us of CPU instead of 20, in steps that hold up the
event loop for longer than a streamed answer may pause. It serves the single account object only.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
import stripe
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from domain.errors import ConfigurationError
from integrations.stripe.failures import (
    TransientStripeError,
    refusal,
    unreachable,
    unreadable,
)
from integrations.stripe.gateway import PAGE_LIMIT, Page, StripeAccount
from integrations.stripe.resources import ACCOUNT_PERMISSION, Resource, StripeObject

# What stripe 16.1 pins; answers have the form that integrations.stripe.resources describes.
API_VERSION = "2026-10-28.endive"
LIVE_KEY = "rk_live_"
_CONNECTION_FAILURES = (aiohttp.ClientError, TimeoutError, OSError)

T = TypeVar("T", bound=StripeObject)
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


class StripeClient:
    """One account's read access; use as an async context manager.

    At most one request per list is in flight, so that Stripe's 25 requests a second for each
    endpoint are not reached unless it answers within 40 ms; then a 429 slows us down.
    """

    def __init__(
        self,
        key: str,
        *,
        api_base: str,
        timeout_seconds: float,
        retries: RetryPolicy | None = None,
    ) -> None:
        """Prepare; `timeout_seconds` bounds each single attempt.

        Raise ConfigurationError if a live key would travel unencrypted.
        """
        if key.startswith(LIVE_KEY) and urlsplit(api_base).scheme != "https":
            raise ConfigurationError("A live Stripe key needs an https:// STRIPE_API_BASE.")
        self._key = key
        self._api_base = api_base.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._retries = retries or RetryPolicy()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def account(self) -> StripeAccount:
        """Return the account that the key belongs to."""
        return await self._insist(self._fetch_account)

    async def list_page(
        self,
        resource: Resource[T],
        *,
        starting_after: str | None = None,
        created_gte: int | None = None,
        limit: int = PAGE_LIMIT,
    ) -> Page[T]:
        """Return one page, newest first; see StripeGateway."""
        parameters = {"limit": str(limit)}
        if starting_after is not None:
            parameters["starting_after"] = starting_after
        if created_gte is not None:
            parameters["created[gte]"] = str(created_gte)
        return await self._insist(partial(self._fetch_page, resource, parameters))

    async def _insist(self, attempt: Callable[[], Awaitable[R]]) -> R:
        # All requests are reads: repeating one is always safe, whatever Stripe-Should-Retry says.
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
        return await retrying(attempt)

    async def _fetch_page(self, resource: Resource[T], parameters: dict[str, str]) -> Page[T]:
        what = f"the list of {resource.name.replace('_', ' ')}"
        headers = {"Authorization": f"Bearer {self._key}", "Stripe-Version": API_VERSION}
        url = f"{self._api_base}/v1/{resource.name}"
        started = asyncio.get_running_loop().time()
        try:
            async with self._open_session.get(
                url, params=parameters, headers=headers, allow_redirects=False
            ) as response:
                server_time = _time_before_request(response.headers.get("Date"), started, what)
                body = await response.read()
        except _CONNECTION_FAILURES as error:
            raise unreachable(what) from error
        if response.status != 200:
            raise refusal(response.status, body, what=what, permission=resource.permission)
        listed = _decode(resource, body, what)
        return Page(listed.data, listed.has_more, server_time)

    async def _fetch_account(self) -> StripeAccount:
        sdk = stripe.StripeClient(
            self._key,
            stripe_version=API_VERSION,
            base_addresses={"api": self._api_base},
            max_network_retries=0,
            http_client=stripe.AIOHTTPClient(session=self._open_session, timeout=None),
        )
        what = "the account"
        try:
            answer = (await sdk.v1.accounts.retrieve_current_async()).to_dict()
        except (stripe.APIConnectionError, *_CONNECTION_FAILURES):
            # `from None`: the SDK's errors hold the body, and a log would print the chain.
            raise unreachable(what) from None
        except stripe.StripeError as error:
            body, status = (error.http_body or "").encode(), error.http_status or 200
            if status == 200:
                # A body that is not JSON to its end; see `_decode`.
                raise unreachable(what) from None
            raise refusal(status, body, what=what, permission=ACCOUNT_PERMISSION) from None
        return _account(answer, livemode=self._key.startswith(LIVE_KEY))

    @property
    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise ConfigurationError("Open the Stripe client with `async with` first.")
        return self._session


class _List(msgspec.Struct, Generic[T]):
    data: list[T]
    has_more: bool


@cache
def _decoder(item: type[T]) -> msgspec.json.Decoder[_List[T]]:
    # The parameter is a class known at run time only, which no checker can follow.
    form: Any = _List[item]  # type: ignore[valid-type]
    return msgspec.json.Decoder(form)


def _decode(resource: Resource[T], body: bytes, what: str) -> _List[T]:
    try:
        return _decoder(resource.item).decode(body)
    except msgspec.ValidationError:
        raise unreadable(what) from None
    except msgspec.DecodeError:
        # Not JSON to its end: a proxy cut the body and hid it.
        raise unreachable(what) from None


def _time_before_request(date: str | None, started: float, what: str) -> int:
    """Return a second of Stripe's clock that had come before the request was sent.

    `Date` is Stripe's clock, in whole seconds, when it answered; the state was read before that
    and after we sent the request. Taking off all the time that went by since then, rounded up,
    errs towards older: a page can then never overrule a change that it may not have seen, at worst
    it leaves a state to be written again by the next fetch. Our own clock is not involved.
    """
    try:
        answered = parsedate_to_datetime(date or "")
    except ValueError:
        raise unreadable(what) from None
    elapsed = asyncio.get_running_loop().time() - started
    return int(answered.timestamp()) - math.ceil(elapsed)


def _account(answer: dict[str, Any], *, livemode: bool) -> StripeAccount:
    try:
        profile = answer.get("business_profile") or {}
        dashboard = (answer.get("settings") or {}).get("dashboard") or {}
        created = answer.get("created")
        return StripeAccount(
            id=answer["id"],
            country=answer.get("country"),
            default_currency=answer["default_currency"],
            time_zone=dashboard.get("timezone") or "Etc/UTC",
            business_name=profile.get("name") or dashboard.get("display_name"),
            created=None if created is None else datetime.fromtimestamp(created, UTC),
            livemode=livemode,
            charges_enabled=bool(answer.get("charges_enabled")),
            payouts_enabled=bool(answer.get("payouts_enabled")),
        )
    except (KeyError, TypeError, AttributeError):
        raise unreadable("the account") from None
