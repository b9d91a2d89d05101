"""The doctor tells of runs what to do, does it when asked to, and says by its exit how it went."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.models import Conversation, Run, RunEvent
from db.session import Database
from tests.cli.test_startup import SECRET, run
from tests.factories import Shop

pytestmark = pytest.mark.slow


async def _lose(database: Database, shop: Shop) -> UUID:
    """Store a queued run whose job is gone."""
    conversation_id, run_id = uuid4(), uuid4()
    user_id, business_id = shop.access.user_id, shop.business_id
    rows: list[Any] = [
        Conversation(id=conversation_id, business_id=business_id, user_id=user_id),
        Run(
            id=run_id,
            business_id=business_id,
            conversation_id=conversation_id,
            user_id=user_id,
            client_run_id="run-1",
            input_hash="hash",
            state="queued",
            job_id=4711,
        ),
        RunEvent(run_id=run_id, seq=1, type="RUN_STARTED", data="{}"),
    ]
    async with database.unit_of_work() as session:
        for row in rows:
            session.add(row)
            await session.flush()
    return run_id


def _doctor(url: URL, *options: str) -> tuple[int, dict[str, Any]]:
    address = url.render_as_string(hide_password=False)
    result = run("doctor", "--json", *options, VAULTRA_SECRET_KEYS=SECRET, DATABASE_URL=address)
    told: dict[str, Any] = json.loads(result.stdout)["runs"]
    return result.returncode, told


async def test_doctor_tells_repairs_and_is_content(
    database_url: URL, database: Database, shop: Shop
) -> None:
    run_id = await _lose(database, shop)
    code, told = _doctor(database_url)
    [item] = told["items"]
    assert (code, told["ok"], item["disorder"]) == (1, False, "lost_run")
    assert item["run_id"] == str(run_id)
    assert "--repair" in item["what_to_do"]

    code, told = _doctor(database_url, "--repair")
    [item] = told["items"]
    assert (code, told["ok"], item["repaired"]) == (0, True, True)
    assert "queued again" in item["outcome"]
    async with database.unit_of_work() as session:
        assert await session.scalar(text("SELECT count(*) FROM pgqueuer")) == 1

    code, told = _doctor(database_url, "--repair")
    assert (code, told["ok"], told.get("items")) == (0, True, None)
