"""Connecting by OAuth: in one browser, by one user, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from sqlalchemy.engine import URL

from domain.access import Role
from sandbox.stripe.accounts import Account, Platform
from tests.api.problems import assert_problem
from tests.api.stripe_steps import ACCOUNT, SECRET, Stripe, event, opened
from tests.factories import Shop
from tests.integrations.stripe.ledgers import KEY, small_shop

PLATFORM = Platform(client_id="ca_of_the_tests", secret_key="sk_test_of_the_platform")
CONFIGURED = {
    "STRIPE_CLIENT_ID": PLATFORM.client_id,
    "STRIPE_SECRET_KEY": PLATFORM.secret_key,
    "STRIPE_WEBHOOK_SECRET": SECRET,
}
CALLBACK = "/v1/integrations/stripe/callback"
REFUSED = "stripe_authorization_refused"


@dataclass
class Browser:
    """A browser: it keeps cookies, and follows no redirect by itself."""

    stripe: Stripe
    http: httpx.AsyncClient

    async def authorize(
        self, user_id: UUID | None = None, shop: Shop | None = None
    ) -> httpx.Response:
        """Ask the service for the way to Stripe."""
        shop = shop or self.stripe.service.shop
        return await self.http.post(
            f"/v1/businesses/{shop.business_id}/integrations/stripe/authorize",
            headers=self.stripe.service.headers_of(user_id or shop.access.user_id),
        )

    async def begin(self, **who: Any) -> str:
        """Ask for the way to Stripe and return it."""
        response = await self.authorize(**who)
        assert response.status_code == 200, response.text
        return str(response.json()["url"])

    async def decide(self, url: str, *, approve: bool = True) -> str:
        """Grant access on Stripe's page, or deny it; return where Stripe sends the browser."""
        answer = await self.http.get(f"{url}&approve={int(approve)}&account={ACCOUNT.id}")
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def come_back(self, address: str, **headers: str) -> httpx.Response:
        """Go where Stripe sent the browser."""
        return await self.http.get(address, headers=headers)

    async def connect(self, **who: Any) -> httpx.Response:
        """Go the whole way."""
        return await self.come_back(await self.decide(await self.begin(**who)))


@asynccontextmanager
async def open_browser(stripe: Stripe) -> AsyncIterator[Browser]:
    """Open a browser without cookies."""
    async with httpx.AsyncClient(base_url=stripe.service.url, timeout=10.0) as http:
        yield Browser(stripe, http)


@pytest.fixture
async def stripe(database_url: URL) -> AsyncIterator[Stripe]:
    """The service with a Connect platform at the sandbox."""
    shops = [Account(small_shop(), (KEY,))]
    async with opened(database_url, accounts=shops, platform=PLATFORM, **CONFIGURED) as steps:
        yield steps


@pytest.fixture
async def browser(stripe: Stripe) -> AsyncIterator[Browser]:
    """The owner's browser."""
    async with open_browser(stripe) as opened_browser:
        yield opened_browser


async def _assert_nothing_stored(stripe: Stripe) -> None:
    assert (await stripe.service.rows())["integration_accounts"] == 0


def _state_of(address: str) -> str:
    [state] = parse_qs(urlsplit(address).query)["state"]
    return state


async def test_owner_connects_and_is_back_on_the_page(stripe: Stripe, browser: Browser) -> None:
    response = await browser.connect()
    assert response.status_code == 303, response.text
    assert response.headers["location"] == f"{stripe.service.url}/?stripe=connected"
    shown = await stripe.shown()
    assert (shown["auth"], shown["status"]) == ("oauth", "active")
    assert (shown["account_id"], shown["livemode"]) == (ACCOUNT.id, False)
    assert shown["missing_permissions"] == []
    assert (await browser.http.get(response.headers["location"])).status_code == 200


async def test_way_to_stripe_asks_to_read_and_nothing_more(browser: Browser) -> None:
    query = parse_qs(urlsplit(await browser.begin()).query)
    assert query["scope"] == ["read_only"]
    assert query["client_id"] == [PLATFORM.client_id]
    assert query["redirect_uri"] == [f"{browser.stripe.service.url}{CALLBACK}"]
    # 32 bytes of base64 without padding.
    assert len(query["state"][0]) == 43


async def test_cookie_is_for_the_way_back_only(browser: Browser) -> None:
    response = await browser.authorize()
    [cookie] = response.headers.get_list("set-cookie")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", f"path={CALLBACK}", "max-age=900"} <= parts
    assert "secure" not in parts
    assert response.headers["cache-control"] == "no-store"


