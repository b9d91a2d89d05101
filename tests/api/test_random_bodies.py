"""Bodies that nobody thought of: every one is answered, none meets a bug."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import URL

from domain.readiness import ComponentKey
from tests.api.catalogue import NEW_RECOMMENDATION
from tests.api.scores import give_score
from tests.api.service import Service, running
from tests.databases import cloned_database

pytestmark = pytest.mark.asyncio(loop_scope="module")
# What UTF-8, PostgreSQL or a line cannot hold, and JSON can spell.
NASTY = "\x00\ud800\udfff\u2028\ufeff\r\n"
TEXT = st.lists(st.characters() | st.sampled_from(NASTY), max_size=12).map("".join)
NUMBERS = st.integers() | st.floats() | st.sampled_from([2**31, 2**63, 10**40, -(2**64)])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
# Never the same twice, so that no run is taken for another.
NEW_ID = st.builds(uuid4).map(str)
ID = NEW_ID | TEXT


def _mostly(kind: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Three times out of four of the kind, and else anything: `|` would weigh every kind alike."""
    return st.integers(0, 3).flatmap(lambda number: kind if number else JSON)


def _object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object that has some of the fields, most of them nearly right."""
    return st.fixed_dictionaries(
        {}, optional={name: _mostly(kind) for name, kind in fields.items()}
    )


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
        "runId": _mostly(ID),
        "messages": _mostly(st.lists(_mostly(QUESTION | OTHER), max_size=3)),
        "forwardedProps": _mostly(PROPS),
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
INPUT = st.decimals(allow_nan=True).map(str) | st.floats(0, 1) | NUMBERS | TEXT
SIMULATION = _object(
    **{key.value: INPUT for key in ComponentKey},
    recurring_share=INPUT,
    payouts_enabled=st.booleans(),
    more_months=st.integers(-1, 30),
)
often = settings(max_examples=40, deadline=None, database=None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def waiting(server_url: URL, template: str) -> AsyncIterator[Service]:
    """The application without a worker: nothing that is asked is answered."""
    async with (
        cloned_database(server_url, template) as url,
        running(url, with_worker=False) as opened,
    ):
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scored(waiting: Service) -> Service:
    """The same application, its business with a score of now."""
    await give_score(waiting)
    return waiting


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
@given(body=_mostly(RUN))
async def test_any_body_of_a_run_is_answered(waiting: Service, body: Any) -> None:
    await _assert_answered(waiting, "POST", "/v1/runs", body)


@often
@given(body=_mostly(_object(title=TEXT)))
async def test_any_change_of_a_conversation_is_answered(waiting: Service, body: Any) -> None:
    created = await waiting.client.post(f"{waiting.business}/conversations")
    path = f"/v1/conversations/{created.json()['id']}"
    await _assert_answered(waiting, "PATCH", path, body)
    assert (await waiting.client.get(path)).status_code == 200


@often
@given(body=_mostly(RECOMMENDATION))
async def test_any_recommendation_is_answered(waiting: Service, body: Any) -> None:
    path = f"{waiting.business}/recommendations"
    await _assert_answered(waiting, "POST", path, body)
    created = await waiting.client.post(path, json={**NEW_RECOMMENDATION, "title": str(uuid4())})
    await _assert_answered(waiting, "PATCH", f"{path}/{created.json()['id']}", body)
    assert (await waiting.client.get(path)).status_code == 200


@often
@given(body=_mostly(SIMULATION))
async def test_any_simulation_is_answered(scored: Service, body: Any) -> None:
    await _assert_answered(scored, "POST", f"{scored.business}/readiness/simulations", body)


@often
@given(body=_mostly(BUSINESS))
async def test_any_business_is_answered(waiting: Service, body: Any) -> None:
    # Of a user of its own: the shop's owner has to have no other.
    headers = waiting.headers_of(await waiting.add_stranger())
    await _assert_answered(waiting, "POST", "/v1/businesses", body, **headers)
    assert (await waiting.client.get("/v1/businesses", headers=headers)).status_code == 200


@settings(often, max_examples=20)
@given(value=TEXT)
async def test_any_text_in_an_address_is_answered(waiting: Service, value: str) -> None:
    text = quote(value.encode("utf-8", "surrogatepass"))
    for address in (
        f"{waiting.business}/conversations?after={text}",
        f"{waiting.business}/snapshots?from={text}&to=2026-01",
        f"{waiting.business}/readiness/history?after={text}",
        f"{waiting.business}/syncs?after={text}&limit={text}",
        f"/v1/runs/{text}/events?after={text}",
    ):
        response = await waiting.client.get(address)
        assert response.status_code == 200 or 400 <= response.status_code < 500, response.text
