"""A call of the model whose worker is killed leaves what was set aside, and that is settled."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from agent.taking_over import BROKEN_OFF
from db.repositories.jobs import Entrypoint
from sandbox.model.script import Gate, Script, Text, Turn, Usage
from services.budgets import tokens_of
from tests.slow.test_killed_runs import _ask, _served, _until, _whole, logs
from worker.stripe_jobs import queue_once

__all__ = ["logs"]
pytestmark = pytest.mark.slow
SAID = "Said before it died. "


async def test_call_of_a_killed_worker_is_settled_as_an_estimate(
    database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULTRA_DAILY_BUDGET_USD", "1")
    monkeypatch.setenv("VAULTRA_MODEL_PRICES", "scripted=1/0.1/2@2026-11-01")
    gate = Gate()
    script = Script(
        [
            Turn([Text(SAID), gate, Text("Never.")]),
            Turn([Text("Said by the next one.")], usage=Usage(1000, 100)),
        ]
    )
    async with _served(database_url, script, tmp_path) as (service, workers):
        run_id = await _ask(service)
        spoken = "SELECT count(*) FROM agent_run_events WHERE type = 'TEXT_MESSAGE_CONTENT'"
        await _until(lambda: service.query(spoken))
        workers.kill()
        reserved = "SELECT sum(reserved_picos) FROM business_spend"
        assert await service.query("SELECT state FROM model_calls") == "reserved"
        assert await service.query(reserved) > 16_384 * 2_000_000
        workers.start()
        await _whole(service, run_id)
        await queue_once(service.app.state.vaultra.wiring, Entrypoint.SPENDING)
        await _until(lambda: service.query("SELECT sum(reserved_picos) = 0 FROM business_spend"))
        calls = await service.query(
            """
            SELECT json_agg(json_build_array(state, input_tokens, output_tokens, cost_picos)
                            ORDER BY id) FROM model_calls
            """
        )
        spent = await service.query("SELECT spent_picos FROM business_spend")
    first, second = calls
    assert first[0] == "estimated"
    assert first[1] > 100
    # What the next attempt says of the break counts as said since the call.
    assert tokens_of(len(SAID)) <= first[2] <= tokens_of(len(SAID + BROKEN_OFF))
    assert first[3] == first[1] * 1_000_000 + first[2] * 2_000_000
    assert second == ["settled", 1000, 100, 1000 * 1_000_000 + 100 * 2_000_000]
    assert spent == first[3] + second[3]