async def test_cookie_of_a_public_address_is_sent_encrypted_only(browser: Browser) -> None:
    browser.stripe.settings.server.public_url = "https://vaultra.example.com/"
    response = await browser.authorize()
    assert "; secure" in response.headers["set-cookie"].lower()
    redirect = parse_qs(urlsplit(response.json()["url"]).query)["redirect_uri"]
    assert redirect == [f"https://vaultra.example.com{CALLBACK}"]


async def test_nothing_secret_is_kept_or_logged(
    stripe: Stripe, browser: Browser, logs: list[Any]
) -> None:
    url = await browser.begin()
    cookies = [str(value) for value in browser.http.cookies.values()]
    waiting = await stripe.dump()
    address = await browser.decide(url)
    await browser.come_back(address)
    await browser.come_back(address)
    token = await stripe.token()
    assert token is not None
    [code] = parse_qs(urlsplit(address).query)["code"]
    kept = waiting + await stripe.dump() + repr(logs)
    for secret in (_state_of(address), code, token, PLATFORM.secret_key, *cookies):
        assert secret not in kept


async def test_state_works_once(stripe: Stripe, browser: Browser) -> None:
    address = await browser.decide(await browser.begin())
    cookies = dict(browser.http.cookies)
    assert (await browser.come_back(address)).status_code == 303
    browser.http.cookies.update(cookies)
    assert_problem(await browser.come_back(address), 409, REFUSED)
    # The code was not used again: Stripe would have revoked what it gave.
    assert stripe.sandbox.api.accounts.connected(ACCOUNT.id)
    assert (await stripe.shown())["status"] == "active"


async def test_state_in_another_browser_connects_nothing(stripe: Stripe, browser: Browser) -> None:
    address = await browser.decide(await browser.begin())
    async with open_browser(stripe) as other:
        # It has a cookie too, of an authorization of its own.
        await other.begin(shop=await stripe.other_shop())
        assert_problem(await other.come_back(address), 409, REFUSED)
    await _assert_nothing_stored(stripe)
    # Who was robbed of it is told to begin again.
    assert_problem(await browser.come_back(address), 409, REFUSED)
    await _assert_nothing_stored(stripe)


async def test_same_user_may_come_back_with_a_token_instead_of_the_cookie(stripe: Stripe) -> None:
    async with open_browser(stripe) as first, open_browser(stripe) as second:
        address = await first.decide(await first.begin())
        headers = stripe.service.headers_of(stripe.service.shop.access.user_id)
        assert (await second.come_back(address, **headers)).status_code == 303
    assert (await stripe.shown())["auth"] == "oauth"


@pytest.mark.parametrize("role", [Role.ADMIN, None])
async def test_token_of_another_user_does_not_stand_in_for_the_cookie(
    stripe: Stripe, browser: Browser, role: Role | None
) -> None:
    service = stripe.service
    user_id = await (service.add_member(role) if role else service.add_stranger())
    address = await browser.decide(await browser.begin())
    async with open_browser(stripe) as other:
        response = await other.come_back(address, **service.headers_of(user_id))
        assert_problem(response, 409, REFUSED)
    await _assert_nothing_stored(stripe)


async def test_state_that_has_expired_connects_nothing(stripe: Stripe, browser: Browser) -> None:
    address = await browser.decide(await browser.begin())
    await stripe.service.execute("UPDATE oauth_states SET expires_at = now()")
    assert_problem(await browser.come_back(address), 409, REFUSED)
    await _assert_nothing_stored(stripe)


@pytest.mark.parametrize("query", ["", "?state=", "?code=ac_1", "?state=forged&code=ac_1"])
async def test_state_that_was_never_given_out_is_refused(browser: Browser, query: str) -> None:
    await browser.begin()
    assert_problem(await browser.come_back(f"{CALLBACK}{query}"), 409, REFUSED)


async def test_denial_is_told_and_stores_nothing(stripe: Stripe, browser: Browser) -> None:
    address = await browser.decide(await browser.begin(), approve=False)
    assert_problem(await browser.come_back(address), 409, "stripe_authorization_denied")
    await _assert_nothing_stored(stripe)


