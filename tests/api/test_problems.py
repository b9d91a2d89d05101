"""What a client reads when a request goes wrong before any route has begun."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services import users
from tests.api.problems import assert_problem
from tests.api.service import Service, run_body

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMIT = 256 * 1024
NEEDLE = "n33dle-in-the-input"


async def test_unknown_route_says_where_the_routes_are(shared: Service) -> None:
    problem = assert_problem(await shared.client.get("/v1/nothing"), 404, "unknown_route")
    assert "/docs" in problem["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/v1/me", {"GET"}), ("GET", "/v1/runs", {"POST"})],
)
async def test_wrong_method_names_the_right_ones(
    shared: Service, method: str, path: str, allowed: set[str]
) -> None:
    response = await shared.client.request(method, path)
    assert_problem(response, 405, "method_not_allowed")
    assert set(response.headers["allow"].split(", ")) >= allowed


@pytest.mark.parametrize("body", [b"{", b"", b"[1,]", b'{"name": }', b"\xff\xfe", b"{}{}"])
@pytest.mark.parametrize("path", ["/v1/runs", "/v1/businesses"])
async def test_body_that_is_not_json_is_refused(shared: Service, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await shared.client.post(path, content=body, headers=headers)
    if body:
        assert_problem(response, 400, "malformed_json")
    else:
        assert_problem(response, 422, "invalid_input")


async def test_deeply_nested_body_is_refused(shared: Service) -> None:
    depth = 100_000
    body = b'{"threadId":' + b"[" * depth + b"]" * depth + b"}"
    headers = {"Content-Type": "application/json"}
    response = await shared.client.post("/v1/runs", content=body, headers=headers)
    assert_problem(response, 400, "malformed_json")


async def test_body_without_a_content_type_is_refused(shared: Service) -> None:
    response = await shared.client.post("/v1/businesses", content=b'{"name": "Shop"}')
    assert_problem(response, 422, "invalid_input")


WRONG_RUNS: list[tuple[dict[str, Any], str]] = [
    ({"threadId": 7}, "body.threadId"),
    ({"threadId": {"a": NEEDLE}}, "body.threadId"),
    ({"runId": [NEEDLE]}, "body.runId"),
    ({"runId": None}, "body.runId"),
    ({"messages": NEEDLE}, "body.messages"),
    ({"messages": [NEEDLE]}, "body.messages.0"),
    ({"messages": [{"role": NEEDLE, "id": "1", "content": "?"}]}, "body.messages.0"),
    ({"messages": [{"role": "user", "id": 5, "content": "?"}]}, "body.messages.0"),
    ({"messages": [{"role": "user", "id": "1"}]}, "body.messages.0"),
    ({"messages": [{"role": "user", "id": "1", "content": {"a": NEEDLE}}]}, "body.messages.0"),
    ({"tools": NEEDLE}, "body.tools"),
    ({"resume": [{"interruptId": 4}]}, "body.resume.0"),
]


@pytest.mark.parametrize(("changed", "field"), WRONG_RUNS, ids=str)
async def test_wrong_type_is_named_and_not_repeated(
    shared: Service, changed: dict[str, Any], field: str
) -> None:
    response = await shared.client.post("/v1/runs", json=run_body(**changed))
    problem = assert_problem(response, 422, "invalid_input")
    assert any(item["field"].startswith(field) for item in problem["fields"])
    assert all(item["message"] for item in problem["fields"])
    assert NEEDLE not in response.text


async def test_every_wrong_field_is_listed(shared: Service) -> None:
    body = {"category": NEEDLE, "priority": NEEDLE, "title": "ab"}
    response = await shared.client.post(f"{shared.business}/recommendations", json=body)
    problem = assert_problem(response, 422, "invalid_input")
    fields = {item["field"] for item in problem["fields"]}
    assert fields == {"body.category", "body.priority", "body.title", "body.description"}
    assert NEEDLE not in response.text


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("{business}/conversations?limit=0", "query.limit"),
        ("{business}/conversations?limit=201", "query.limit"),
        ("{business}/conversations?limit=many", "query.limit"),
        ("{business}/recommendations?status=open", "query.status"),
        ("{business}/snapshots?from=2026-01", "query.to"),
        ("{business}/snapshots?from=2026-01&to=2026-02&known_at=today", "query.known_at"),
        ("{business}/syncs?after=1", "query.after"),
        ("/v1/businesses/1", "path.business_id"),
        ("/v1/conversations/1", "path.conversation_id"),
    ],
)
async def test_wrong_place_in_the_address_is_named(shared: Service, path: str, field: str) -> None:
    response = await shared.client.get(path.format(business=shared.business))
    problem = assert_problem(response, 422, "invalid_input")
    assert [item["field"] for item in problem["fields"]] == [field]


def _padded(size: int) -> bytes:
    start, end = b'{"name": "', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


@pytest.mark.parametrize("chunked", [False, True])
async def test_body_over_256_kib_is_refused(shared: Service, chunked: bool) -> None:
    body = _padded(LIMIT + 1)
    response = await shared.client.post(
        "/v1/businesses",
        content=_in_pieces(body) if chunked else body,
        headers={"Content-Type": "application/json"},
    )
    problem = assert_problem(response, 413, "body_too_large")
    assert "256 KiB" in problem["detail"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_body_of_256_kib_is_read(shared: Service, chunked: bool) -> None:
    body = _padded(LIMIT)
    response = await shared.client.post(
        "/v1/businesses",
        content=_in_pieces(body) if chunked else body,
        headers={"Content-Type": "application/json"},
    )
    problem = assert_problem(response, 422, "invalid_input")
    assert [item["field"] for item in problem["fields"]] == ["body.name"]


async def test_declared_length_is_refused_before_the_body_is_sent(shared: Service) -> None:
    assert await _status_of_a_head_alone(shared, LIMIT + 1) == 413


async def _status_of_a_head_alone(service: Service, length: int) -> int:
    url = httpx.URL(service.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(
            f"POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), 60)
        return int(line.split()[1])
    finally:
        writer.close()
        await writer.wait_closed()


async def test_bug_is_answered_without_its_details(
    shared: Service, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError(NEEDLE)

    monkeypatch.setattr(users, "get", broken)
    response = await shared.client.get("/v1/me", headers={"X-Request-ID": "asked-1"})
    assert_problem(response, 500, "internal")
    assert NEEDLE not in response.text
    assert response.headers["x-request-id"] == "asked-1"
    assert [entry["event"] for entry in logs] == ["request.failed"]


async def test_connection_goes_on_after_a_bug(
    shared: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(users, "get", None)
        assert (await shared.client.get("/v1/me")).status_code == 500
    assert (await shared.client.get("/v1/me")).status_code == 200


async def test_own_request_id_is_taken_over(shared: Service) -> None:
    wanted = f"trace-{uuid4()}.1_2"
    response = await shared.client.get("/healthz", headers={"X-Request-ID": wanted})
    assert response.headers["x-request-id"] == wanted


@pytest.mark.parametrize(
    "hostile", ["", "a b", "x" * 129, "<script>", '"', "a;b", "%0d%0aSet-Cookie", "\xe4", "\xb2"]
)
async def test_hostile_request_id_is_replaced(shared: Service, hostile: str) -> None:
    headers = httpx.Headers({"X-Request-ID": hostile}, encoding="latin-1")
    response = await shared.client.get("/healthz", headers=headers)
    [given] = response.headers.get_list("x-request-id")
    assert given != hostile
    assert len(given) == 32


async def test_every_response_has_an_id_of_its_own(shared: Service) -> None:
    paths = ["/healthz", "/readyz", "/", "/docs", "/v1/me", "/v1/nothing", "/v1/businesses/1"]
    seen = [(await shared.client.get(path)).headers["x-request-id"] for path in paths]
    assert len(set(seen)) == len(paths)


async def test_stream_has_a_request_id(shared: Service) -> None:
    async with shared.client.stream("POST", "/v1/runs", json=run_body()) as response:
        assert response.headers["x-request-id"]
        await response.aread()
