"""The real Stripe over HTTP.

Lists and single objects are decoded straight from the wire into the allow-listed structs. The SDK
builds up to sixteen nested objects for each: measured, a charge costs it 1,300 us of CPU, an
invoice 1,400 us and a subscription 1,800 us, against 9 to 11 us here. A page of a hundred would
hold up the event loop for longer than a streamed answer may pause, and so would the thousand
objects that a busy hour of webhooks asks for again: 1.5 s. It would also read personal data into
memory. So the SDK serves the account object only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
import stripe

from domain.errors import ConfigurationError, StripeError
from integrations.stripe.completion import PartList, complete
from integrations.stripe.decoding import decode_list, decode_one
from integrations.stripe.failures import (
    MissingObjectError,
    refusal,
    unreachable,
    unreadable,
)
from integrations.stripe.gateway import NO_FILTERS, PAGE_LIMIT, Page, StripeAccount
from integrations.stripe.limits import RateLimits
from integrations.stripe.payments import Identified
from integrations.stripe.resources import ACCOUNT_PERMISSION, Resource, StripeObject
from integrations.stripe.sdk import API_VERSION, account_of, open_sdk
from integrations.stripe.transport import (
    Question,
    RetryPolicy,
    Transport,
    is_live,
    require_encryption,
)

__all__ = ["API_VERSION", "RetryPolicy", "StripeClient"]

# Ids that a path would resolve instead of carrying them.
_NO_IDS = frozenset({"", ".", ".."})
T = TypeVar("T", bound=StripeObject)
S = TypeVar("S", bound=Identified)


class StripeClient:
    """One account's read access; use as an async context manager.

    Any number of requests may be in flight at once: `limits` paces them, together with those of
    every other client of the account that was given the same limits.
    """

    def __init__(
        self,
        key: str,
        *,
        api_base: str,
        timeout_seconds: float,
        retries: RetryPolicy | None = None,
        limits: RateLimits | None = None,
        stripe_account: str | None = None,
    ) -> None:
        """Prepare; `timeout_seconds` bounds each single attempt.

        `stripe_account` is a connected account that a platform's key speaks for. Raise
        ConfigurationError if a live key would travel unencrypted.
        """
        require_encryption(key, {"STRIPE_API_BASE": api_base})
        self._key = key
        self._stripe_account = stripe_account
        self._api_base = api_base.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._retries = retries or RetryPolicy()
        limits = RateLimits() if limits is None else limits
        self._pace = limits.of(key, stripe_account, livemode=is_live(key))
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
        """Return the account that the key belongs to, or the connected one that it speaks for."""
        return await self._transport.insist(self._fetch_account, "account")

    async def list_page(
        self,
        resource: Resource[T],
        *,
        starting_after: str | None = None,
        created_gte: int | None = None,
        created_lt: int | None = None,
        limit: int = PAGE_LIMIT,
        filters: Mapping[str, str] = NO_FILTERS,
    ) -> Page[T]:
        """Return one page, newest first; see StripeGateway.

        Raise MissingObjectError if `starting_after` was deleted.
        """
        bounds = {
            "limit": limit,
            "starting_after": starting_after,
            "created[gte]": created_gte,
            "created[lt]": created_lt,
        }
        given = {name: str(value) for name, value in bounds.items() if value is not None}
        question = Question(
            resource.path,
            (
                *{**resource.parameters, **filters, **given}.items(),
                *(("expand[]", f"data.{name}") for name in resource.expand),
            ),
            endpoint=resource.path,
            what=f"the list of {_words(resource)}",
            permission=resource.permission,
        )
        decode = partial(decode_list, resource.item, question.what)
        page, server_time = await self._transport.ask(question, decode)
        items = await complete(page.data, partial(self._read_parts, resource.permission))
        return Page(items, page.has_more, server_time)

    async def retrieve(self, resource: Resource[T], object_id: str) -> T | None:
        """Return one object as it is now, None if it is gone; see StripeGateway."""
        if object_id in _NO_IDS:
            return None
        question = Question(
            f"{resource.path}/{quote(object_id, safe='')}",
            tuple(("expand[]", name) for name in resource.expand),
            endpoint=f"{resource.path}/:id",
            what=f"one of the {_words(resource)}",
            permission=resource.permission,
        )
        decode = partial(decode_one, resource.item, question.what)
        try:
            found, _ = await self._transport.ask(question, decode)
        except MissingObjectError as error:
            if error.status == 404:
                return None
            raise
        listed = [] if found is None else [found]
        whole = await complete(listed, partial(self._read_parts, resource.permission))
        return whole[0] if whole else None

    async def _read_parts(self, permission: str, parts: PartList[S], /) -> list[S] | None:
        found: list[S] = []
        has_more = True
        while has_more:
            after = [("starting_after", found[-1].id)] if found else []
            question = Question(
                parts.path,
                (*parts.parameters, ("limit", str(PAGE_LIMIT)), *after),
                endpoint=parts.endpoint,
                what=parts.what,
                permission=permission,
            )
            decode = partial(decode_list, parts.item, parts.what)
            try:
                page, _ = await self._transport.ask(question, decode)
            except MissingObjectError:
                return None
            found += page.data
            has_more = page.has_more
        return found

    async def _fetch_account(self) -> StripeAccount:
        sdk = open_sdk(
            self._key,
            self._open_session,
            api_base=self._api_base,
            stripe_account=self._stripe_account,
        )
        what = "the account"
        try:
            answer = (await sdk.v1.accounts.retrieve_current_async()).to_dict()
        except (stripe.APIConnectionError, UnicodeDecodeError):
            # `from None`: the SDK's errors hold the body, and a log would print the chain.
            raise unreachable(what) from None
        except stripe.StripeError as error:
            if error.http_status in (None, 200):
                # A body that is not JSON to its end; see `decode_list`.
                raise unreachable(what) from None
            raise _refused(error, what) from None
        except (AttributeError, TypeError):
            # The SDK's, where an answer is JSON but in no documented form.
            raise unreadable(what) from None
        return account_of(answer, livemode=is_live(self._key))

    @property
    def _transport(self) -> Transport:
        return Transport(
            self._key,
            self._open_session,
            api_base=self._api_base,
            pace=self._pace,
            retries=self._retries,
            stripe_account=self._stripe_account,
        )

    @property
    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise ConfigurationError("Open the Stripe client with `async with` first.")
        return self._session


def _words(resource: Resource[Any]) -> str:
    return resource.name.replace("_", " ")


def _refused(error: stripe.StripeError, what: str) -> StripeError:
    return refusal(
        error.http_status or 0,
        (error.http_body or "").encode(),
        what=what,
        permission=ACCOUNT_PERMISSION,
        should_retry=(error.headers or {}).get("Stripe-Should-Retry"),
    )
