"""Connect: the way to Stripe, the exchange, the way out, and errors that give nothing away."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from domain.errors import ConfigurationError, StripeError
from integrations.stripe.failures import TransientStripeError
from integrations.stripe.oauth import Grant, StripeConnect
from tests.integrations.stripe.answering import answering

SECRET = "sk_test_platform_secret"
CODE = "ac_code_of_this_test"
TOKEN = "sk_test_token_of_the_owner"
GRANTED = {
    "access_token": TOKEN,
    "livemode": False,
    "refresh_token": "rt_refresh_token",
    "scope": "read_only",
    "stripe_publishable_key": "pk_test_1",
    "stripe_user_id": "acct_1",
    "token_type": "bearer",
}


def connect(url: str = "http://127.0.0.1:1", **more: Any) -> StripeConnect:
    return StripeConnect("ca_1", SECRET, "http://127.0.0.1:1", url, **more)


class Stripe:
    """Answers every request alike, and remembers what came."""

    def __init__(self, body: Any, status: int = 200) -> None:
        self.body, self.status = body, status
        self.paths: list[str] = []
        self.forms: list[Mapping[str, Any]] = []
        self.keys: list[str | None] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(f"{request.method} {request.path}")
        self.forms.append(dict(await request.post()))
        self.keys.append(request.headers.get("Authorization"))
        if isinstance(self.body, bytes):
            return web.Response(body=self.body, status=self.status)
        return web.json_response(self.body, status=self.status)


def refusal(error: str, description: str) -> dict[str, str]:
    return {"error": error, "error_description": description}


def test_the_owner_is_sent_to_stripe_and_back() -> None:
    url = connect("https://connect.example.com/").authorize_url(
        state="once&only", redirect_uri="https://us.example.com/back?from=stripe"
    )
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == (
        "https://connect.example.com/oauth/authorize"
    )
    assert parse_qs(parts.query) == {
        "client_id": ["ca_1"],
        "response_type": ["code"],
        "scope": ["read_only"],
        "state": ["once&only"],
        "redirect_uri": ["https://us.example.com/back?from=stripe"],
    }
    assert SECRET not in url


def test_a_platform_may_ask_for_more() -> None:
    url = connect().authorize_url(
        state="s", redirect_uri="https://us.example.com", scope="read_write"
    )
    assert "scope=read_write" in url


async def test_a_code_is_exchanged_for_access() -> None:
    stripe = Stripe(GRANTED)
    async with answering(stripe) as url:
        grant = await connect(url).exchange(CODE)
    assert grant == Grant("acct_1", TOKEN, livemode=False, scope="read_only")
    assert stripe.paths == ["POST /oauth/token"]
    assert stripe.forms == [{"grant_type": "authorization_code", "code": CODE}]
    assert stripe.keys == [f"Bearer {SECRET}"]
    assert TOKEN not in repr(grant)


async def test_access_is_given_back() -> None:
    stripe = Stripe({"stripe_user_id": "acct_1"})
    async with answering(stripe) as url:
        await connect(url).deauthorize("acct_1")
    assert stripe.paths == ["POST /oauth/deauthorize"]
    assert stripe.forms == [{"client_id": "ca_1", "stripe_user_id": "acct_1"}]


@pytest.mark.parametrize(("error", "status"), [("invalid_client", 401), ("invalid_request", 400)])
async def test_access_that_the_owner_took_away_counts_as_given_back(
    error: str, status: int
) -> None:
    told = "This application is not connected to stripe account acct_1, or that account is gone."
    stripe = Stripe(refusal(error, told), status)
    async with answering(stripe) as url:
        await connect(url).deauthorize("acct_1")
    assert len(stripe.paths) == 1


REFUSED: list[tuple[Any, int, str]] = [
    (refusal("invalid_grant", f"Authorization code does not exist: {CODE}"), 400, "used up"),
    (refusal("invalid_client", f"No such application: ca_1 {SECRET}"), 401, "STRIPE_CLIENT_ID"),
    ({"error": {"message": f"Invalid API Key provided: {SECRET}"}}, 401, "STRIPE_SECRET_KEY"),
    (refusal("invalid_request", f"Missing: {CODE}"), 400, r"refused the authorisation \(400\)"),
    (refusal("a_new_one", CODE), 400, "documented form"),
    ({"error": {"type": "invalid_request_error", "message": CODE}}, 400, "refused"),
    ({"error": 5}, 400, "documented form"),
    (b"<html>" + CODE.encode(), 302, r"refused the authorisation \(302\)"),
    (GRANTED | {"access_token": None}, 200, "documented form"),
    ([], 200, "documented form"),
    (TOKEN.encode(), 200, "documented form"),
    (b"\xff", 200, "documented form"),
]


@pytest.mark.parametrize(("body", "status", "told"), REFUSED)
async def test_a_refusal_is_a_sentence_without_secrets(body: Any, status: int, told: str) -> None:
    stripe = Stripe(body, status)
    async with answering(stripe) as url:
        with pytest.raises(StripeError, match=told) as caught:
            await connect(url).exchange(CODE)
    error = caught.value
    shown = f"{error!r} {error.hint} {error.__cause__!r}"
    assert [text for text in (CODE, TOKEN, SECRET) if text in shown] == []
    assert error.__suppress_context__
    assert len(stripe.paths) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_stripe_is_not_asked_twice(status: int) -> None:
    stripe = Stripe({"error": {"message": "Too busy"}}, status)
    async with answering(stripe) as url:
        with pytest.raises(TransientStripeError, match="Connect Stripe again"):
            await connect(url).exchange(CODE)
    assert len(stripe.paths) == 1


async def test_an_unreachable_stripe_is_told(unused_tcp_port: int) -> None:
    with pytest.raises(TransientStripeError) as caught:
        await connect(f"http://127.0.0.1:{unused_tcp_port}").exchange(CODE)
    assert CODE not in f"{caught.value!r}"


async def test_a_slow_stripe_is_told() -> None:
    async def answer(_request: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.json_response(GRANTED)

    async with answering(answer) as url:
        with pytest.raises(TransientStripeError):
            await connect(url, timeout_seconds=0.05).exchange(CODE)


async def test_an_exchange_follows_no_redirect() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with answering(answer) as url:
        with pytest.raises(StripeError, match="307"):
            await connect(url).exchange(CODE)
    assert asked == ["/oauth/token"]


@pytest.mark.parametrize(
    ("api_base", "connect_base", "named"),
    [
        ("http://a.example.com", "https://b.example.com", "STRIPE_API_BASE"),
        ("https://a.example.com", "http://b.example.com", "STRIPE_CONNECT_BASE"),
    ],
)
def test_a_live_platform_speaks_encrypted_only(
    api_base: str, connect_base: str, named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        StripeConnect("ca_1", "sk_live_platform", api_base, connect_base)
    assert "sk_live_platform" not in f"{caught.value}"
