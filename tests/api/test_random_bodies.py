"""Bodies that nobody thought of: every one is answered, none meets a bug."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import URL

from tests.api.catalogue import NEW_RECOMMENDATION
from tests.api.service import Service, running
from tests.conftest import cloned_database

pytestmark = pytest.mark.asyncio(loop_scope="module")
# characters() includes what UTF-8 cannot hold, which JSON can spell.
NASTY = "\x00\ud800\udfff\u2028\ufeff\r\n"
TEXT = st.text(st.characters() | st.sampled_from(NASTY), max_size=20)
NUMBERS = st.integers() | st.floats() | st.sampled_from([2**31, 2**63, 10**40, -(2**64)])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
# Never the same twice, so that no run is taken for another.
NEW_ID = st.builds(uuid4).map(str)
ID = NEW_ID | TEXT


def _object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object that has some of the fields, most of them nearly right."""
    return st.fixed_dictionaries({}, optional={name: kind | JSON for name, kind in fields.items()})


WORDS_AND_MORE = TEXT.map("Why {}?".format)
PART = st.fixed_dictionaries({"type": st.just("text"), "text": WORDS_AND_MORE})
CONTENT = WORDS_AND_MORE | st.lists(PART, min_size=1, max_size=2)
QUESTION = st.fixed_dictionaries({"id": ID, "role": st.just("user"), "content": CONTENT})
OTHER = _object(id=ID, role=st.sampled_from(["assistant", "system", "tool"]), content=TEXT)
PROPS = _object(businessId=ID, whenBusy=st.sampled_from(["enqueue", "reject", "interrupt"]))
# Right in itself, but for what the words of the question are ...
RIGHT = st.fixed_dictionaries(
    {
        "threadId": NEW_ID,
        "runId": NEW_ID,
        "messages": st.lists(QUESTION, min_size=1, max_size=2),
    }
)
# ... and with a few things wrong.
WRONG = st.fixed_dictionaries(
    {},
    optional={
        "threadId": JSON,
        "runId": ID | JSON,
        "messages": st.lists(QUESTION | OTHER | JSON, max_size=3) | JSON,
        "forwardedProps": PROPS | JSON,
        **dict.fromkeys(("state", "tools", "context", "resume", "parentRunId"), JSON),
    },
)
RUN = RIGHT | st.builds(lambda right, wrong: {**right, **wrong}, RIGHT, WRONG)
WORDS = ["pending", "accepted", "dismissed", "low", "high", "risk", "revenue"]
RECOMMENDATION = _object(
    title=TEXT,
    description=TEXT,
    category=st.sampled_from(WORDS),
    priority=st.sampled_from(WORDS),
    status=st.sampled_from(WORDS),
)
BUSINESS = _object(
    name=TEXT, legal_entity=TEXT, industry=TEXT, founded_at=st.dates().map(str) | TEXT
)
often = settings(max_examples=60, deadline=None, database=None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def waiting(server_url: URL, template: str) -> AsyncIterator[Service]:
    """The application without a worker: nothing that is asked is answered."""
    async with (
        cloned_database(server_url, template) as url,
        running(url, with_worker=False) as opened,
    ):
        yield opened


async def _assert_answered(
    service: Service, method: str, path: str, body: Any, **headers: str
) -> None:
    content = json.dumps(body).encode()
    headers["Content-Type"] = "application/json"
    async with service.client.stream(method, path, content=content, headers=headers) as response:
        if response.status_code in {200, 201}:
            return
        assert 400 <= response.status_code < 500, await response.aread()
        assert response.headers["content-type"] == "application/problem+json"


@often
@given(body=RUN | JSON)
async def test_any_body_of_a_run_is_answered(waiting: Service, body: Any) -> None:
    await _assert_answered(waiting, "POST", "/v1/runs", body)


@often
@given(body=_object(title=TEXT) | JSON)
async def test_any_change_of_a_conversation_is_answered(waiting: Service, body: Any) -> None:
    created = await waiting.client.post(f"{waiting.business}/conversations")
    path = f"/v1/conversations/{created.json()['id']}"
    await _assert_answered(waiting, "PATCH", path, body)
    assert (await waiting.client.get(path)).status_code == 200


@often
@given(body=RECOMMENDATION | JSON)
async def test_any_recommendation_is_answered(waiting: Service, body: Any) -> None:
    path = f"{waiting.business}/recommendations"
    await _assert_answered(waiting, "POST", path, body)
    created = await waiting.client.post(path, json={**NEW_RECOMMENDATION, "title": str(uuid4())})
    await _assert_answered(waiting, "PATCH", f"{path}/{created.json()['id']}", body)
    assert (await waiting.client.get(path)).status_code == 200


@often
@given(body=BUSINESS | JSON)
async def test_any_business_is_answered(waiting: Service, body: Any) -> None:
    # Of a user of its own: the shop's owner has to have no other.
    headers = waiting.headers_of(await waiting.add_stranger())
    await _assert_answered(waiting, "POST", "/v1/businesses", body, **headers)
    assert (await waiting.client.get("/v1/businesses", headers=headers)).status_code == 200


@settings(often, max_examples=20)
@given(value=TEXT)
async def test_any_text_in_an_address_is_answered(waiting: Service, value: str) -> None:
    text = value.encode("utf-8", "surrogatepass").decode("latin-1")
    queries: list[tuple[str, dict[str, str]]] = [
        (f"{waiting.business}/conversations", {"after": text}),
        (f"{waiting.business}/snapshots", {"from": text, "to": "2026-01"}),
        (f"{waiting.business}/readiness/history", {"after": text}),
        (f"{waiting.business}/syncs", {"after": text, "limit": text}),
    ]
    for path, params in queries:
        response = await waiting.client.get(path, params=params)
        assert response.status_code == 200 or 400 <= response.status_code < 500, response.text
