"""Who gets in, and who does not: on every route there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources

import jwt
import pytest

from api.auth import ALGORITHM, AUDIENCE, issue_token
from tests.api.catalogue import PROTECTED, Operation
from tests.api.problems import assert_problem
from tests.api.service import AN_HOUR, KEY_RING, Service, token_for

pytestmark = pytest.mark.asyncio(loop_scope="module")
STRANGE_KEY = "a secret of somebody else's, just as long"


def _signed(service: Service, **changed: object) -> str:
    now = datetime.now(UTC)
    claims = {
        "sub": str(service.shop.access.user_id),
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + AN_HOUR,
        **changed,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, KEY_RING[0], algorithm=ALGORITHM)


def _unsigned(service: Service) -> str:
    claims = {"sub": str(service.shop.access.user_id), "aud": AUDIENCE, "exp": 2**33}
    return jwt.encode(claims, "", algorithm="none")


def _refused_headers(service: Service) -> dict[str, dict[str, str]]:
    user_id = service.shop.access.user_id
    expired = token_for(user_id, age=AN_HOUR + timedelta(seconds=1))
    return {
        "nothing": {},
        "no token": {"Authorization": "Bearer"},
        "nonsense": {"Authorization": "Bearer nonsense"},
        "another scheme": {"Authorization": f"Basic {token_for(user_id)}"},
        "expired": {"Authorization": f"Bearer {expired}"},
        "another key": {"Authorization": f"Bearer {token_for(user_id, ring=(STRANGE_KEY,))}"},
        "no signature": {"Authorization": f"Bearer {_unsigned(service)}"},
    }


@pytest.mark.parametrize("operation", PROTECTED, ids=str)
async def test_every_route_but_the_probes_wants_a_valid_token(
    shared: Service, operation: Operation
) -> None:
    path = operation.path(business_id=shared.shop.business_id)
    for headers in _refused_headers(shared).values():
        response = await shared.anonymous.request(operation.method, path, headers=headers)
        assert_problem(response, 401, "not_authenticated")
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": None},
        {"sub": None},
        {"sub": "not a user"},
        {"aud": "another service"},
        {"aud": None},
        {"nbf": 2**33},
    ],
    ids=str,
)
async def test_token_that_lacks_what_it_must_say_is_refused(
    shared: Service, changed: dict[str, object]
) -> None:
    headers = {"Authorization": f"Bearer {_signed(shared, **changed)}"}
    assert_problem(await shared.client.get("/v1/me", headers=headers), 401, "not_authenticated")


async def test_token_of_the_older_key_is_still_read(shared: Service) -> None:
    token = token_for(shared.shop.access.user_id, ring=KEY_RING[1:])
    response = await shared.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200
    assert response.json()["id"] == str(shared.shop.access.user_id)


async def test_expired_token_of_the_older_key_is_refused(shared: Service) -> None:
    token = token_for(shared.shop.access.user_id, ring=KEY_RING[1:], age=2 * AN_HOUR)
    response = await shared.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert_problem(response, 401, "not_authenticated")


async def test_new_tokens_are_signed_with_the_first_key(shared: Service) -> None:
    user_id = shared.shop.access.user_id
    token = issue_token(KEY_RING, user_id, now=datetime.now(UTC), lifetime=AN_HOUR)
    claims = jwt.decode(token, KEY_RING[0], algorithms=[ALGORITHM], audience=AUDIENCE)
    assert claims["sub"] == str(user_id)


async def test_token_of_a_user_who_is_gone_is_refused(shared: Service) -> None:
    user_id = await shared.add_stranger()
    await shared.execute("DELETE FROM users WHERE id = :id", id=user_id)
    headers = {"Authorization": f"Bearer {token_for(user_id)}"}
    before = await shared.rows()
    for operation in (("GET", "/v1/me"), ("POST", "/v1/businesses")):
        response = await shared.client.request(*operation, headers=headers, json={"name": "Shop"})
        assert_problem(response, 401, "not_authenticated")
    assert await shared.rows() == before


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/docs", "/openapi.json"])
async def test_what_holds_no_data_is_public(shared: Service, path: str) -> None:
    assert (await shared.anonymous.get(path)).status_code == 200


async def test_page_is_the_file_and_nothing_of_anybody(shared: Service) -> None:
    response = await shared.anonymous.get("/")
    assert response.text == resources.files("api").joinpath("page.html").read_text("utf-8")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "set-cookie" not in response.headers
    for secret in (*KEY_RING, str(shared.shop.business_id), str(shared.shop.access.user_id)):
        assert secret not in response.text
