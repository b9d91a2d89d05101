from __future__ import annotations

import pytest

from sandbox.stripe.facts import instant
from tests.sandbox.stripe.conftest import Client

START = instant("2026-03-01T12:00:00Z")
NEWEST_FIRST = [f"ch_{n:02d}" for n in reversed(range(25))]


async def test_list_is_newest_first_and_ten_long_by_default(client: Client) -> None:
    answer = await client.get("/v1/charges")
    assert answer.ids == NEWEST_FIRST[:10]
    assert answer.json["object"] == "list"
    assert answer.json["url"] == "/v1/charges"
    assert answer.json["has_more"] is True


async def test_charges_of_one_second_keep_a_stable_order_across_pages(client: Client) -> None:
    first = await client.get("/v1/charges?limit=13")
    second = await client.get(f"/v1/charges?limit=12&starting_after={first.ids[-1]}")
    assert first.ids + second.ids == NEWEST_FIRST
    assert first.ids[-1] == "ch_12"


async def test_limit_of_100_returns_everything_and_says_so(client: Client) -> None:
    answer = await client.get("/v1/charges?limit=100")
    assert answer.ids == NEWEST_FIRST
    assert answer.json["has_more"] is False


@pytest.mark.parametrize("limit", ["0", "-1", "101", "ten", "1.5"])
async def test_limit_out_of_bounds_is_refused(client: Client, limit: str) -> None:
    answer = await client.get(f"/v1/charges?limit={limit}")
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert answer.error["code"] == "parameter_invalid_integer"
    assert answer.error["param"] == "limit"


async def test_starting_after_continues_with_the_next_older(client: Client) -> None:
    answer = await client.get("/v1/charges?limit=3&starting_after=ch_20")
    assert answer.ids == ["ch_19", "ch_18", "ch_17"]
    assert answer.json["has_more"] is True


async def test_starting_after_the_last_page_has_no_more(client: Client) -> None:
    answer = await client.get("/v1/charges?limit=3&starting_after=ch_03")
    assert answer.ids == ["ch_02", "ch_01", "ch_00"]
    assert answer.json["has_more"] is False


async def test_starting_after_the_oldest_is_an_empty_page(client: Client) -> None:
    answer = await client.get("/v1/charges?starting_after=ch_00")
    assert answer.ids == []
    assert answer.json["has_more"] is False


async def test_ending_before_returns_the_nearest_newer_ones_newest_first(client: Client) -> None:
    answer = await client.get("/v1/charges?limit=3&ending_before=ch_18")
    assert answer.ids == ["ch_21", "ch_20", "ch_19"]
    assert answer.json["has_more"] is True


async def test_ending_before_tells_when_nothing_newer_is_left(client: Client) -> None:
    answer = await client.get("/v1/charges?limit=3&ending_before=ch_21")
    assert answer.ids == ["ch_24", "ch_23", "ch_22"]
    assert answer.json["has_more"] is False


async def test_both_cursors_at_once_are_refused(client: Client) -> None:
    answer = await client.get("/v1/charges?starting_after=ch_20&ending_before=ch_10")
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert "both starting_after and ending_before" in answer.error["message"]


@pytest.mark.parametrize("cursor", ["starting_after", "ending_before"])
async def test_unknown_cursor_is_refused(client: Client, cursor: str) -> None:
    answer = await client.get(f"/v1/charges?{cursor}=ch_nowhere")
    assert answer.status == 400
    assert answer.error["code"] == "resource_missing"
    assert answer.error["param"] == cursor
    assert answer.error["message"] == "No such charge: 'ch_nowhere'"


async def test_cursor_of_another_kind_is_unknown(client: Client) -> None:
    answer = await client.get("/v1/refunds?starting_after=ch_01")
    assert answer.status == 400
    assert answer.error["message"] == "No such refund: 'ch_01'"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("created={at}", [12, 11, 10]),
        ("created[gt]={at}&created[lte]={later}", [14, 13]),
        ("created[gte]={at}&created[lt]={later}", [13, 12, 11, 10]),
        ("created[gte]={at}&created[lte]={at}", [12, 11, 10]),
        ("created[gt]={later}&created[lt]={at}", []),
        ("created[lt]={at}&limit=2", [9, 8]),
        ("created[lte]={at}&limit=4", [12, 11, 10, 9]),
    ],
)
async def test_created_bounds_are_whole_seconds(
    client: Client, query: str, expected: list[int]
) -> None:
    bounds = query.format(at=START + 600, later=START + 14 * 60)
    answer = await client.get(f"/v1/charges?{bounds}")
    assert answer.ids == [f"ch_{n:02d}" for n in expected]


async def test_has_more_counts_only_what_the_bounds_let_through(client: Client) -> None:
    answer = await client.get(f"/v1/charges?limit=3&created[gte]={START + 22 * 60}")
    assert answer.ids == ["ch_24", "ch_23", "ch_22"]
    assert answer.json["has_more"] is False


