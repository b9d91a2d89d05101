"""A sync tool that others wrote copies the sandbox into PostgreSQL; ours must do better."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
import pytest
from sqlalchemy.engine import URL

from sandbox.stripe.clock import Clock
from sandbox.stripe.facts import ChargeFact, RefundFact
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.resources import CHARGE, Resource
from sandbox.stripe.server import SandboxStripe, serve
from tests.databases import cloned_database, connected
from tests.slow.foreign_lists import LISTED, resource_named, shown
from tests.slow.foreign_shop import KEY, NOW, make_shop
from tests.slow.node_programs import Step, run

pytestmark = pytest.mark.slow
# What @supabase/stripe-sync-engine 0.48.5 can copy of what the sandbox lists.
SUPPORTED = {
    "charges",
    "customers",
    "disputes",
    "early_fraud_warnings",
    "invoices",
    "payment_intents",
    "prices",
    "products",
    "refunds",
    "subscriptions",
}


def table_of(resource: Resource) -> str:
    """Return the tool's name of a kind of object."""
    return resource.path.rpartition("/")[2]


COPIED = [resource.name for resource in LISTED if table_of(resource) in SUPPORTED]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return make_shop()


class Tool:
    """The tool, a sandbox that it reads and the database that it fills."""

    def __init__(self, stripe: SandboxStripe, database: URL) -> None:
        self.stripe = stripe
        self.database = database

    async def take(self, *steps: Step) -> list[Any]:
        """Make the tables if there are none, then take the steps."""
        url = self.database.set(drivername="postgresql").render_as_string(hide_password=False)
        request = {"url": self.stripe.url, "key": KEY, "database": url}
        made: list[Any] = await run("sync_engine.mjs", {"do": "migrate"}, *steps, **request)
        return made[1:]

    async def rows(self, query: str) -> list[asyncpg.Record]:
        """Return what the tool stored."""
        async with connected(self.database) as connection:
            return await connection.fetch(query)


@asynccontextmanager
async def tool_for(ledger: Ledger, server_url: URL, clock: Clock) -> AsyncIterator[Tool]:
    """Serve the ledger and give the tool an empty database."""
    async with (
        serve(ledger, keys=[KEY], clock=clock) as stripe,
        cloned_database(server_url, "template1") as database,
    ):
        yield Tool(stripe, database)


@pytest.fixture
async def tool(ledger: Ledger, server_url: URL) -> AsyncIterator[Tool]:
    async with tool_for(ledger, server_url, lambda: NOW) as running:
        yield running


async def test_peer_copies_every_list_as_the_facts_have_it(tool: Tool, ledger: Ledger) -> None:
    resources = [resource_named(name) for name in COPIED]
    objects = [table_of(resource).removesuffix("s") for resource in resources]
    (copied,) = await tool.take({"do": "backfill", "objects": objects})
    for resource in resources:
        facts = sorted(shown(resource, ledger), key=lambda fact: fact["id"])
        table = table_of(resource)
        rows = await tool.rows(f'SELECT * FROM stripe.{table} ORDER BY id COLLATE "C"')
        names = [name for name in facts[0] if name in rows[0]]
        assert {"id", "created"} <= set(names)
        assert [[row[name] for name in names] for row in rows] == [
            [fact[name] for name in names] for fact in facts
        ], table
        assert sum(row.get("amount") or 0 for row in rows) == sum(
            fact.get("amount") or 0 for fact in facts
        )
        assert copied[table.removesuffix("s")] == len(facts)


async def test_peer_sees_the_refunds_and_disputes_of_each_charge(
    tool: Tool, ledger: Ledger
) -> None:
    await tool.take({"do": "backfill", "objects": ["charge", "dispute"]})
    rows = await tool.rows("SELECT id, amount_refunded FROM stripe.charges")
    disputes = await tool.rows("SELECT id, status FROM stripe.disputes")
    refunded = dict.fromkeys((charge.id for charge in ledger.charges.facts), 0)
    for refund in ledger.refunds.facts:
        refunded[refund.charge] += 0 if refund.failed_at else refund.amount
    outcomes = {
        fact.id: fact.outcome if fact.closed_at else "needs_response"
        for fact in ledger.disputes.facts
    }
    assert {row["id"]: row["amount_refunded"] for row in rows} == refunded
    assert {row["id"]: row["status"] for row in disputes} == outcomes
    assert sum(refunded.values()) > 0


# The two faults of the tool that versions drawn before a fetch avoid: decision record 0017.


class RefundedNow:
    """A charge of a minute ago that is refunded while it is read."""

    def __init__(self) -> None:
        self.refunded_at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=2)
        second = int(self.refunded_at.timestamp())
        self.ledger = Ledger.from_facts(
            charges=[ChargeFact("ch_1", second - 60, 1_000)],
            refunds=[RefundFact("re_1", "ch_1", second, 400)],
        )
        self.now = self.refunded_at - timedelta(seconds=1)

    def event(self, kind: str, charge: dict[str, Any]) -> dict[str, Any]:
        """Return the event of the refund's second that carries the charge."""
        return {
            "id": f"evt_{kind}",
            "object": "event",
            "type": kind,
            "created": int(self.refunded_at.timestamp()),
            "data": {"object": charge},
        }


async def charge_of(stripe: SandboxStripe) -> dict[str, Any]:
    """Return the charge as the sandbox has it now."""
    url, headers = f"{stripe.url}{CHARGE.path}/ch_1", {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(url) as response,
    ):
        charge: dict[str, Any] = await response.json()
        return charge


async def test_peer_loses_the_later_of_two_states_of_one_second(server_url: URL) -> None:
    shop = RefundedNow()
    async with tool_for(shop.ledger, server_url, lambda: shop.now) as tool:
        before = await charge_of(tool.stripe)
        shop.now = shop.refunded_at
        after = await charge_of(tool.stripe)
        events = [shop.event("charge.succeeded", before), shop.event("charge.refunded", after)]
        await tool.take({"do": "events", "events": events})
        (row,) = await tool.rows("SELECT amount_refunded FROM stripe.charges")
    assert after["amount_refunded"] == 400
    assert row["amount_refunded"] == 0


async def test_peer_loses_a_refund_that_happens_while_a_page_is_on_its_way(
    server_url: URL,
) -> None:
    shop = RefundedNow()
    async with tool_for(shop.ledger, server_url, lambda: shop.now) as tool:
        page = [await charge_of(tool.stripe)]
        shop.now = shop.refunded_at
        after = await charge_of(tool.stripe)
        await tool.take(
            {"do": "write", "charges": page},
            {"do": "events", "events": [shop.event("charge.refunded", after)]},
        )
        (row,) = await tool.rows("SELECT amount_refunded FROM stripe.charges")
    assert after["amount_refunded"] == 400
    assert row["amount_refunded"] == 0
