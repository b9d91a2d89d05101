"""Stripe's SDK, on our HTTP session: what it serves, it serves without its own retries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import stripe

from integrations.stripe.failures import CONNECTION_FAILURES, unreadable
from integrations.stripe.gateway import StripeAccount

# What stripe 16.1 pins; answers have the form that integrations.stripe.resources describes.
API_VERSION = "2026-10-28.endive"


class SdkHttp(stripe.HTTPClient):
    """The SDK's requests over an aiohttp session; unlike its own client it follows no redirect."""

    name = "aiohttp"

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """Take the session, which stays its owner's to close."""
        super().__init__()
        self._session = session

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request; raise stripe.APIConnectionError if it fails on the way."""
        try:
            async with self._session.request(
                method, url, headers=headers, data=post_data, allow_redirects=False
            ) as response:
                return await response.read(), response.status, response.headers
        except CONNECTION_FAILURES:
            # `from None`: a chain might be printed, and with it what was sent.
            raise _failed() from None


def _failed() -> stripe.APIConnectionError:
    return stripe.APIConnectionError("The connection failed.")  # type: ignore[no-untyped-call]


def open_sdk(
    key: str,
    session: aiohttp.ClientSession,
    *,
    api_base: str,
    connect_base: str | None = None,
    stripe_account: str | None = None,
    client_id: str | None = None,
) -> stripe.StripeClient:
    """Return the SDK's client; it tries each request once."""
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        stripe_account=stripe_account,
        client_id=client_id,
        base_addresses={"api": api_base, "connect": connect_base},
        max_network_retries=0,
        http_client=SdkHttp(session),
    )


def account_of(answer: dict[str, Any], *, livemode: bool) -> StripeAccount:
    """Return what is kept of the SDK's account; raise StripeError if it lacks what we need."""
    try:
        profile = answer.get("business_profile") or {}
        dashboard = (answer.get("settings") or {}).get("dashboard") or {}
        created = answer.get("created")
        due = (answer.get("requirements") or {}).get("currently_due")
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
            requirements_due=None if due is None else len(due),
        )
    except (KeyError, TypeError, AttributeError):
        raise unreadable("the account") from None
