"""What every refusal must look like."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import httpx


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that the response is a problem as the contract has it, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"]
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["title"] == HTTPStatus(status).phrase
    assert problem["type"].endswith(code)
    assert problem["detail"].endswith(".")
    assert all(value not in (None, "", []) for value in problem.values())
    return problem
