"""A demo that is killed at any point and started again has lost nothing and doubled nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.demo.purchases import number_of_sales, revenue_by_month
from tests.demo.test_demo import business, figure, get
from tests.processes import (
    RunningDemo,
    free_port,
    running_demo,
    start_demo,
    stop_demo,
    wait_until_ready,
)

pytestmark = pytest.mark.slow
# Seconds after the start: in the imports, in initdb, in the migrations, and again and again in
# the first sync, each time from where the one before was killed.
KILLED_AFTER = (0.8, 2.0, 3.0, 4.5, 6.0, 8.0, 11.0, 15.0)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def test_figures_are_exact_after_many_kills(tmp_path: Path) -> None:
    killed_in_time = 0
    for seconds in KILLED_AFTER:
        process, _ = start_demo(tmp_path, free_port())
        time.sleep(seconds)
        killed_in_time += process.poll() is None and not (tmp_path / "server.json").exists()
        kill(process)
        (tmp_path / "server.json").unlink(missing_ok=True)
    assert killed_in_time >= 4, "The sync was over before it could be killed."
    with running_demo(tmp_path) as demo:
        check_figures(demo, tmp_path)


def check_figures(demo: RunningDemo, folder: Path) -> None:
    state = json.loads((folder / "demo.json").read_text())
    expected = revenue_by_month(*map(int, state["last_month"].split("-")))
    params = {"from": min(expected), "to": max(expected)}
    answer = get(demo, f"{business(demo)}/snapshots", **params)
    found = {m["month"]: Decimal(figure(m, "revenue_total")) for m in answer["months"]}
    assert found == expected
    [charges] = [f["value"] for f in answer["totals"] if f["metric"] == "charge_count"]
    assert int(charges) == number_of_sales()


def test_run_that_was_killed_ends_once_and_the_conversation_goes_on(tmp_path: Path) -> None:
    process, _ = start_demo(tmp_path, free_port())
    address = wait_until_ready(process, tmp_path)
    thread = str(uuid4())
    runs = [str(uuid4()) for _ in range(6)]
    headers = {"Authorization": f"Bearer {address['token']}"}
    with httpx.Client(base_url=address["url"], headers=headers, timeout=60) as client:
        for number, run in enumerate(runs):
            # Read no further than the first event: most of them are cut in the middle.
            body = question(thread, run, f"What was our revenue in 2026-0{number + 1}?")
            with client.stream("POST", "/v1/runs", json=body) as response:
                next(response.iter_lines())
        kill(process)
    (tmp_path / "server.json").unlink()
    with running_demo(tmp_path) as demo:
        assert all(len(terminals(demo, run)) == 1 for run in runs)
        stored = get(demo, f"/v1/conversations/{thread}/messages")["items"]
        asked = [item["content"] for item in stored if item["role"] == "user"]
        assert len(asked) == len(set(asked)) == len(runs)
        check_figures(demo, tmp_path)
        assert "47" in demo.answer("What is our score?")


def question(thread: str, run: str, text: str) -> dict:
    message = {"id": str(uuid4()), "role": "user", "content": text}
    return {"threadId": thread, "runId": run, "messages": [message]}


def terminals(demo: RunningDemo, run: str) -> list[str]:
    """Follow the run to its end; return its terminal events."""
    headers = {"Authorization": f"Bearer {demo.token}"}
    url = f"{demo.url}/v1/runs/{run}/events"
    with httpx.stream("GET", url, headers=headers, timeout=60) as response:
        lines = [line for line in response.iter_lines() if line.startswith("data: ")]
    types = [json.loads(line.removeprefix("data: "))["type"] for line in lines]
    assert types[0] == "RUN_STARTED"
    return [kind for kind in types if kind in {"RUN_FINISHED", "RUN_ERROR"}]


def test_second_start_needs_no_sync(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        first = get(demo, f"{business(demo)}/syncs")["items"]
    with running_demo(tmp_path) as demo:
        assert get(demo, f"{business(demo)}/syncs")["items"] == first
        check_figures(demo, tmp_path)


def test_demo_stops_at_a_signal_and_takes_its_database_along(tmp_path: Path) -> None:
    process, _ = start_demo(tmp_path, free_port())
    wait_until_ready(process, tmp_path)
    assert stop_demo(process) == 0
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()
    assert not (tmp_path / "server.json").exists()
