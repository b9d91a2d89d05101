"""The client reads what it may, insists when Stripe falters, and gives nothing away."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from aiohttp import web

from domain.errors import (
    ConfigurationError,
    StripeError,
    StripeKeyError,
    StripePermissionError,
)
from integrations.stripe.client import API_VERSION, StripeClient
from integrations.stripe.gateway import Page
from integrations.stripe.resources import (
    BALANCE_TRANSACTIONS,
    CHARGES,
    CUSTOMERS,
    DISPUTES,
    REFUNDS,
    RESOURCES,
    Charge,
)
from integrations.stripe.sdk import account_of
from sandbox.stripe.faults import Faults
from sandbox.stripe.server import SandboxStripe, serve
from tests.integrations.stripe.answering import QUICK, answering, client
from tests.integrations.stripe.ledgers import KEY, NOW, OPENED, personal_data, small_shop


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxStripe]:
    now = datetime.fromtimestamp(NOW, UTC)
    async with serve(small_shop(), keys=[KEY], clock=lambda: now) as stripe_api:
        yield stripe_api


async def all_charges(gateway: StripeClient, limit: int) -> list[Charge]:
    charges: list[Charge] = []
    page: Page[Charge] | None = None
    while page is None or page.has_more:
        after = charges[-1].id if charges else None
        page = await gateway.list_page(CHARGES, starting_after=after, limit=limit)
        charges.extend(page.items)
    return charges


async def test_pages_follow_each_other_newest_first_without_gap(sandbox: SandboxStripe) -> None:
    async with client(sandbox.url) as gateway:
        charges = await all_charges(gateway, limit=7)
    facts = list(reversed(sandbox.api.ledger.charges.facts))
    assert [(c.id, c.created, c.amount) for c in charges] == [
        (fact.id, fact.created, fact.amount) for fact in facts
    ]


async def test_created_gte_leaves_out_what_is_older(sandbox: SandboxStripe) -> None:
    facts = sandbox.api.ledger.charges.facts
    async with client(sandbox.url) as gateway:
        page = await gateway.list_page(CHARGES, created_gte=facts[-4].created)
    assert [charge.id for charge in page.items] == [fact.id for fact in reversed(facts[-4:])]
    assert not page.has_more


async def test_every_list_can_be_decoded(sandbox: SandboxStripe) -> None:
    async with client(sandbox.url) as gateway:
        dispute = (await gateway.list_page(DISPUTES)).items[0]
        refund = (await gateway.list_page(REFUNDS)).items[0]
        line = (await gateway.list_page(BALANCE_TRANSACTIONS)).items[0]
        customer = (await gateway.list_page(CUSTOMERS)).items[0]
    assert dispute.evidence_details is not None
    assert dispute.evidence_details.due_by == dispute.created + 21 * 86_400
    assert refund.charge is not None
    assert line.net == line.amount - line.fee
    assert customer.currency == "usd"


async def test_nothing_personal_is_decoded(sandbox: SandboxStripe) -> None:
    canaries = personal_data(sandbox.api.ledger)
    async with client(sandbox.url) as gateway:
        decoded = "".join([repr(await gateway.list_page(resource)) for resource in RESOURCES])
    assert len(canaries) > 50
    assert [canary for canary in canaries if canary in decoded] == []


async def test_exchange_rate_is_decoded_exactly() -> None:
    line = (
        b'{"id":"txn_1","created":1,"amount":3,"fee":1,"net":2,"currency":"eur","type":"charge",'
        b'"reporting_category":"charge","available_on":1,"exchange_rate":1.1234567891}'
    )

    async def answer(_request: web.Request) -> web.Response:
        body = b'{"object":"list","has_more":false,"data":[' + line + b"]}"
        return web.Response(body=body, content_type="application/json")

    async with answering(answer) as url, client(url) as gateway:
        page = await gateway.list_page(BALANCE_TRANSACTIONS)
    assert str(page.items[0].exchange_rate) == "1.1234567891"


async def test_server_time_had_come_before_the_request() -> None:
    async with (
        serve(small_shop(), keys=[KEY], faults=Faults(latency_ms=1_100)) as stripe_api,
        client(stripe_api.url) as gateway,
    ):
        before = time.time()
        page = await gateway.list_page(CHARGES, limit=1)
    assert before - 3 < page.server_time <= before


async def test_server_time_is_by_stripes_clock(sandbox: SandboxStripe) -> None:
    async with client(sandbox.url) as gateway:
        page = await gateway.list_page(CHARGES, limit=1)
    assert NOW - 3 < page.server_time <= NOW


async def test_account_tells_its_place_and_time(sandbox: SandboxStripe) -> None:
    async with client(sandbox.url) as gateway:
        account = await gateway.account()
    shop = sandbox.api.ledger.shop
    assert (account.id, account.business_name) == (shop.account_id, shop.name)
    assert (account.time_zone, account.country) == ("America/New_York", "US")
    assert account.default_currency == "usd"
    assert account.created == datetime.fromtimestamp(OPENED, UTC)
    assert (account.livemode, account.charges_enabled, account.payouts_enabled) == (
        False,
        True,
        True,
    )


@pytest.mark.parametrize("what", ["account", "list"])
async def test_refused_key_is_told_without_the_key(sandbox: SandboxStripe, what: str) -> None:
    async with client(sandbox.url, "rk_test_unknown_to_stripe") as gateway:
        with pytest.raises(StripeKeyError) as caught:
            await (gateway.account() if what == "account" else gateway.list_page(CHARGES))
    assert "unknown_to_stripe" not in f"{caught.value!r} {caught.value.hint}"
    assert sum(sandbox.api.statuses.values()) == 1


@pytest.mark.parametrize(
    ("what", "missing"),
    [("account", "rak_accounts_kyc_basic_read"), ("list", "rak_dispute_read")],
)
async def test_missing_permission_is_named(what: str, missing: str) -> None:
    async with (
        serve(small_shop(), keys={KEY: ["rak_charge_read"]}) as stripe_api,
        client(stripe_api.url) as gateway,
    ):
        with pytest.raises(StripePermissionError) as caught:
            await (gateway.account() if what == "account" else gateway.list_page(DISPUTES))
        assert caught.value.hint is not None
        assert missing in caught.value.hint
        assert KEY not in f"{caught.value!r}"
        assert stripe_api.api.statuses == {403: 1}


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        (Faults(rate_limited_every=2), 429),
        (Faults(failed_every=2), 500),
        (Faults(truncated_every=2), 200),
    ],
)
async def test_passing_trouble_loses_and_doubles_nothing(faults: Faults, status: int) -> None:
    async with (
        serve(small_shop(), keys=[KEY], faults=faults) as stripe_api,
        client(stripe_api.url) as gateway,
    ):
        charges = await all_charges(gateway, limit=4)
        await gateway.account()
        assert stripe_api.api.statuses[status] > 3
    wanted = [fact.id for fact in reversed(stripe_api.api.ledger.charges.facts)]
    assert [charge.id for charge in charges] == wanted


@pytest.mark.parametrize("what", ["account", "list"])
async def test_lasting_trouble_ends_after_the_agreed_attempts(what: str) -> None:
    faults = Faults(failed_every=1)
    async with (
        serve(small_shop(), keys=[KEY], faults=faults) as stripe_api,
        client(stripe_api.url) as gateway,
    ):
        with pytest.raises(StripeError, match="answered 500"):
            await (gateway.account() if what == "account" else gateway.list_page(CHARGES))
        assert stripe_api.api.statuses == {500: QUICK.attempts}


@pytest.mark.parametrize("what", ["account", "list"])
async def test_unreachable_stripe_is_told(unused_tcp_port: int, what: str) -> None:
    async with client(f"http://127.0.0.1:{unused_tcp_port}") as gateway:
        with pytest.raises(StripeError, match="connection to Stripe failed"):
            await (gateway.account() if what == "account" else gateway.list_page(CHARGES))


async def test_slow_answer_counts_as_a_failed_connection() -> None:
    faults = Faults(latency_ms=20_000)
    async with (
        serve(small_shop(), keys=[KEY], faults=faults) as stripe_api,
        client(stripe_api.url, timeout_seconds=0.5) as gateway,
    ):
        with pytest.raises(StripeError, match="connection to Stripe failed"):
            await gateway.list_page(CHARGES)
        assert stripe_api.api.traffic["/v1/charges"] == QUICK.attempts


async def test_refused_request_is_not_repeated(sandbox: SandboxStripe) -> None:
    async with client(sandbox.url) as gateway:
        with pytest.raises(StripeError, match="400, resource_missing"):
            await gateway.list_page(CHARGES, starting_after="ch_unknown")
    assert sandbox.api.traffic["/v1/charges"] == 1


@pytest.mark.parametrize(
    "body", [b"[]", b'{"data": 5, "has_more": false}', b'{"data": [{"id": "ch_1"}]}']
)
async def test_answer_of_another_form_is_told_without_its_content(body: bytes) -> None:
    requests = 0

    async def answer(_request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        return web.Response(body=body, content_type="application/json")

    async with answering(answer) as url, client(url) as gateway:
        with pytest.raises(StripeError, match="documented form") as caught:
            await gateway.list_page(CHARGES)
    assert requests == 1
    assert caught.value.__cause__ is None


async def test_body_that_was_cut_without_notice_is_fetched_again() -> None:
    bodies = [
        b'{"object":"list","data":[',
        b'{"object":"list","data":[],"has_more":false}',
        b'{"id":"acct_1",',
        b'{"id":"acct_1","object":"account","default_currency":"usd"}',
    ]

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=bodies.pop(0), content_type="application/json")

    async with answering(answer) as url, client(url) as gateway:
        page = await gateway.list_page(CHARGES)
        account = await gateway.account()
    assert (list(page.items), account.id, bodies) == ([], "acct_1", [])


@pytest.mark.parametrize(
    ("answer", "due"),
    [
        ({"requirements": {"currently_due": ["external_account", "tos_acceptance.date"]}}, 2),
        ({"requirements": {"currently_due": []}}, 0),
        ({"requirements": {"currently_due": None}}, None),
        ({"requirements": None}, None),
        ({}, None),
    ],
)
def test_account_keeps_how_many_requirements_are_due_and_not_which(
    answer: dict[str, Any], due: int | None
) -> None:
    account = account_of({"id": "acct_1", "default_currency": "usd"} | answer, livemode=False)
    assert account.requirements_due == due
    assert "external_account" not in repr(account)


async def test_account_without_a_currency_is_told() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"id": "acct_1", "object": "account"})

    async with answering(answer) as url, client(url) as gateway:
        with pytest.raises(StripeError, match="documented form"):
            await gateway.account()


async def test_answer_without_a_clock_is_refused() -> None:
    async def answer(_request: web.Request) -> web.Response:
        body = b'{"object":"list","data":[],"has_more":false}'
        return web.Response(body=body, headers={"Date": "soon"})

    async with answering(answer) as url, client(url) as gateway:
        with pytest.raises(StripeError, match="documented form"):
            await gateway.list_page(CHARGES)


async def test_every_request_names_the_pinned_version() -> None:
    versions: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        versions.append(request.headers.get("Stripe-Version"))
        return web.json_response({"error": {"message": "no"}}, status=400)

    async with answering(answer) as url, client(url) as gateway:
        for ask in (gateway.account(), gateway.list_page(CHARGES)):
            with pytest.raises(StripeError):
                await ask
    assert versions == [stripe.api_version, stripe.api_version]
    assert stripe.api_version == API_VERSION


def test_live_key_never_travels_unencrypted() -> None:
    with pytest.raises(ConfigurationError, match="https"):
        client("http://127.0.0.1:1", "rk_live_1234567890")


async def test_client_must_be_opened_first() -> None:
    with pytest.raises(ConfigurationError, match="async with"):
        await client("http://127.0.0.1:1").list_page(CHARGES)