@pytest.mark.parametrize("second", ["1.5", "yesterday", "1e9"])
async def test_created_must_be_an_integer(client: Client, second: str) -> None:
    answer = await client.get(f"/v1/charges?created[gte]={second}")
    assert answer.status == 400
    assert answer.error["param"] == "created[gte]"
    assert answer.error["message"] == f"Invalid integer: {second}"


async def test_customer_filter_pages_within_the_customer(client: Client) -> None:
    first = await client.get("/v1/charges?customer=cus_1&limit=2")
    second = await client.get("/v1/charges?customer=cus_1&limit=2&starting_after=ch_21")
    assert first.ids == ["ch_23", "ch_21"]
    assert second.ids == ["ch_19", "ch_17"]


async def test_cursor_need_not_pass_the_filter(client: Client) -> None:
    answer = await client.get("/v1/charges?customer=cus_1&limit=2&starting_after=ch_20")
    assert answer.ids == ["ch_19", "ch_17"]


async def test_filters_and_bounds_combine(client: Client) -> None:
    query = f"customer=cus_0&payment_intent=pi_04&created[gte]={START}"
    assert (await client.get(f"/v1/charges?{query}")).ids == ["ch_04"]
    assert (await client.get(f"/v1/charges?{query}&created[lt]={START + 60}")).ids == []


async def test_unknown_customer_is_refused(client: Client) -> None:
    answer = await client.get("/v1/charges?customer=cus_nobody")
    assert answer.status == 400
    assert answer.error["message"] == "No such customer: 'cus_nobody'"
    assert answer.error["param"] == "customer"


async def test_refunds_and_disputes_are_found_by_their_charge(client: Client) -> None:
    assert (await client.get("/v1/refunds?charge=ch_03")).ids == ["re_2", "re_1"]
    assert (await client.get("/v1/refunds?payment_intent=pi_04")).ids == ["re_3"]
    assert (await client.get("/v1/disputes?charge=ch_05")).ids == ["du_1"]
    assert (await client.get("/v1/disputes?charge=ch_06")).ids == []


async def test_balance_transactions_are_filtered_by_type_source_and_currency(
    client: Client,
) -> None:
    assert (await client.get("/v1/balance_transactions?type=adjustment")).ids == ["txn_du1"]
    assert (await client.get("/v1/balance_transactions?source=re_2")).ids == ["txn_re2"]
    assert (await client.get("/v1/balance_transactions?currency=eur")).ids == []
    usd = await client.get("/v1/balance_transactions?currency=usd&limit=100")
    assert len(usd.ids) == 25 + 3 + 1


async def test_customers_are_found_by_email(client: Client) -> None:
    answer = await client.get("/v1/customers?email=customer-1@example.com")
    assert answer.ids == ["cus_1"]


@pytest.mark.parametrize("name", ["page", "created[after]", "expand", "status"])
async def test_unknown_parameter_is_refused(client: Client, name: str) -> None:
    answer = await client.get(f"/v1/charges?{name}=1")
    assert answer.status == 400
    assert answer.error["code"] == "parameter_unknown"
    assert answer.error["param"] == name
    assert answer.error["message"] == f"Received unknown parameter: {name}"


async def test_empty_parameter_is_refused(client: Client) -> None:
    answer = await client.get("/v1/charges?starting_after=")
    assert answer.status == 400
    assert answer.error["code"] == "parameter_invalid_empty"


@pytest.mark.parametrize("name", ["expand[]", "expand[0]"])
async def test_balance_transaction_is_expanded_in_lists(client: Client, name: str) -> None:
    answer = await client.get(f"/v1/charges?limit=1&{name}=data.balance_transaction")
    transaction = answer.json["data"][0]["balance_transaction"]
    alone = await client.get("/v1/balance_transactions/txn_ch24")
    assert transaction == alone.json


async def test_balance_transaction_is_expanded_in_a_retrieval(client: Client) -> None:
    answer = await client.get("/v1/charges/ch_07?expand[]=balance_transaction")
    assert answer.json["balance_transaction"]["source"] == "ch_07"


@pytest.mark.parametrize("path", ["balance_transaction", "data.metadata", "data"])
async def test_property_that_cannot_be_expanded_is_refused(client: Client, path: str) -> None:
    answer = await client.get(f"/v1/charges?expand[]={path}")
    assert answer.status == 400
    assert answer.error["message"] == f"This property cannot be expanded ({path})."


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1/charges/ch_no", "No such charge: 'ch_no'"),
        ("/v1/refunds/re_no", "No such refund: 're_no'"),
        ("/v1/disputes/du_no", "No such dispute: 'du_no'"),
        ("/v1/customers/cus_no", "No such customer: 'cus_no'"),
        ("/v1/balance_transactions/txn_no", "No such balance transaction: 'txn_no'"),
    ],
)
async def test_unknown_id_is_not_found(client: Client, path: str, message: str) -> None:
    answer = await client.get(path)
    assert answer.status == 404
    assert answer.error["code"] == "resource_missing"
    assert answer.error["message"] == message
    assert answer.error["param"] == "id"
