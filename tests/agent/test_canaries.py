"""Nothing personal that Stripe sends is found in a table, a log line, an event or a prompt."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from db.models import Model
from db.session import Database
from domain.periods import Month
from sandbox.model.script import Script, Text, ToolCalls, Turn
from sandbox.stripe import people
from sandbox.stripe.archetypes import load
from sandbox.stripe.faults import Faults
from sandbox.stripe.resources import RESOURCES
from services import insight
from tests.agent.conftest import OpenDesk
from tests.factories import Shop
from tests.integrations.stripe.ledgers import KEY
from tests.services.stripe_sync.connected import connect
from tests.services.stripe_sync.moving import Moving, moving

# The people who sign in are no customers of Stripe's.
OUR_PEOPLE = "users"
TALKATIVE = (
    ("get_business_profile", {}),
    ("list_recommendations", {"status": "all"}),
    ("explain_readiness", {}),
    ("get_sync_status", {}),
)


def _found_in(told: str) -> list[str]:
    return [canary for canary in people.CANARIES if canary in told]


async def _everything_stripe_tells(busy: Moving) -> str:
    async with httpx.AsyncClient(base_url=busy.url, auth=(KEY, ""), timeout=60) as client:
        pages = [await client.get(kind.path, params={"limit": 100}) for kind in RESOURCES]
        account = await client.get("/v1/account")
    return account.text + "".join(page.text for page in pages)


async def _everything_stored(database: Database) -> str:
    async with database.unit_of_work() as session:
        query = text(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        tables = list((await session.execute(query)).scalars())
        assert {table.name for table in Model.metadata.sorted_tables} <= set(tables)
        rows = [
            str((await session.execute(text(f'SELECT json_agg(t)::text FROM "{name}" t'))).scalar())
            for name in tables
            if name != OUR_PEOPLE
        ]
    return "\n".join(rows)


async def _disturbed_life(busy: Moving) -> None:
    """Sync, receive, poll and apply, with everything that can go wrong going wrong."""
    busy.stripe.api.faults = Faults(failed_every=5, truncated_every=7, rate_limited_every=11)
    assert (await busy.sync()).state == "completed"
    busy.time.pass_by(days=2)
    busy.stripe.api.faults = Faults(failed_every=4)
    await busy.receive(*await busy.events())
    await busy.apply()
    busy.time.pass_by(days=20)
    await busy.poll()
    await busy.sync()
    # A sync that fails for good tells why.
    busy.stripe.api.faults = Faults(truncated_every=1)
    assert (await busy.sync()).state == "failed"


@pytest.mark.parametrize("archetype", ["dropshipper", "saas", "multi_currency"])
async def test_no_canary_of_stripes_is_found_anywhere(
    database: Database, shop: Shop, open_desk: OpenDesk, archetype: str, capfd: Any
) -> None:
    integration_id = await connect(database, shop.access)
    ledger = load(archetype, last_month=Month(2026, 9), charges=200)
    with capture_logs() as logs:
        async with moving(database, shop, integration_id, ledger) as busy:
            told = await _everything_stripe_tells(busy)
            await _disturbed_life(busy)
            async with database.unit_of_work() as session:
                await insight.refresh(session, shop.access, now=busy.time())
        script = Script(
            [
                Turn([ToolCalls(list(TALKATIVE))]),
                Turn([Text("That is all.")], after_tool=TALKATIVE[-1][0]),
            ]
        )
        async with open_desk(script) as desk:
            events = await desk.ask("Tell me everything that you know about my customers.")
            prompts = orjson.dumps(desk.model.requests).decode()
    # They were there to be found.
    assert len(_found_in(told)) >= len(people.CANARIES) - 2
    assert len(desk.model.requests) == 2
    assert "RUN_FINISHED" in [event.type.value for event in events]
    streamed = "".join(event.model_dump_json() for event in events)
    printed = "".join(capfd.readouterr())
    stored = await _everything_stored(database)
    for where, text_ in (
        ("tables", stored),
        ("logs", repr(logs) + printed),
        ("events", streamed),
        ("prompts", prompts),
    ):
        assert _found_in(text_) == [], where
