"""What-ifs, paths, floors and differences over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.problems import assert_problem
from tests.api.scores import give_score
from tests.api.service import Service


async def _simulated(service: Service, body: Any) -> Any:
    return await service.client.post(f"{service.business}/readiness/simulations", json=body)


async def test_simulation_answers_score_tier_and_what_moved(service: Service) -> None:
    await give_score(service)
    response = await _simulated(service, {"refunds": "0.20", "more_months": 1})
    assert response.status_code == 200, response.text
    told = response.json()
    assert {"score", "tier", "confidence", "binding"} <= told["after"].keys()
    assert "refunds" in {part["component"] for part in told["moved"]["components"]}
    assert told["points"] == told["after"]["score"] - told["before"]["score"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"refund": "0.03"}, "refund"),
        ({"refunds": "a lot"}, "refunds"),
        ({"refunds": "NaN"}, "refunds"),
        ({"more_months": -1}, "more_months"),
    ],
)
async def test_input_that_does_not_exist_or_fit_is_named(
    service: Service, body: dict[str, Any], field: str
) -> None:
    response = await _simulated(service, body)
    problem = assert_problem(response, 422, "invalid_input")
    assert field in str(problem["fields"])


@pytest.mark.parametrize("body", [{}, {"refunds": "3"}, {"more_months": 25}])
async def test_change_out_of_range_is_told_with_the_range(
    service: Service, body: dict[str, Any]
) -> None:
    await give_score(service)
    assert_problem(await _simulated(service, body), 422, "invalid_input")


async def test_nothing_is_computed_without_a_score(service: Service) -> None:
    assert_problem(await _simulated(service, {"refunds": "0.03"}), 409, "no_data")
    for name in ("paths?target=funding_ready", "floors", "difference"):
        response = await service.client.get(f"{service.business}/readiness/{name}")
        assert_problem(response, 409, "no_data")


async def test_paths_lead_to_the_target_and_to_no_other_word(service: Service) -> None:
    await give_score(service)
    path = f"{service.business}/readiness/paths"
    found = (await service.client.get(path, params={"target": "funding_ready"})).json()
    assert [step["component"] for step in found["paths"][0]["steps"]] == ["scale"]
    wrong = await service.client.get(path, params={"target": "rich"})
    assert_problem(wrong, 422, "invalid_input")


async def test_floors_name_their_source_and_day(service: Service) -> None:
    await give_score(service)
    found = (await service.client.get(f"{service.business}/readiness/floors")).json()
    assert all(part["source"] and part["read_on"] == "2026-11-22" for part in found["funders"])


async def test_difference_is_that_of_the_times_given(service: Service) -> None:
    await give_score(service, times=2)
    path = f"{service.business}/readiness/difference"
    history = (await service.client.get(f"{service.business}/readiness/history")).json()["items"]
    times = {"from": history[1]["computed_at"], "to": history[0]["computed_at"]}
    told = (await service.client.get(path, params=times)).json()
    assert told["earlier"]["computed_at"] == times["from"]
    assert told["later"]["computed_at"] == times["to"]
    reversed_times = {"from": times["to"], "to": times["from"]}
    response = await service.client.get(path, params=reversed_times)
    assert_problem(response, 422, "invalid_input")
