"""The lists of Stripe that a sync reads, and the allow-listed objects in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from integrations.stripe.billing import (
    Coupon,
    Discount,
    Invoice,
    InvoiceLine,
    Price,
    Product,
    Subscription,
    SubscriptionItem,
    Tier,
)
from integrations.stripe.events import Event, EventData, EventObject
from integrations.stripe.payments import (
    BalanceTransaction,
    Charge,
    Customer,
    Dispute,
    EarlyFraudWarning,
    PaymentIntent,
    PaymentMethodDetails,
    Payout,
    Refund,
    StripeObject,
)

__all__ = [
    "ACCOUNT_PERMISSION",
    "BALANCE_TRANSACTIONS",
    "CHARGES",
    "COUPON_PERMISSION",
    "CUSTOMERS",
    "DISPUTES",
    "EARLY_FRAUD_WARNINGS",
    "EVENTS",
    "INVOICES",
    "PAYMENT_INTENTS",
    "PAYOUTS",
    "PERMISSIONS",
    "PRICES",
    "PRODUCTS",
    "REFUNDS",
    "REQUIRED",
    "RESOURCES",
    "SUBSCRIPTIONS",
    "BalanceTransaction",
    "Charge",
    "Coupon",
    "Customer",
    "Discount",
    "Dispute",
    "EarlyFraudWarning",
    "Event",
    "EventData",
    "EventObject",
    "Invoice",
    "InvoiceLine",
    "PaymentIntent",
    "PaymentMethodDetails",
    "Payout",
    "Price",
    "Product",
    "Refund",
    "Resource",
    "StripeObject",
    "Subscription",
    "SubscriptionItem",
    "Tier",
]

T = TypeVar("T", bound=StripeObject)


@dataclass(frozen=True, slots=True)
class Resource(Generic[T]):
    """A list of Stripe: its name, what its items are and what a key needs to read it.

    `path` is the list's place under `/v1/`, its name unless told otherwise. `parameters` are sent
    with each request for the list. `expand` names fields that are delivered in full, seen from the
    object.
    """

    name: str
    item: type[T]
    permission: str
    path: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)
    expand: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take the name as the path if there is no other."""
        if not self.path:
            object.__setattr__(self, "path", self.name)


# The permissions' names are those of docs.stripe.com/stripe-apps/reference/permissions with
# `rak_` before them. Prices go by their old name, plans; refunds and early fraud warnings have no
# permission of their own.
BALANCE_TRANSACTIONS = Resource(
    "balance_transactions", BalanceTransaction, "rak_balance_transaction_source_read"
)
CHARGES = Resource("charges", Charge, "rak_charge_read")
REFUNDS = Resource("refunds", Refund, "rak_charge_read")
DISPUTES = Resource("disputes", Dispute, "rak_dispute_read")
CUSTOMERS = Resource("customers", Customer, "rak_customer_read")
PAYMENT_INTENTS = Resource("payment_intents", PaymentIntent, "rak_payment_intent_read")
EARLY_FRAUD_WARNINGS = Resource(
    "early_fraud_warnings",
    EarlyFraudWarning,
    "rak_charge_read",
    path="radar/early_fraud_warnings",
)
PAYOUTS = Resource("payouts", Payout, "rak_payout_read")
PRODUCTS = Resource("products", Product, "rak_product_read")
PRICES = Resource("prices", Price, "rak_plan_read", expand=("tiers",))
SUBSCRIPTIONS = Resource(
    "subscriptions",
    Subscription,
    "rak_subscription_read",
    parameters={"status": "all"},
    expand=("discounts.source.coupon",),
)
INVOICES = Resource("invoices", Invoice, "rak_invoice_read")
EVENTS = Resource("events", Event, "rak_event_read")

RESOURCES: tuple[Resource[Any], ...] = (
    BALANCE_TRANSACTIONS,
    CHARGES,
    REFUNDS,
    DISPUTES,
    CUSTOMERS,
    PAYMENT_INTENTS,
    EARLY_FRAUD_WARNINGS,
    PAYOUTS,
    PRODUCTS,
    PRICES,
    SUBSCRIPTIONS,
    INVOICES,
    EVENTS,
)
# Without these there is no ledger, and a score without refunds and disputes would be a guess; any
# other list may be missing.
REQUIRED: tuple[Resource[Any], ...] = (CHARGES, REFUNDS, DISPUTES, BALANCE_TRANSACTIONS)
ACCOUNT_PERMISSION = "rak_accounts_kyc_basic_read"
# Expanding a discount's coupon reads the coupon.
COUPON_PERMISSION = "rak_coupon_read"
PERMISSIONS = (
    ACCOUNT_PERMISSION,
    *dict.fromkeys(resource.permission for resource in RESOURCES),
    COUPON_PERMISSION,
)
