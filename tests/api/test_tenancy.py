"""What is somebody else's does not exist, and what a role may not do is said so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from agent.tools.catalogue import CATALOGUE
from db.models import IntegrationAccount, SyncRun
from domain.access import PERMISSIONS, Permission, Role
from sandbox.model.script import Script, Text, Turn
from tests.api.catalogue import NEW_RECOMMENDATION, PROTECTED, Operation, call
from tests.api.frames import text_of
from tests.api.problems import assert_problem
from tests.api.service import OpenService, Service, run_body

shared_loop = pytest.mark.asyncio(loop_scope="module")
WITH_IDS = [operation for operation in PROTECTED if "{" in operation.template]
ASKS_STRIPE = Operation("POST", "/v1/businesses/{business_id}/integrations/stripe")
# A viewer talks, and nothing else; these are the routes for talking.
FOR_TALKING = {
    "POST /v1/businesses",
    "POST /v1/runs",
    "POST /v1/runs/{run_id}/cancel",
    "POST /v1/businesses/{business_id}/conversations",
    "PATCH /v1/conversations/{conversation_id}",
    "DELETE /v1/conversations/{conversation_id}",
}
# It takes a body and stores nothing.
FOR_COMPUTING = {"POST /v1/businesses/{business_id}/readiness/simulations"}
WRITING = [
    operation
    for operation in PROTECTED
    if operation.method != "GET" and str(operation) not in FOR_TALKING | FOR_COMPUTING
]


@dataclass
class Tenant:
    """A business with one of everything."""

    headers: dict[str, str]
    ids: dict[str, str]


async def _open_tenant(service: Service) -> Tenant:
    headers = service.headers_of(await service.add_stranger())

    async def post(path: str, body: Any = None) -> str:
        response = await service.client.post(path, json=body, headers=headers)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    business_id = await post("/v1/businesses", {"name": "Somebody else's"})
    body = run_body(forwardedProps={"businessId": business_id})
    await service.post_run(body, headers=headers)
    recommendations = f"/v1/businesses/{business_id}/recommendations"
    ids = {
        "business_id": business_id,
        "conversation_id": body["threadId"],
        "run_id": body["runId"],
        "recommendation_id": await post(recommendations, NEW_RECOMMENDATION),
        "sync_id": await _store_sync(service, UUID(business_id)),
    }
    return Tenant(headers, ids)


async def _store_sync(service: Service, business_id: UUID) -> str:
    account = IntegrationAccount(
        id=uuid4(), business_id=business_id, provider="stripe", external_id="acct_1"
    )
    sync = SyncRun(
        id=uuid4(), business_id=business_id, integration_id=account.id, state="completed"
    )
    async with service.database.unit_of_work() as session:
        session.add(account)
        await session.flush()
        session.add(sync)
    return str(sync.id)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenant(shared: Service) -> AsyncIterator[Tenant]:
    """Somebody else, beside the shop of the shared service."""
    yield await _open_tenant(shared)


@shared_loop
@pytest.mark.parametrize("operation", WITH_IDS, ids=str)
async def test_ids_of_another_tenant_are_like_ids_that_nothing_has(
    shared: Service, tenant: Tenant, operation: Operation
) -> None:
    before = await shared.rows()
    foreign = await call(shared.client, operation, ids=tenant.ids)
    unknown = await call(shared.client, operation)
    problem = assert_problem(foreign, 404, "not_found")
    assert assert_problem(unknown, 404, "not_found") == problem
    assert await shared.rows() == before


@shared_loop
@pytest.mark.parametrize("operation", [o for o in WITH_IDS if o != ASKS_STRIPE], ids=str)
async def test_owner_of_the_ids_gets_in(
    shared: Service, tenant: Tenant, operation: Operation
) -> None:
    # Otherwise the refusals above could have any cause.
    response = await call(shared.client, operation, ids=tenant.ids, headers=tenant.headers)
    assert response.status_code != 404, response.text


@shared_loop
@pytest.mark.parametrize("operation", [o for o in WITH_IDS if o.template.count("{") == 2], ids=str)
async def test_own_business_does_not_open_what_is_in_another(
    shared: Service, tenant: Tenant, operation: Operation
) -> None:
    ids = {**tenant.ids, "business_id": str(shared.shop.business_id)}
    assert_problem(await call(shared.client, operation, ids=ids), 404, "not_found")


@shared_loop
async def test_run_cannot_be_started_in_another_tenants_place(
    shared: Service, tenant: Tenant
) -> None:
    before = await shared.rows()
    in_their_business = run_body(forwardedProps={"businessId": tenant.ids["business_id"]})
    in_their_conversation = run_body(threadId=tenant.ids["conversation_id"])
    for body in (in_their_business, in_their_conversation):
        assert_problem(await shared.client.post("/v1/runs", json=body), 404, "not_found")
    assert await shared.rows() == before


@shared_loop
async def test_run_id_of_another_tenant_is_free_to_use(shared: Service) -> None:
    run_id = (await _open_tenant(shared)).ids["run_id"]
    events = await shared.post_run(run_body("What is 2 * 2?", runId=run_id))
    assert "4" in text_of(events)
    assert (await shared.get(f"/v1/runs/{run_id}"))["conversation_id"] == events[0]["threadId"]


@shared_loop
async def test_position_in_another_tenants_list_opens_nothing(
    shared: Service, tenant: Tenant
) -> None:
    path = f"{shared.business}/syncs"
    response = await shared.client.get(path, params={"after": tenant.ids["sync_id"]})
    assert_problem(response, 404, "not_found")


@shared_loop
async def test_lists_hold_nothing_of_another_tenant(shared: Service, tenant: Tenant) -> None:
    for kind in ("conversations", "recommendations", "syncs", "integrations"):
        listed = await shared.client.get(f"{shared.business}/{kind}", params={"limit": 200})
        assert not [known for known in tenant.ids.values() if known in listed.text]
    assert tenant.ids["business_id"] not in (await shared.client.get("/v1/businesses")).text


@shared_loop
@pytest.mark.parametrize("operation", WITH_IDS, ids=str)
async def test_user_without_a_membership_finds_nothing(
    shared: Service, tenant: Tenant, operation: Operation
) -> None:
    headers = shared.headers_of(await shared.add_stranger())
    response = await call(shared.client, operation, ids=tenant.ids, headers=headers)
    assert_problem(response, 404, "not_found")


@shared_loop
async def test_former_member_finds_nothing_any_more(shared: Service) -> None:
    user_id = await shared.add_member(Role.ADMIN)
    headers = shared.headers_of(user_id)
    body = run_body()
    await shared.post_run(body, headers=headers)
    await shared.execute("DELETE FROM user_business_memberships WHERE user_id = :id", id=user_id)
    paths = [f"/v1/runs/{body['runId']}", f"/v1/conversations/{body['threadId']}", shared.business]
    for path in (*paths, f"{paths[0]}/events", f"{paths[1]}/messages"):
        assert_problem(await shared.client.get(path, headers=headers), 404, "not_found")
    response = await shared.client.post("/v1/runs", json=body, headers=headers)
    assert_problem(response, 404, "not_found")


@shared_loop
@pytest.mark.parametrize("operation", WRITING, ids=str)
async def test_viewer_may_not_write(shared: Service, tenant: Tenant, operation: Operation) -> None:
    user_id = await shared.add_stranger()
    await shared.execute(
        "INSERT INTO user_business_memberships (user_id, business_id, role)"
        " VALUES (:user_id, :business_id, 'viewer')",
        user_id=user_id,
        business_id=UUID(tenant.ids["business_id"]),
    )
    before = await shared.rows()
    response = await call(
        shared.client, operation, ids=tenant.ids, headers=shared.headers_of(user_id)
    )
    problem = assert_problem(response, 403, "not_permitted")
    assert "viewer" in problem["detail"]
    assert await shared.rows() == before


@shared_loop
async def test_viewer_reads_what_the_owner_reads(shared: Service) -> None:
    headers = shared.headers_of(await shared.add_member(Role.VIEWER))
    for path in (shared.business, f"{shared.business}/recommendations"):
        owner, viewer = (
            await shared.client.get(path),
            await shared.client.get(path, headers=headers),
        )
        assert owner.status_code == viewer.status_code == 200
        assert viewer.json() == owner.json()


@pytest.mark.parametrize("role", Role)
async def test_model_is_offered_what_the_role_may_use(
    open_service: OpenService, role: Role
) -> None:
    async with open_service(Script([Turn([Text("Hello.")])])) as service:
        headers = service.headers_of(await service.add_member(role))
        await service.post_run(service.body("Hello?"), headers=headers)
        assert service.model is not None
        [request] = service.model.requests
    offered = {tool["function"]["name"] for tool in request["tools"]}
    assert offered == {tool.name for tool, needed in CATALOGUE if needed in PERMISSIONS[role]}
    writing = {tool.name for tool, needed in CATALOGUE if needed is not Permission.READ}
    assert bool(offered & writing) == (role is not Role.VIEWER)
