"""What a front end is told of tokens, cost and budget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.model.script import Gate, Script, Text, ToolCalls, Turn, Usage
from tests.api.frames import text_of
from tests.api.problems import assert_problem
from tests.api.service import OpenService, Service, run_body
from tests.factories import make_shop
from tests.waiting import until_logged

PRICES = "scripted=1/0.1/2@2026-11-01"
TWO_DOLLARS = {"VAULTRA_DAILY_BUDGET_USD": "2"}
COUNTED = Turn([Text("Yes.")], usage=Usage(1000, 100, cached_tokens=400), repeat=True)
# 600 tokens at $1 a million, 400 at $0.10 and 100 at $2.
COST = "0.00084"


def today() -> str:
    return datetime.now(UTC).date().isoformat()


async def test_usage_is_told_by_day_and_model(open_service: OpenService) -> None:
    async with open_service(Script([COUNTED]), prices=PRICES) as service:
        await service.ask("One?")
        await service.ask("Two?")
        found = await service.get(f"{service.business}/usage")
    assert found["to"] == today()
    assert found["from"] == (datetime.now(UTC).date() - timedelta(days=29)).isoformat()
    assert found["items"] == [
        {
            "day": today(),
            "model": "scripted",
            "price_version": "stated:scripted@2026-11-01",
            "calls": 2,
            "estimated_calls": 0,
            "input_tokens": 2000,
            "cached_input_tokens": 800,
            "output_tokens": 200,
            "cost": "0.00168",
            "currency": "usd",
        }
    ]
    assert "budget" not in found


async def test_what_is_left_of_the_budget_is_told(open_service: OpenService) -> None:
    gate = Gate()
    script = Script([Turn([gate, Text("Later.")], user="wait"), COUNTED])
    async with open_service(script, prices=PRICES, limits=TWO_DOLLARS) as service:
        await service.ask("One?")
        first = (await service.get(f"{service.business}/usage"))["budget"]
        run_id = await service.begin("Please wait")
        await gate.reached.wait()
        during = (await service.get(f"{service.business}/usage"))["budget"]
        sent = [request.get("max_completion_tokens") for request in service.model.requests]
        gate.open()
        await service.replay(run_id)
    assert first["amount"] == "2.00"
    assert (first["spent_today"], first["reserved"]) == (COST, "0.00")
    assert first["left_today"] == "1.99916"
    assert first["starts_again_at"].startswith(
        (datetime.now(UTC).date() + timedelta(days=1)).isoformat() + "T00:00:00"
    )
    # 16,384 tokens of output at $2 a million, and what is sent.
    assert 0.032768 < float(during["reserved"]) < 0.05
    assert sent == [16_384, 16_384]


async def test_budget_that_is_used_up_is_told_in_the_stream(open_service: OpenService) -> None:
    dear = Turn([Text("Dear.")], usage=Usage(2_000_000, 0))
    async with open_service(Script([dear]), prices=PRICES, limits=TWO_DOLLARS) as service:
        await service.ask("One?")
        events = await service.ask("What is 6 * 7?")
        run = await service.run(events[0]["runId"])
        budget = (await service.get(f"{service.business}/usage"))["budget"]
    assert text_of(events).startswith("_Today's budget of $2.00 for the language model is used up.")
    assert "42" in text_of(events)
    assert events[-1]["type"] == "RUN_FINISHED"
    assert (budget["spent_today"], budget["left_today"]) == ("2.00", "0.00")
    [planner] = run["usage"]["models"]
    assert (planner["model"], planner["cost"]) == ("vaultra-planner", "0.00")


async def test_run_tells_what_it_cost(open_service: OpenService) -> None:
    script = Script(
        [
            Turn([ToolCalls([("calculate", {"expression": "1+1"})])], usage=Usage(500, 50)),
            Turn([Text("Two.")], after_tool="*", usage=Usage(500, 50, cached_tokens=400)),
        ]
    )
    async with open_service(script, prices=PRICES) as service:
        events = await service.ask("1+1?")
        run = await service.run(events[0]["runId"])
        conversation = await service.get(f"/v1/conversations/{service.thread_id}")
    [told] = events[-1]["usage"]
    assert run["usage"]["models"] == [
        {**told, "cachedInputTokens": 400, "cost": COST, "currency": "usd"}
    ]
    assert conversation["usage"] == {
        "calls": 2,
        "estimated_calls": 0,
        "input_tokens": 1000,
        "cached_input_tokens": 400,
        "output_tokens": 100,
        "cost": COST,
        "currency": "usd",
    }


async def test_cancelled_run_tells_what_was_estimated(open_service: OpenService) -> None:
    gate = Gate()
    script = Script([Turn([Text("Half of it."), gate])])
    async with open_service(script, prices=PRICES) as service:
        run_id = await service.begin("Tell me")
        await until_logged(service.database, run_id, "Half of it.")
        await service.cancel(run_id)
        await service.replay(run_id)
        run = await service.run(run_id)
    assert run["state"] == "cancelled"
    [told] = run["usage"]["models"]
    assert (told["model"], told["estimatedCalls"]) == ("scripted", 1)
    assert float(told["cost"]) > 0


async def test_cost_that_is_not_known_is_left_out(open_service: OpenService) -> None:
    async with open_service(Script([COUNTED])) as service:
        events = await service.ask("One?")
        [item] = (await service.get(f"{service.business}/usage"))["items"]
        [run] = (await service.run(events[0]["runId"]))["usage"]["models"]
        conversation = await service.get(f"/v1/conversations/{service.thread_id}")
    assert (item["calls"], item["input_tokens"]) == (1, 1000)
    assert "cost" not in item
    assert "price_version" not in item
    assert "cost" not in run
    assert "cost" not in conversation["usage"]


async def test_planner_leaves_no_trace_in_the_accounts(service: Service) -> None:
    events = await service.ask()
    assert (await service.get(f"{service.business}/usage"))["items"] == []
    rows = await service.rows()
    assert (rows["model_calls"], rows["business_spend"]) == (0, 0)
    [planner] = (await service.run(events[0]["runId"]))["usage"]["models"]
    assert planner["cost"] == "0.00"
    conversation = await service.get(f"/v1/conversations/{service.thread_id}")
    assert (conversation["usage"]["calls"], conversation["usage"]["cost"]) == (0, "0.00")


async def test_usage_of_another_business_is_not_found(open_service: OpenService) -> None:
    async with open_service(Script([COUNTED]), prices=PRICES) as service:
        await service.ask("One?")
        other = await make_shop(service.database, "Another")
        stranger = service.headers_of(other.access.user_id)
        response = await service.client.get(f"{service.business}/usage", headers=stranger)
        own = await service.client.get(
            f"/v1/businesses/{other.business_id}/usage", headers=stranger
        )
    assert_problem(response, 404, "not_found")
    assert own.json()["items"] == []


@pytest.mark.parametrize(
    "days",
    [
        {"from": "2026-11-30", "to": "2026-11-29"},
        {"from": "2025-11-30", "to": "2026-12-01"},
        {"from": "yesterday"},
    ],
)
async def test_days_that_make_no_range_are_refused(service: Service, days: dict[str, str]) -> None:
    response = await service.client.get(f"{service.business}/usage", params=days)
    assert_problem(response, 422, "invalid_input")


async def test_only_the_days_asked_for_are_told(open_service: OpenService) -> None:
    async with open_service(Script([COUNTED]), prices=PRICES) as service:
        await service.post_run(run_body("One?"))
        await service.execute("UPDATE model_calls SET on_day = '2026-11-02'")
        path = f"{service.business}/usage"
        inside = await service.get(path, **{"from": "2026-11-01", "to": "2026-11-02"})
        outside = await service.get(path, **{"from": "2026-11-03", "to": "2026-11-30"})
    assert [item["day"] for item in inside["items"]] == ["2026-11-02"]
    assert outside["items"] == []
