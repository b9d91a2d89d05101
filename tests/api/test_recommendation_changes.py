"""The history of a recommendation over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from domain.access import Role
from tests.api.catalogue import NEW_RECOMMENDATION
from tests.api.problems import assert_problem
from tests.api.service import Service

shared_loop = pytest.mark.asyncio(loop_scope="module")


async def _edited(service: Service, title: str) -> str:
    """Note a recommendation and change it three times; return its path."""
    list_path = f"{service.business}/recommendations"
    body = {**NEW_RECOMMENDATION, "title": title}
    created = (await service.client.post(list_path, json=body)).json()
    path = f"{list_path}/{created['id']}"
    for change in ({"priority": "high"}, {"status": "accepted"}, {"status": "dismissed"}):
        response = await service.client.patch(path, json=change)
        assert response.status_code == 200, response.text
    return path


@shared_loop
async def test_history_tells_what_became_of_what_and_by_whom(shared: Service) -> None:
    path = await _edited(shared, "Answer disputes")
    page = await shared.get(f"{path}/changes")
    assert "next" not in page
    assert [item["changes"] for item in page["items"][:3]] == [
        {"status": ["accepted", "dismissed"]},
        {"status": ["pending", "accepted"]},
        {"priority": ["medium", "high"]},
    ]
    first = page["items"][3]
    assert first["changes"]["title"] == [None, "Answer disputes"]
    assert first["changes"]["metric_refs.created_by"] == [None, "person"]
    assert {item["actor"] for item in page["items"]} == {"person"}
    assert len({item["user_id"] for item in page["items"]}) == 1


@shared_loop
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 200])
async def test_pages_of_changes_lose_and_double_nothing(shared: Service, limit: int) -> None:
    path = await _edited(shared, f"In pages of {limit}")
    whole = (await shared.get(f"{path}/changes"))["items"]
    found: list[Any] = []
    params: dict[str, Any] = {"limit": limit}
    while True:
        page = await shared.get(f"{path}/changes", **params)
        assert len(page["items"]) <= limit
        found += page["items"]
        if "next" not in page:
            break
        params["after"] = page["next"]
    assert found == whole
    assert len(found) == 4


@shared_loop
async def test_viewer_may_read_the_history(shared: Service) -> None:
    path = await _edited(shared, "For every eye")
    headers = shared.headers_of(await shared.add_member(Role.VIEWER))
    response = await shared.client.get(f"{path}/changes", headers=headers)
    assert response.status_code == 200
    assert len(response.json()["items"]) == 4


@shared_loop
async def test_position_that_is_none_is_refused(shared: Service) -> None:
    path = await _edited(shared, "With a wrong position")
    response = await shared.client.get(f"{path}/changes", params={"after": "nowhere"})
    assert_problem(response, 422, "invalid_input")
