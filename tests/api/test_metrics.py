"""What Prometheus is told: numbers that are true, at any time, to anybody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.engine import URL

from api import metrics
from sandbox.model.script import Gate, Script, Text, Turn
from tests.api.service import OpenService, Service
from tests.api.test_database_gone import _without_database

RUNS = {"queued", "running", "awaiting_approval"}


async def _told(client: httpx.AsyncClient) -> dict[str, float]:
    """Return every sample by its name and labels."""
    response = await client.get("/metrics")
    assert response.status_code == 200
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def _until(service: Service, holds: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    async with asyncio.timeout(30):
        while not holds(told := await _told(service.anonymous)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return told


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a database that is slow tell its figures all the same."""
    monkeypatch.setattr(metrics, "DATABASE_SECONDS", 60.0)


@pytest.mark.usefixtures("_patient")
async def test_streams_and_runs_are_counted_while_they_are_open(open_service: OpenService) -> None:
    gate = Gate()
    async with open_service(Script([Turn([Text("First. "), gate, Text("Second.")])])) as service:
        before = await _told(service.anonymous)
        assert (before["vaultra_open_streams"], before["vaultra_runs running"]) == (0, 0)
        async with service.streaming(service.body()) as response:
            await gate.reached.wait()
            waiting = await service.begin()
            during = await _until(service, lambda told: told["vaultra_open_streams"] == 1)
            assert (during["vaultra_runs running"], during["vaultra_runs queued"]) == (1, 1)
            await service.cancel(waiting)
            gate.open()
            await response.aread()
        after = await _until(service, lambda told: told["vaultra_open_streams"] == 0)
    assert after["vaultra_runs_asked_total"] == 2
    assert {state: after[f"vaultra_runs {state}"] for state in RUNS} == dict.fromkeys(RUNS, 0)
    assert after["vaultra_runs_ended_5m completed"] == 1
    assert after["vaultra_runs_ended_5m cancelled"] == 1
    assert after["vaultra_runs_ended_5m failed"] == 0


@pytest.mark.usefixtures("_patient")
async def test_pool_and_event_log_are_told(open_service: OpenService) -> None:
    async with open_service(pool_size=3) as service:
        run = await service.ask()
        told = await _told(service.anonymous)
        assert (told["vaultra_pool_size"], told["vaultra_database_up"]) == (3, 1)
        # The beginning, stored messages and the end are written in other transactions.
        assert 0 < told["vaultra_event_batch_size_sum"] < len(run)
        assert told["vaultra_event_batch_size_count"] <= told["vaultra_event_batch_size_sum"]
        async with service.app.state.vaultra.database.unit_of_work() as session:
            await session.connection()
            assert (await _told(service.anonymous))["vaultra_pool_checked_out"] == 1
        assert (await _told(service.anonymous))["vaultra_pool_checked_out"] == 0


async def test_pool_that_is_exhausted_is_told_all_the_same(open_service: OpenService) -> None:
    async with open_service(pool_size=1) as service:
        await service.ask()
        async with service.app.state.vaultra.database.unit_of_work() as session:
            await session.connection()
            told = await _told(service.anonymous)
        assert told["vaultra_pool_checked_out"] == 1
        assert told["vaultra_database_up"] == 0
        await _until(service, lambda told: told["vaultra_database_up"] == 1)


async def test_without_a_database_there_are_no_numbers_of_runs(
    service: Service, server_url: URL, template: str
) -> None:
    await service.ask()
    async with _without_database(service, server_url, template):
        told = await _told(service.anonymous)
    assert told["vaultra_database_up"] == 0
    assert told["vaultra_runs_asked_total"] == 1
    assert not [name for name in told if name.startswith(("vaultra_runs ", "vaultra_runs_ended"))]


async def test_metrics_name_no_business(service: Service) -> None:
    with contextlib.suppress(httpx.HTTPError):
        await service.ask("How much is 41 plus 1?")
    text = (await service.anonymous.get("/metrics")).text
    for secret in (str(service.shop.business_id), str(service.shop.access.user_id), "41"):
        assert secret not in [word for line in text.splitlines() for word in line.split()]


async def test_two_applications_in_a_process_count_apart(open_service: OpenService) -> None:
    async with open_service() as one:
        await one.ask()
        assert (await _told(one.anonymous))["vaultra_runs_asked_total"] == 1
    async with open_service() as other:
        assert (await _told(other.anonymous))["vaultra_runs_asked_total"] == 0