async def test_person_reads_a_page_and_not_a_problem(browser: Browser) -> None:
    address = await browser.decide(await browser.begin(), approve=False)
    response = await browser.come_back(address, Accept="text/html,application/xhtml+xml")
    assert response.status_code == 409
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "Stripe is not connected" in response.text
    assert _state_of(address) not in response.text
    assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ("UPDATE user_business_memberships SET role = 'viewer'", 403, "not_permitted"),
        ("DELETE FROM user_business_memberships", 404, "not_found"),
    ],
)
async def test_role_that_was_lost_meanwhile_connects_nothing(
    stripe: Stripe, browser: Browser, change: str, status: int, code: str
) -> None:
    address = await browser.decide(await browser.begin())
    await stripe.service.execute(change)
    assert_problem(await browser.come_back(address), status, code)
    await _assert_nothing_stored(stripe)
    assert not stripe.sandbox.api.accounts.connected(ACCOUNT.id)


async def test_code_that_stripe_does_not_know_is_explained(
    stripe: Stripe, browser: Browser
) -> None:
    state = _state_of(await browser.begin())
    response = await browser.come_back(f"{CALLBACK}?state={state}&code=ac_forged")
    assert_problem(response, 502, "stripe_error")
    assert "ac_forged" not in response.text
    await _assert_nothing_stored(stripe)


async def test_viewer_may_not_begin(stripe: Stripe, browser: Browser) -> None:
    viewer = await stripe.service.add_member(Role.VIEWER)
    assert_problem(await browser.authorize(viewer), 403, "not_permitted")
    assert (await stripe.service.rows())["oauth_states"] == 0


async def test_account_of_another_business_stays_with_it(stripe: Stripe, browser: Browser) -> None:
    assert (await browser.connect()).status_code == 303
    before = await stripe.token()
    async with open_browser(stripe) as other:
        response = await other.connect(shop=await stripe.other_shop())
        assert "another business" in assert_problem(response, 409, "conflict")["detail"]
    assert await stripe.token() == before
    assert stripe.sandbox.api.accounts.connected(ACCOUNT.id)


async def test_disconnecting_gives_the_grant_back_and_it_can_be_given_again(
    stripe: Stripe, browser: Browser
) -> None:
    await browser.connect()
    first = await stripe.token()
    assert await stripe.disconnect() == 204
    assert await stripe.token() is None
    assert not stripe.sandbox.api.accounts.connected(ACCOUNT.id)
    assert await stripe.disconnect() == 204
    assert (await browser.connect()).status_code == 303
    assert await stripe.token() not in {None, first}
    assert (await stripe.shown())["status"] == "active"


async def test_former_holder_does_not_take_the_grant_from_the_present_one(
    stripe: Stripe, browser: Browser
) -> None:
    await browser.connect()
    await stripe.disconnect()
    async with open_browser(stripe) as other:
        assert (await other.connect(shop=await stripe.other_shop())).status_code == 303
    assert await stripe.disconnect() == 204
    assert stripe.sandbox.api.accounts.connected(ACCOUNT.id)


async def test_token_goes_even_if_stripe_cannot_be_told(stripe: Stripe, browser: Browser) -> None:
    await browser.connect()
    stripe.settings.stripe.connect_base = "http://127.0.0.1:1"
    path = f"{stripe.service.business}/integrations/stripe"
    problem = assert_problem(await stripe.service.client.delete(path), 502, "stripe_error")
    assert "deleted here" in problem["detail"]
    assert await stripe.token() is None
    stripe.settings.stripe.connect_base = stripe.sandbox.url
    assert (await stripe.service.client.delete(path)).status_code == 204
    assert not stripe.sandbox.api.accounts.connected(ACCOUNT.id)


async def test_owner_who_leaves_at_stripe_is_disconnected(stripe: Stripe, browser: Browser) -> None:
    await browser.connect()
    leaving = event("account.application.deauthorized", account=ACCOUNT.id)
    assert (await stripe.deliver(leaving)).json() == {"outcome": "revoked"}
    assert await stripe.token() is None
    assert (await stripe.shown())["status"] == "revoked"


@pytest.mark.parametrize("missing", ["STRIPE_CLIENT_ID", "STRIPE_SECRET_KEY", "VAULTRA_PUBLIC_URL"])
async def test_setting_that_is_missing_is_named(database_url: URL, missing: str) -> None:
    configured = {name: value for name, value in CONFIGURED.items() if name != missing}
    async with opened(database_url, platform=PLATFORM, keys=(KEY,), **configured) as stripe:
        if missing == "VAULTRA_PUBLIC_URL":
            stripe.settings.server.public_url = None
        path = f"{stripe.service.business}/integrations/stripe/authorize"
        problem = assert_problem(await stripe.service.client.post(path), 503, "configuration")
        assert missing in problem["detail"]
        assert not [name for name in configured if name in problem["detail"]]
