"""The routes that the application says it has; a new one is tested without being named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from api.app import create_app
from tests.api.service import run_body, settings_for

# A webhook has a signature; who comes back from Stripe, a cookie.
PUBLIC = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/webhooks/stripe",
    "/v1/integrations/stripe/callback",
}
NOBODY = UUID(int=0)


class Operation(NamedTuple):
    """A method of a path, as the OpenAPI document has them."""

    method: str
    template: str

    def path(self, **known: object) -> str:
        """Return a path to call; what is not known is an id that nothing has."""
        return re.sub(r"{(\w+)}", lambda name: str(known.get(name[1], NOBODY)), self.template)

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def operations() -> list[Operation]:
    """Return every operation of the application's own description."""
    document = create_app(settings_for(), "postgresql://nowhere/none").openapi()
    return [
        Operation(method.upper(), template)
        for template, methods in document["paths"].items()
        for method in methods
    ]


# What makes a request a valid one, so that nothing is wrong but what the test is about.
NEW_RECOMMENDATION = {"title": "Reduce refunds", "description": "Because.", "category": "risk"}
_BUSINESS = "/v1/businesses/{business_id}"
_BODIES: dict[str, dict[str, Any]] = {
    "/v1/businesses": {"name": "Another shop"},
    f"{_BUSINESS}/integrations/stripe": {"key": "rk_test_abcdefgh1234"},
    f"{_BUSINESS}/readiness/simulations": {"refunds": "0.03"},
    f"{_BUSINESS}/recommendations": NEW_RECOMMENDATION,
    f"{_BUSINESS}/agent-settings": {"without_approval": []},
    f"{_BUSINESS}/recommendations/{{recommendation_id}}": {"status": "accepted"},
    "/v1/conversations/{conversation_id}": {"title": "A title"},
}
_QUERIES = {
    f"{_BUSINESS}/snapshots": {"from": "2026-01", "to": "2026-02"},
    f"{_BUSINESS}/readiness/paths": {"target": "funding_ready"},
}


async def call(
    client: httpx.AsyncClient,
    operation: Operation,
    ids: Mapping[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """Send a valid request for the operation."""
    bodies = {**_BODIES, "/v1/runs": run_body()}
    return await client.request(
        operation.method,
        operation.path(**(ids or {})),
        headers=headers,
        params=_QUERIES.get(operation.template),
        json=None if operation.method == "GET" else bodies.get(operation.template),
    )


PROTECTED = [operation for operation in operations() if operation.template not in PUBLIC]
