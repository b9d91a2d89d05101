"""A hand-made shop, the CDNOW shop, and a client that speaks plain HTTP to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from domain.periods import Month
from sandbox.stripe.cdnow import load_shop
from sandbox.stripe.facts import ChargeFact, DisputeFact, RefundFact, instant
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.server import SandboxStripe, serve

KEY = "rk_test_0123456789abcdef"
LAST_MONTH = Month(2026, 10)


@dataclass
class Answer:
    """One HTTP answer; `json` is its body."""

    status: int
    headers: Mapping[str, str]
    json: dict[str, Any]

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.json["data"]]

    @property
    def error(self) -> dict[str, Any]:
        return self.json["error"]


@dataclass
class Client:
    """Asks a running sandbox with the key."""

    session: aiohttp.ClientSession
    stripe: SandboxStripe

    async def get(self, path: str, *, key: str | None = KEY, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        async with self.session.get(self.stripe.url + path, headers=sent) as response:
            return Answer(response.status, response.headers, await response.json())


Start = Callable[..., Awaitable[Client]]


@asynccontextmanager
async def open_client(ledger: Ledger, **options: Any) -> AsyncIterator[Client]:
    """Serve the ledger for the length of the block."""
    options = {"keys": [KEY], **options}
    async with serve(ledger, **options) as stripe, aiohttp.ClientSession() as session:
        yield Client(session, stripe)


def at(text: str) -> Callable[[], datetime]:
    """Return a clock that stands still at the instant."""
    moment = datetime.fromtimestamp(instant(text), UTC)
    return lambda: moment


@pytest.fixture(scope="session")
def cdnow() -> Ledger:
    return load_shop(last_month=LAST_MONTH, seed=1)


@pytest.fixture
def ledger() -> Ledger:
    """25 charges a minute apart (ch_00 the oldest), but ch_10 to ch_12 in the same second."""
    start = instant("2026-03-01T12:00:00Z")
    return Ledger.from_facts(
        charges=[
            ChargeFact(
                f"ch_{n:02d}",
                start + 60 * (10 if n in (11, 12) else n),
                1_000 + n,
                customer=f"cus_{n % 2}",
                payment_intent=f"pi_{n:02d}",
            )
            for n in range(25)
        ],
        refunds=[
            RefundFact("re_1", "ch_03", start + 7_200, 400),
            RefundFact("re_2", "ch_03", start + 86_400, 603),
            RefundFact("re_3", "ch_04", start + 90_000, 1),
        ],
        disputes=[DisputeFact("du_1", "ch_05", start + 3_600, 1_005, fee=1_500)],
    )


@pytest.fixture
async def client(ledger: Ledger) -> AsyncIterator[Client]:
    async with open_client(ledger) as opened:
        yield opened
