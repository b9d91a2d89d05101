"""The application beside a sandbox Stripe, and what people and Stripe do with both."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy.engine import URL

from config.settings import Settings, StripeSettings
from db.columns import KeyRing
from integrations.stripe.gateway import StripeAccount
from sandbox.stripe.accounts import Account, Keys, Platform
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.server import SandboxStripe, serve
from services.integrations import StoredKey, connect_stripe, open_key
from tests.api.service import KEY_RING, Service, running, settings_for
from tests.factories import Shop, make_shop
from tests.integrations.stripe.ledgers import KEY, small_shop

SECRET = "whsec_of_the_endpoint_in_the_tests"
ACCOUNT = StripeAccount(
    id="acct_1SandboxShop00001",
    country="US",
    default_currency="usd",
    time_zone="America/New_York",
    business_name="Small shop",
    created=datetime(2020, 1, 1, tzinfo=UTC),
    livemode=False,
    charges_enabled=True,
    payouts_enabled=True,
)
WEBHOOKS = "/v1/webhooks/stripe"


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """Return the headers of a delivery, by Stripe's documentation of its signatures."""
    moment = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": f"t={moment},v1={mac.hexdigest()},v0={'0' * 64}",
    }


def event(kind: str = "charge.refunded", **changed: Any) -> dict[str, Any]:
    """Return an event as Stripe sends it, with some members replaced."""
    return {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "type": kind,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "data": {
            "object": {
                "id": "ch_3Small00001",
                "object": "charge",
                "created": int(time.time()),
                "billing_details": {"email": "canary@example.com", "name": "Canary Person"},
            }
        },
        **changed,
    }


@dataclass
class Stripe:
    """The service under test, and the Stripe that it talks to."""

    service: Service
    sandbox: SandboxStripe
    settings: Settings

    async def connect(
        self, key: str = KEY, shop: Shop | None = None, user_id: UUID | None = None
    ) -> httpx.Response:
        """Connect the business, or another one, by a key."""
        shop = shop or self.service.shop
        return await self.service.client.post(
            f"/v1/businesses/{shop.business_id}/integrations/stripe",
            json={"key": key},
            headers=self.service.headers_of(user_id or shop.access.user_id),
        )

    async def disconnect(self, user_id: UUID | None = None, shop: Shop | None = None) -> int:
        """Disconnect the business's account; return the status of the answer."""
        shop = shop or self.service.shop
        response = await self.service.client.delete(
            f"/v1/businesses/{shop.business_id}/integrations/stripe",
            headers=self.service.headers_of(user_id or shop.access.user_id),
        )
        return response.status_code

    async def shown(self) -> dict[str, Any]:
        """Return the business's connection as the service shows it."""
        [connection] = (await self.service.get(f"{self.service.business}/integrations"))["items"]
        found: dict[str, Any] = connection
        return found

    async def token(self) -> str | None:
        """Return the business's stored token, opened."""
        stored = await self.service.query(
            "SELECT access_token_encrypted FROM integration_accounts WHERE business_id = :id",
            id=self.service.shop.business_id,
        )
        if stored is None:
            return None
        return open_key(KeyRing(KEY_RING), StoredKey(self.service.shop.business_id, stored))

    async def connected(self) -> None:
        """Store the business's connection, as if Stripe had been asked."""
        async with self.service.database.unit_of_work() as session:
            await connect_stripe(
                session,
                self.service.shop.access,
                KEY,
                ring=KeyRing(KEY_RING),
                account=ACCOUNT,
                now=datetime.now(UTC),
            )

    async def other_shop(self) -> Shop:
        """Store another business with its own owner."""
        return await make_shop(self.service.database, "Other shop")

    async def deliver(
        self, body: Mapping[str, Any] | bytes, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Deliver an event as Stripe would; without headers, rightly signed."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.service.anonymous.post(
            WEBHOOKS, content=raw, headers=headers if headers is not None else signed(raw)
        )

    async def refused(self) -> dict[str, int]:
        """Return the counts of what was refused, as the service shows them."""
        shown = await self.service.get("/healthz")
        counts: dict[str, int] = shown["refused_webhooks"]
        return counts

    async def dump(self) -> str:
        """Return every row of every table of the product and of its queue, as one text."""
        tables = [*await self.service.rows(), "pgqueuer", "pgqueuer_log"]
        parts = [
            await self.service.query(f"SELECT json_agg(t)::text FROM {table} t") for table in tables
        ]
        return "".join(part or "" for part in parts)


def stripe_settings(url: str, **environment: str) -> Settings:
    """Return settings for a Stripe at this address, and what else the environment would say."""
    settings = settings_for()
    wanted: dict[str, Any] = {"STRIPE_API_BASE": url, "STRIPE_CONNECT_BASE": url, **environment}
    settings.stripe = StripeSettings(**wanted)
    return settings


@asynccontextmanager
async def opened(
    database_url: URL,
    *,
    accounts: Ledger | Sequence[Account] | None = None,
    keys: Keys | None = (KEY,),
    platform: Platform | None = None,
    with_worker: bool = False,
    **environment: str,
) -> AsyncIterator[Stripe]:
    """Run the service on a database beside a sandbox that takes the keys.

    The service's public address is the one that it listens at.
    """
    ledgers = accounts or small_shop()
    async with serve(ledgers, keys=None if accounts else keys, platform=platform) as sandbox:
        settings = stripe_settings(sandbox.url, **environment)
        async with running(database_url, settings=settings, with_worker=with_worker) as service:
            settings.server.public_url = service.url
            yield Stripe(service, sandbox, settings)
