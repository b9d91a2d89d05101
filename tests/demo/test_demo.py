"""What a newcomer gets from `make demo`: true figures, streamed, and the same again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.demo.exchange import in_readme, masked, record
from tests.demo.purchases import number_of_sales, revenue_by_month
from tests.processes import RunningDemo, running_demo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demo that was started from nothing; its first sync is the long part."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="module")
def expected(demo: RunningDemo) -> dict[str, Decimal]:
    """Each month's revenue by the purchases alone."""
    state = json.loads(Path(demo.environment["VAULTRA_STATE_FOLDER"], "demo.json").read_text())
    year, month = map(int, state["last_month"].split("-"))
    return revenue_by_month(year, month)


def get(demo: RunningDemo, path: str, **params: str):
    headers = {"Authorization": f"Bearer {demo.token}"}
    response = httpx.get(f"{demo.url}{path}", headers=headers, params=params, timeout=60)
    response.raise_for_status()
    return response.json()


def business(demo: RunningDemo) -> str:
    [only] = get(demo, "/v1/businesses")["items"]
    return f"/v1/businesses/{only['id']}"


def figure(month: dict, name: str) -> str | None:
    return next(f["value"] for f in month["figures"] if f["metric"] == name)


def test_revenue_of_every_month_equals_the_purchases_to_the_cent(demo, expected) -> None:
    first, last = min(expected), max(expected)
    months = get(demo, f"{business(demo)}/snapshots", **{"from": first, "to": last})["months"]
    found = {month["month"]: Decimal(figure(month, "revenue_total")) for month in months}
    assert found == expected


def test_answer_names_the_revenue_of_every_month_to_the_cent(demo, expected) -> None:
    for month, revenue in expected.items():
        assert f"${revenue:,}" in demo.answer(f"What was our revenue in {month}?"), month


def test_answer_adds_months_up_to_the_cent(demo, expected) -> None:
    total = sum(expected[month] for month in sorted(expected)[-3:])
    assert f"${total:,}" in demo.answer("revenue of the last 3 months")


def test_number_of_charges_equals_the_purchases(demo, expected) -> None:
    first, last = min(expected), max(expected)
    answer = get(demo, f"{business(demo)}/snapshots", **{"from": first, "to": last})
    [total] = [f["value"] for f in answer["totals"] if f["metric"] == "charge_count"]
    assert int(total) == number_of_sales()


def test_stored_conversation_equals_what_was_streamed(demo) -> None:
    thread, run = str(uuid4()), str(uuid4())
    question = "How did revenue do over the last 6 months?"
    body = {
        "threadId": thread,
        "runId": run,
        "messages": [{"id": str(uuid4()), "role": "user", "content": question}],
    }
    headers = {"Authorization": f"Bearer {demo.token}"}
    with httpx.stream(
        "POST", f"{demo.url}/v1/runs", json=body, headers=headers, timeout=60
    ) as response:
        lines = [line for line in response.iter_lines() if line.startswith("data: ")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    streamed: dict[str, str] = {}
    for event in events:
        if event["type"] == "TEXT_MESSAGE_CONTENT":
            streamed[event["messageId"]] = streamed.get(event["messageId"], "") + event["delta"]
    stored = get(demo, f"/v1/conversations/{thread}/messages")["items"]
    assert [item["content"] for item in stored if item["role"] == "user"] == [question]
    assert {i["id"]: i["content"] for i in stored if i["role"] == "assistant"} == streamed


def test_demo_can_be_asked_to_sync_again(demo) -> None:
    assert "sync" in demo.answer("sync stripe").lower()


def test_command_line_fails_with_a_sentence_where_nobody_answers(tmp_path: Path) -> None:
    demo = RunningDemo(None, "", "", {"PATH": "", "VAULTRA_STATE_FOLDER": str(tmp_path)})
    result = demo.ask("Hello?")
    assert result.returncode == 1
    assert "make demo" in result.stderr
    assert "Traceback" not in result.stderr


def test_readme_shows_what_the_demo_answers(demo) -> None:
    assert masked(in_readme()) == masked(record(demo))
