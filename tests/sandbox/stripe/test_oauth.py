from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from sandbox.stripe.accounts import Platform
from sandbox.stripe.clock import SandboxClock
from tests.sandbox.stripe.conftest import Client
from tests.sandbox.stripe.platform import (
    BACK,
    FIRST,
    PLATFORM,
    SECOND,
    SECRET,
    authorize,
    connect,
    open_platform,
    post,
)

ASKED = {
    "client_id": PLATFORM.client_id,
    "response_type": "code",
    "scope": "read_only",
    "redirect_uri": BACK,
    "state": 'x"><script>',
}


class Form(HTMLParser):
    """The fields, choices and buttons of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.options: list[str] = []
        self.buttons: list[tuple[str, str]] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input":
            self.hidden[given["name"]] = given["value"]
        if tag == "option":
            self.options.append(given["value"])
        if tag == "button":
            self.buttons.append((given["name"], given["value"]))
        self.scripts += tag == "script"


async def read_page(client: Client, query: dict[str, str]) -> Form:
    url = f"{client.stripe.url}/oauth/authorize?{urlencode(query)}"
    async with client.session.get(url) as response:
        assert response.content_type == "text/html"
        form = Form()
        form.feed(await response.text())
    return form


async def test_page_offers_the_accounts_and_both_decisions() -> None:
    async with open_platform() as client:
        form = await read_page(client, ASKED)
    assert form.options == [FIRST, SECOND]
    assert form.buttons == [("approve", "1"), ("approve", "0")]
    assert form.hidden == ASKED
    assert form.scripts == 0


async def test_form_of_the_page_leads_back_with_a_code() -> None:
    async with open_platform() as client:
        form = await read_page(client, ASKED)
        back = await authorize(client, **{**form.hidden, "account": SECOND})
    assert back["state"] == ASKED["state"]
    assert back["scope"] == "read_only"
    assert back["code"].startswith("ac_")


async def test_denial_leads_back_with_an_error() -> None:
    async with open_platform() as client:
        back = await authorize(client, approve="0", state="s1")
    assert back["error"] == "access_denied"
    assert back["state"] == "s1"
    assert "code" not in back


async def test_query_of_the_redirect_uri_is_kept() -> None:
    async with open_platform() as client:
        back = await authorize(client, redirect_uri="https://app.example.com/b?x=1")
    assert back["x"] == "1"
    assert "code" in back


@pytest.mark.parametrize(
    "uri", ["https://evil.example.com/back", f"{BACK}/", "http://127.0.0.1:8000/", ""]
)
async def test_redirect_uri_must_be_registered(uri: str) -> None:
    async with open_platform() as client:
        query = urlencode({**ASKED, "approve": "1", "redirect_uri": uri})
        answer = await client.get(f"/oauth/authorize?{query}", key=None)
    assert answer.status == 400
    assert answer.error["param"] == "redirect_uri"


@pytest.mark.parametrize(
    ("uri", "status"),
    [("http://localhost:3000/x", 302), ("http://127.0.0.1/x", 302), ("https://example.com/", 400)],
)
async def test_platform_without_registered_uris_takes_those_of_this_computer(
    uri: str, status: int
) -> None:
    async with open_platform(platform=Platform()) as client:
        query = urlencode({**ASKED, "approve": "1", "redirect_uri": uri})
        url = f"{client.stripe.url}/oauth/authorize?{query}"
        async with client.session.get(url, allow_redirects=False) as response:
            assert response.status == status


async def test_unknown_application_is_refused() -> None:
    async with open_platform() as client:
        query = urlencode({**ASKED, "client_id": "ca_other"})
        answer = await client.get(f"/oauth/authorize?{query}", key=None)
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("scope", "everything", "invalid_scope"),
        ("response_type", "token", "unsupported_response_type"),
    ],
)
async def test_wrong_wish_is_told_to_the_application(field: str, value: str, error: str) -> None:
    async with open_platform() as client:
        assert (await authorize(client, **{field: value}))["error"] == error


async def test_account_that_is_not_here_cannot_be_connected() -> None:
    async with open_platform() as client:
        query = urlencode({**ASKED, "approve": "1", "account": PLATFORM.account_id})
        answer = await client.get(f"/oauth/authorize?{query}", key=None)
    assert answer.status == 400


async def test_code_gives_tokens_for_the_account_that_approved() -> None:
    async with open_platform() as client:
        granted = await connect(client, account=SECOND)
    assert granted["stripe_user_id"] == SECOND
    assert granted["scope"] == "read_only"
    assert granted["livemode"] is False
    assert granted["token_type"] == "bearer"
    assert granted["access_token"].startswith("sk_test_")


async def test_code_works_once_and_its_second_use_revokes_what_it_gave() -> None:
    async with open_platform() as client:
        code = (await authorize(client))["code"]
        form = {"grant_type": "authorization_code", "code": code}
        token = (await post(client, "/oauth/token", form)).json["access_token"]
        assert (await client.get("/v1/charges", key=token)).status == 200
        again = await post(client, "/oauth/token", form)
        assert (again.status, again.json["error"]) == (400, "invalid_grant")
        assert "already been used" in again.json["error_description"]
        assert (await client.get("/v1/charges", key=token)).status == 401


@pytest.mark.parametrize(("minutes", "status"), [(5, 200), (6, 400)])
async def test_code_expires_after_five_minutes(minutes: int, status: int) -> None:
    clock = SandboxClock(speed=0)
    async with open_platform(clock=clock) as client:
        code = (await authorize(client))["code"]
        clock.advance(timedelta(minutes=minutes))
        form = {"grant_type": "authorization_code", "code": code}
        answer = await post(client, "/oauth/token", form)
    assert answer.status == status
    assert answer.json.get("error") == (None if status == 200 else "invalid_grant")


@pytest.mark.parametrize(
    ("form", "key", "status", "error"),
    [
        ({"grant_type": "authorization_code", "code": "ac_no"}, SECRET, 400, "invalid_grant"),
        ({"grant_type": "authorization_code"}, SECRET, 400, "invalid_request"),
        ({"code": "ac_no"}, SECRET, 400, "invalid_request"),
        ({"grant_type": "password"}, SECRET, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "rt"}, SECRET, 400, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "x"}, "sk_test_no", 401, "invalid_client"),
        ({"grant_type": "authorization_code", "code": "x"}, None, 401, "invalid_client"),
    ],
)
async def test_wrong_exchange_is_refused_in_oauths_words(
    form: dict[str, str], key: str | None, status: int, error: str
) -> None:
    async with open_platform() as client:
        answer = await post(client, "/oauth/token", form, key=key)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.json["error_description"]


async def test_client_secret_may_come_in_the_form() -> None:
    async with open_platform() as client:
        code = (await authorize(client))["code"]
        form = {"grant_type": "authorization_code", "code": code, "client_secret": SECRET}
        assert (await post(client, "/oauth/token", form, key=None)).status == 200


async def test_refresh_token_gives_another_token_of_no_wider_scope() -> None:
    async with open_platform() as client:
        granted = await connect(client)
        form = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
        renewed = (await post(client, "/oauth/token", form)).json
        wider = await post(client, "/oauth/token", {**form, "scope": "read_write"})
        assert (await client.get("/v1/charges", key=renewed["access_token"])).status == 200
    assert renewed["access_token"] != granted["access_token"]
    assert renewed["refresh_token"] == granted["refresh_token"]
    assert wider.json["error"] == "invalid_scope"


async def test_deauthorizing_ends_all_access() -> None:
    form = {"client_id": PLATFORM.client_id, "stripe_user_id": FIRST}
    async with open_platform() as client:
        token = (await connect(client))["access_token"]
        answer = await post(client, "/oauth/deauthorize", form)
        assert answer.json == {"stripe_user_id": FIRST}
        assert (await client.get("/v1/charges", key=token)).status == 401
        by_header = await client.get("/v1/charges", key=SECRET, Stripe_Account=FIRST)
        again = await post(client, "/oauth/deauthorize", form)
    assert by_header.status == 403
    assert (again.status, again.json["error"]) == (401, "invalid_client")


async def test_deauthorizing_leaves_other_accounts_connected() -> None:
    async with open_platform() as client:
        await connect(client, account=FIRST)
        await connect(client, account=SECOND)
        client.stripe.api.connect.disconnect(FIRST)
        answer = await client.get("/v1/charges", key=SECRET, Stripe_Account=SECOND)
    assert answer.ids == ["ch_second"]


async def test_connecting_and_disconnecting_are_announced() -> None:
    async with open_platform() as client:
        await connect(client, account=SECOND)
        client.stripe.api.connect.disconnect(SECOND)
        events = client.stripe.api.announced
    assert [event.body["type"] for event in events] == [
        "account.application.authorized",
        "account.application.deauthorized",
    ]
    assert {event.body["account"] for event in events} == {SECOND}
    assert events[0].id != events[1].id
