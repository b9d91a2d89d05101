"""Text that PostgreSQL or UTF-8 cannot hold, wherever a client can put it: never a 500."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from tests.api.service import Service, run_body

pytestmark = pytest.mark.asyncio(loop_scope="module")
# As JSON spells them: a NUL, halves of a surrogate pair, and one in the wrong order.
ESCAPES = [r"\u0000", r"\ud800", r"\udfff", r"\udc00\ud800"]
RAW_BYTES = ["%00", "%ed%a0%80", "%ff", "%c0%80", "a%00b"]
HEADERS = {"Content-Type": "application/json"}


async def _send(
    service: Service, method: str, path: str, spelled: str, escape: str
) -> httpx.Response:
    content = spelled.replace("HOSTILE", f"a{escape}b").encode()
    return await service.client.request(method, path, content=content, headers=HEADERS)


def _is_refusal(response: httpx.Response) -> bool:
    problem = response.headers["content-type"] == "application/problem+json"
    return problem and 400 <= response.status_code < 500


RUN = (
    '{"threadId": "%(thread)s", "runId": "%(run)s", "forwardedProps": {"x": "%(props)s"},'
    ' "messages": [{"id": "%(id)s", "role": "user", "content": "%(content)s"}]}'
)


def _run(**hostile: str) -> str:
    plain = {
        "thread": str(uuid4()),
        "run": str(uuid4()),
        "id": str(uuid4()),
        "content": "What is 6 * 7?",
        "props": "",
    }
    return RUN % {**plain, **hostile}


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("place", ["thread", "run"])
async def test_hostile_ids_of_a_run_are_refused(shared: Service, place: str, escape: str) -> None:
    before = await shared.rows()
    response = await _send(shared, "POST", "/v1/runs", _run(**{place: "HOSTILE"}), escape)
    assert _is_refusal(response), response.text
    assert await shared.rows() == before


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("place", ["id", "content", "props"])
async def test_hostile_text_of_a_run_is_refused_or_cleaned(
    shared: Service, place: str, escape: str
) -> None:
    before = await shared.rows()
    response = await _send(shared, "POST", "/v1/runs", _run(**{place: "HOSTILE"}), escape)
    if response.status_code == 200:
        assert b"RUN_FINISHED" in response.content
        assert b"\\u0000" not in response.content
    else:
        assert _is_refusal(response), response.text
        assert await shared.rows() == before


async def test_nul_is_taken_out_of_a_message(shared: Service) -> None:
    body = run_body("What is\x00 6 * 7?")
    await shared.post_run(body)
    [question, _answer] = await shared.messages(body["threadId"])
    assert question["content"] == "What is 6 * 7?"


@pytest.mark.parametrize("number", ["1" * 5_000, "1" * 300, "-1e999", "NaN", "1e400"])
async def test_hostile_number_among_the_properties_does_no_harm(
    shared: Service, number: str
) -> None:
    response = await shared.client.post(
        "/v1/runs", content=_run().replace('{"x": ""}', f'{{"x": {number}}}'), headers=HEADERS
    )
    assert response.status_code == 200 or _is_refusal(response), response.text


async def test_properties_nested_deeply_do_no_harm(shared: Service) -> None:
    nested = '{"x": ' + "[" * 900 + "]" * 900 + "}"
    content = _run().replace('{"x": ""}', nested)
    response = await shared.client.post("/v1/runs", content=content, headers=HEADERS)
    assert response.status_code == 200 or _is_refusal(response), response.text


TEXTS = [
    ("/v1/businesses", '{"name": "HOSTILE"}'),
    ("/v1/businesses", '{"name": "Shop", "legal_entity": "HOSTILE"}'),
    ("/v1/businesses", '{"name": "Shop", "industry": "HOSTILE"}'),
    ("{business}/integrations/stripe", '{"key": "rk_test_HOSTILE"}'),
    (
        "{business}/recommendations",
        '{"title": "HOSTILE", "description": "Because.", "category": "risk"}',
    ),
    (
        "{business}/recommendations",
        '{"title": "Reduce", "description": "HOSTILE", "category": "risk"}',
    ),
    (
        "{business}/recommendations",
        '{"title": "Reduce", "description": "Because.", "category": "HOSTILE"}',
    ),
]


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize(("path", "spelled"), TEXTS, ids=str)
async def test_hostile_text_in_a_post_is_refused(
    shared: Service, path: str, spelled: str, escape: str
) -> None:
    before = await shared.rows()
    path = path.format(business=shared.business)
    assert _is_refusal(await _send(shared, "POST", path, spelled, escape))
    assert await shared.rows() == before


@pytest.mark.parametrize("escape", ESCAPES)
async def test_hostile_title_of_a_conversation_is_refused(shared: Service, escape: str) -> None:
    created = await shared.client.post(f"{shared.business}/conversations")
    path = f"/v1/conversations/{created.json()['id']}"
    assert _is_refusal(await _send(shared, "PATCH", path, '{"title": "HOSTILE"}', escape))
    assert await shared.conversation(created.json()["id"]) == created.json()


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("field", ["title", "description", "status", "priority"])
async def test_hostile_change_of_a_recommendation_is_refused(
    shared: Service, field: str, escape: str
) -> None:
    new = {"title": "Reduce refunds", "description": "Because.", "category": "risk"}
    created = await shared.client.post(f"{shared.business}/recommendations", json=new)
    path = f"{shared.business}/recommendations/{created.json()['id']}"
    assert _is_refusal(await _send(shared, "PATCH", path, f'{{"{field}": "HOSTILE"}}', escape))
    stored = await shared.get(f"{shared.business}/recommendations")
    assert created.json() in stored["items"]


PLACES = [
    "/v1/runs/HOSTILE",
    "/v1/runs/HOSTILE/events",
    "/v1/conversations/HOSTILE",
    "/v1/conversations/HOSTILE/messages",
    "/v1/businesses/HOSTILE",
    "{business}/syncs/HOSTILE",
    "{business}/syncs?after=HOSTILE",
    "{business}/conversations?after=HOSTILE",
    "{business}/conversations?limit=HOSTILE",
    "{business}/readiness/history?after=HOSTILE",
    "{business}/recommendations?status=HOSTILE",
    "{business}/snapshots?from=HOSTILE&to=2026-01",
    "{business}/snapshots?from=2026-01&to=HOSTILE",
    "{business}/snapshots?from=2026-01&to=2026-02&known_at=HOSTILE",
    "/v1/HOSTILE",
]


@pytest.mark.parametrize("raw", RAW_BYTES)
@pytest.mark.parametrize("place", PLACES)
async def test_hostile_bytes_in_an_address_are_refused(
    shared: Service, place: str, raw: str
) -> None:
    path = place.format(business=shared.business).replace("HOSTILE", raw)
    assert _is_refusal(await shared.client.get(path))


async def test_hostile_run_id_cannot_be_cancelled(shared: Service) -> None:
    assert _is_refusal(await shared.client.post("/v1/runs/%00/cancel"))


@pytest.mark.parametrize(
    "position", ["abc", "=", "\N{SNOWMAN}", "MjAyNi0wMS0wMVQwMDowMDowMHw=", "x" * 201, "fHw="]
)
async def test_position_that_was_never_given_out_is_refused(shared: Service, position: str) -> None:
    path = f"{shared.business}/conversations?after={quote(position)}"
    assert _is_refusal(await shared.client.get(path))


@pytest.mark.parametrize(
    "moment",
    [
        "2026-01-01T00:00:00",
        "2026-01-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
@pytest.mark.parametrize("kind", ["conversations", "messages"])
async def test_forged_position_is_refused(shared: Service, kind: str, moment: str) -> None:
    position = urlsafe_b64encode(f"{moment}|{uuid4()}".encode()).decode()
    created = (await shared.client.post(f"{shared.business}/conversations")).json()["id"]
    parent = shared.business if kind == "conversations" else f"/v1/conversations/{created}"
    response = await shared.client.get(f"{parent}/{kind}", params={"after": position})
    assert _is_refusal(response), response.text


@pytest.mark.parametrize(
    "moment",
    ["2026-01-01T00:00:00", "2026-01-01", "0001-01-01T00:00:00+14:00", "1e9", "99999999999"],
)
async def test_any_moment_can_be_asked_of_the_history(shared: Service, moment: str) -> None:
    path = f"{shared.business}/readiness/history"
    response = await shared.client.get(path, params={"after": moment})
    assert response.status_code == 200 or _is_refusal(response), response.text
