"""Two businesses and a Connect platform in one sandbox, and an owner who approves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from sandbox.stripe.accounts import Account, Platform
from sandbox.stripe.facts import ChargeFact, Shop, instant
from sandbox.stripe.ledger import Ledger
from tests.sandbox.stripe.conftest import Answer, Client, open_client

PLATFORM = Platform(redirect_uris=("https://app.example.com/back", "https://app.example.com/b?x=1"))
SECRET = PLATFORM.secret_key
BACK = "https://app.example.com/back"
FIRST, SECOND = "acct_first", "acct_second"
FIRST_KEY, SECOND_KEY = "rk_test_first", "rk_test_second"
START = instant("2026-03-01T12:00:00Z")


def business(account_id: str) -> Ledger:
    """A shop with one charge, whose id names the shop."""
    name = account_id.removeprefix("acct_")
    shop = Shop(account_id=account_id, name=f"The {name} <shop>")
    return Ledger.from_facts(shop=shop, charges=[ChargeFact(f"ch_{name}", START, 1_000)])


@asynccontextmanager
async def open_platform(**options: Any) -> AsyncIterator[Client]:
    """Serve both businesses and the platform for the length of the block."""
    accounts = [Account(business(FIRST), [FIRST_KEY]), Account(business(SECOND), [SECOND_KEY])]
    async with open_client(accounts, **{"keys": None, "platform": PLATFORM, **options}) as client:
        yield client


async def authorize(client: Client, **query: str) -> dict[str, str]:
    """Decide on the page's address at once; return the query the owner is sent back with."""
    asked = {
        "client_id": PLATFORM.client_id,
        "response_type": "code",
        "scope": "read_only",
        "redirect_uri": BACK,
        "account": FIRST,
        "approve": "1",
        **query,
    }
    url = f"{client.stripe.url}/oauth/authorize?{urlencode(asked)}"
    async with client.session.get(url, allow_redirects=False) as response:
        assert response.status == 302, await response.text()
        back = parse_qs(urlsplit(response.headers["Location"]).query, strict_parsing=True)
    return {name: values[0] for name, values in back.items()}


async def post(
    client: Client, path: str, form: dict[str, str], *, key: str | None = SECRET, **headers: str
) -> Answer:
    """Send a form with the key."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        sent["Authorization"] = f"Bearer {key}"
    async with client.session.post(client.stripe.url + path, data=form, headers=sent) as response:
        return Answer(response.status, response.headers, await response.json())


async def connect(client: Client, **query: str) -> dict[str, Any]:
    """Approve and exchange the code; return the token's answer."""
    code = (await authorize(client, **query))["code"]
    answer = await post(client, "/oauth/token", {"grant_type": "authorization_code", "code": code})
    assert answer.status == 200, answer.json
    return answer.json
