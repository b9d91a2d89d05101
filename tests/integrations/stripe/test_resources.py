"""What is decoded of each object: the allow-list, out of everything that Stripe documents."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import stripe

from integrations.stripe.resources import (
    BALANCE_TRANSACTIONS,
    CHARGES,
    CUSTOMERS,
    DISPUTES,
    EARLY_FRAUD_WARNINGS,
    EVENTS,
    INVOICES,
    PAYMENT_INTENTS,
    PAYOUTS,
    PERMISSIONS,
    PRICES,
    PRODUCTS,
    REFUNDS,
    REQUIRED,
    RESOURCES,
    SUBSCRIPTIONS,
    Coupon,
    Invoice,
    Price,
    Resource,
    Subscription,
)
from tests.integrations.stripe.documented import document, texts

CARD = "payment_method_details.card"
PRICE = "billing_scheme currency id product recurring.interval recurring.usage_type tiers_mode type"
KINDS: dict[Resource[Any], type[stripe.StripeObject]] = {
    BALANCE_TRANSACTIONS: stripe.BalanceTransaction,
    CHARGES: stripe.Charge,
    REFUNDS: stripe.Refund,
    DISPUTES: stripe.Dispute,
    CUSTOMERS: stripe.Customer,
    PAYMENT_INTENTS: stripe.PaymentIntent,
    EARLY_FRAUD_WARNINGS: stripe.radar.EarlyFraudWarning,
    PAYOUTS: stripe.Payout,
    PRODUCTS: stripe.Product,
    PRICES: stripe.Price,
    SUBSCRIPTIONS: stripe.Subscription,
    INVOICES: stripe.Invoice,
}
KEPT: dict[Resource[Any], str] = {
    BALANCE_TRANSACTIONS: "currency id reporting_category source status type",
    CHARGES: f"""
        balance_transaction currency customer failure_code id outcome.reason outcome.risk_level
        outcome.type payment_intent payment_method_details.type {CARD}.brand {CARD}.country
        {CARD}.funding {CARD}.network status
    """,
    REFUNDS: """
        balance_transaction charge currency failure_reason id payment_intent reason status
    """,
    DISPUTES: f"""
        charge currency id payment_intent {CARD}.case_type {CARD}.network_reason_code reason status
    """,
    CUSTOMERS: "currency id",
    PAYMENT_INTENTS: """
        cancellation_reason currency customer id last_payment_error.code
        last_payment_error.decline_code latest_charge status
    """,
    EARLY_FRAUD_WARNINGS: "charge fraud_type id payment_intent",
    PAYOUTS: "balance_transaction currency failure_code id method status",
    PRODUCTS: "default_price id",
    PRICES: PRICE,
    SUBSCRIPTIONS: f"""
        collection_method currency customer discounts.source.coupon.currency
        discounts.source.coupon.duration discounts.subscription_item id items.data.discounts
        items.data.id pause_collection.behavior status
        {" ".join(f"items.data.price.{name}" for name in PRICE.split())}
    """,
    INVOICES: """
        billing_reason collection_method currency customer id lines.data.currency lines.data.id
        lines.data.parent.invoice_item_details.subscription
        lines.data.parent.subscription_item_details.subscription
        lines.data.parent.subscription_item_details.subscription_item
        lines.data.pricing.price_details.price lines.data.pricing.price_details.product
        parent.subscription_details.subscription status
    """,
}
# An invoice item knows its subscription, but no item of it.
UNKNOWN = {INVOICES: [".lines.data.parent.invoice_item_details.subscription_item"]}
IN_FULL = {PRICES: ["tiers"], SUBSCRIPTIONS: ["discounts", "discounts.source.coupon"]}
# These kinds of object may come in an event's payload, with everything about a person.
PERSONAL = [stripe.Charge, stripe.Customer, stripe.Dispute, stripe.Invoice, stripe.PaymentIntent]


def decoded(resource: Resource[Any], document: dict[str, Any]) -> Any:
    return msgspec.json.decode(json.dumps(document), type=resource.item)


def empty_fields(value: object, place: str = "") -> list[str]:
    if isinstance(value, dict):
        return [
            hit for name, part in value.items() for hit in empty_fields(part, f"{place}.{name}")
        ]
    if isinstance(value, list):
        return [hit for part in value for hit in empty_fields(part, place)] if value else [place]
    return [place] if value is None else []


def everything(resource: Resource[Any]) -> dict[str, Any]:
    return document(KINDS[resource], expand=IN_FULL.get(resource, ()))


@pytest.mark.parametrize("resource", KEPT, ids=lambda resource: resource.name)
def test_exactly_the_kept_texts_are_decoded(resource: Resource[Any]) -> None:
    found = texts(msgspec.to_builtins(decoded(resource, everything(resource))))
    assert found == set(KEPT[resource].split())


@pytest.mark.parametrize("resource", KEPT, ids=lambda resource: resource.name)
def test_every_field_has_the_name_that_stripe_gives_it(resource: Resource[Any]) -> None:
    empty = empty_fields(msgspec.to_builtins(decoded(resource, everything(resource))))
    assert empty == UNKNOWN.get(resource, [])


@pytest.mark.parametrize(
    ("resource", "personal"),
    [
        (CHARGES, "billing_details.email receipt_url metadata.note shipping.address.line1"),
        (CUSTOMERS, "email name phone address.line1 metadata.note"),
        (DISPUTES, "evidence.customer_name evidence.customer_purchase_ip"),
        (INVOICES, "customer_email customer_name hosted_invoice_url lines.data.description"),
        (PAYMENT_INTENTS, "client_secret last_payment_error.payment_method.billing_details.email"),
        (SUBSCRIPTIONS, "description cancellation_details.comment"),
    ],
    ids=lambda part: getattr(part, "name", ""),
)
def test_what_is_left_out_was_there(resource: Resource[Any], personal: str) -> None:
    assert set(personal.split()) <= texts(everything(resource))


@pytest.mark.parametrize("kind", PERSONAL)
def test_an_event_keeps_only_whom_it_is_about(kind: type[stripe.StripeObject]) -> None:
    event = document(stripe.Event) | {"data": {"object": document(kind)}}
    found = texts(msgspec.to_builtins(decoded(EVENTS, event)))
    assert found <= {"id", "charge", "account", "api_version"}
    assert "id" in found


def test_an_event_about_something_without_an_id_is_understood() -> None:
    event = document(stripe.Event) | {"data": {"object": {"object": "balance", "pending": []}}}
    assert decoded(EVENTS, event).data.object.object == "balance"


def test_every_list_is_covered() -> None:
    assert [*KEPT, EVENTS] == list(RESOURCES)
    assert list(KINDS) == list(KEPT)
    assert set(REQUIRED) == {CHARGES, REFUNDS, DISPUTES, BALANCE_TRANSACTIONS}


def test_every_list_needs_a_permission_that_is_asked_for() -> None:
    assert {resource.permission for resource in RESOURCES} < set(PERMISSIONS)
    assert len(set(PERMISSIONS)) == len(PERMISSIONS)


def test_expansions_go_no_deeper_than_stripe_allows() -> None:
    deepest = [f"data.{path}".count(".") + 1 for r in RESOURCES for path in r.expand]
    assert max(deepest) <= 4


def test_lists_are_found_where_stripe_has_them() -> None:
    assert EARLY_FRAUD_WARNINGS.path == "radar/early_fraud_warnings"
    assert {r.name for r in RESOURCES if r.path != r.name} == {"early_fraud_warnings"}


def subscription(**fields: Any) -> Subscription:
    whole = document(stripe.Subscription, expand=IN_FULL[SUBSCRIPTIONS]) | fields
    found: Subscription = decoded(SUBSCRIPTIONS, whole)
    return found


def invoice(**fields: Any) -> Invoice:
    found: Invoice = decoded(INVOICES, document(stripe.Invoice) | fields)
    return found


def test_a_discount_has_its_coupons_terms() -> None:
    [discount] = subscription().discounts
    assert isinstance(discount.coupon, Coupon)
    assert discount.coupon.percent_off == Decimal("12.5")


def test_a_discount_that_is_only_an_id_is_no_discount_yet() -> None:
    [item] = subscription().items.data
    assert (item.listed_discounts, item.discounts) == (["secret:items.data.discounts"], ())


def test_fractions_of_a_cent_are_exact() -> None:
    whole = document(stripe.Price) | {"unit_amount": None, "unit_amount_decimal": "0.0000012"}
    price: Price = decoded(PRICES, whole)
    assert price.unit_amount_decimal == Decimal("0.0000012")


def test_a_line_by_hand_has_no_price_and_no_subscription() -> None:
    line = document(stripe.InvoiceLineItem) | {"parent": None, "pricing": None}
    [found] = invoice(lines={"data": [line], "has_more": False}).lines.data
    assert found.price_details is None
    assert (found.origin.proration, found.origin.subscription_item) == (False, None)


def test_discounts_of_a_line_add_up() -> None:
    amounts = [{"amount": 250, "discount": "di_1"}, {"amount": 17, "discount": "di_2"}]
    line = document(stripe.InvoiceLineItem) | {"discount_amounts": amounts}
    [found] = invoice(lines={"data": [line], "has_more": False}).lines.data
    assert found.discount_amount == 267


def test_an_invoice_knows_its_subscription() -> None:
    assert invoice().subscription == "secret:parent.subscription_details.subscription"
    assert invoice(parent=None).subscription is None
    assert datetime.fromtimestamp(invoice().created, UTC).year == 2023
