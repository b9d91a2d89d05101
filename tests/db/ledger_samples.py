"""One complete row of every kind of the ledger, and somebody to own it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from db.models import IntegrationAccount
from db.repositories.ledger import (
    BalanceTransactionRow,
    ChargeRow,
    CustomerRow,
    DisputeRow,
    EarlyFraudWarningRow,
    InvoiceLineRow,
    InvoiceRow,
    LedgerOwner,
    LedgerRow,
    PaymentIntentRow,
    PayoutRow,
    PriceRow,
    ProductRow,
    RefundRow,
    SubscriptionItemRow,
    SubscriptionRow,
    upsert,
)
from db.session import Database
from tests.factories import Shop

CREATED = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
LATER = CREATED + timedelta(days=30)
DISCOUNT = {"percent_off": 12.5, "amount_off": None, "duration": "repeating"}

SAMPLES: tuple[LedgerRow, ...] = (
    ChargeRow(
        stripe_id="ch_1",
        created_at=CREATED,
        source_version=7,
        amount=12_345,
        amount_captured=12_000,
        amount_refunded=1_000,
        currency="usd",
        status="succeeded",
        disputed=True,
        customer_id="cus_1",
        balance_transaction_id="txn_1",
        failure_code=None,
        payment_method_type="card",
        card_brand="visa",
        payment_intent_id="pi_1",
        outcome_type="authorized",
        outcome_reason="elevated_risk_level",
        risk_level="elevated",
        card_funding="credit",
        card_country="US",
        card_network="cartes_bancaires",
    ),
    RefundRow(
        stripe_id="re_1",
        created_at=CREATED,
        source_version=7,
        amount=500,
        currency="usd",
        status="failed",
        reason="requested_by_customer",
        charge_id="ch_1",
        balance_transaction_id="txn_2",
        payment_intent_id="pi_1",
        failure_reason="expired_or_canceled_card",
    ),
    DisputeRow(
        stripe_id="dp_1",
        created_at=CREATED,
        source_version=7,
        amount=12_345,
        currency="usd",
        status="warning_needs_response",
        reason="fraudulent",
        charge_id="ch_1",
        evidence_due_by=LATER,
        payment_intent_id="pi_1",
        case_type="chargeback",
        network_reason_code="10.4",
        has_evidence=False,
        submission_count=2,
    ),
    BalanceTransactionRow(
        stripe_id="txn_1",
        created_at=CREATED,
        source_version=1_780_000_000,
        amount=-9_000_000_000,
        fee=1_500,
        net=-9_000_001_500,
        currency="eur",
        type="adjustment",
        reporting_category="dispute",
        exchange_rate=Decimal("1.1234567891"),
        source_id=None,
        available_on=LATER,
        status="pending",
    ),
    CustomerRow(stripe_id="cus_1", created_at=CREATED, source_version=7, currency="usd"),
    PaymentIntentRow(
        stripe_id="pi_1",
        created_at=CREATED,
        source_version=7,
        amount=12_345,
        amount_received=0,
        currency="usd",
        status="requires_payment_method",
        customer_id="cus_1",
        latest_charge_id="ch_1",
        cancellation_reason="requested_by_customer",
        error_code="card_declined",
        decline_code="insufficient_funds",
    ),
    EarlyFraudWarningRow(
        stripe_id="issfr_1",
        created_at=CREATED,
        source_version=7,
        charge_id="ch_1",
        payment_intent_id="pi_1",
        fraud_type="made_with_stolen_card",
        actionable=True,
    ),
    PayoutRow(
        stripe_id="po_1",
        created_at=CREATED,
        source_version=7,
        amount=11_000,
        currency="usd",
        status="paid",
        arrival_at=LATER,
        automatic=True,
        method="standard",
        failure_code="account_closed",
        balance_transaction_id="txn_3",
    ),
    ProductRow(
        stripe_id="prod_1",
        created_at=CREATED,
        source_version=7,
        active=True,
        default_price_id="price_1",
    ),
    PriceRow(
        stripe_id="price_1",
        created_at=CREATED,
        source_version=7,
        product_id="prod_1",
        active=True,
        currency="usd",
        unit_amount=None,
        unit_amount_decimal=Decimal("999999999999.123456789012"),
        type="recurring",
        billing_scheme="tiered",
        interval="month",
        interval_count=3,
        usage_type="licensed",
        tiers_mode="graduated",
        tiers=[
            {"up_to": 10, "flat_amount": 500, "unit_amount_decimal": "0.05"},
            {"up_to": None, "flat_amount": None, "unit_amount_decimal": "0.04"},
        ],
    ),
    SubscriptionRow(
        stripe_id="sub_1",
        created_at=CREATED,
        source_version=7,
        customer_id="cus_1",
        status="incomplete_expired",
        currency="usd",
        started_at=CREATED,
        trial_start=CREATED,
        trial_end=LATER,
        cancel_at=LATER,
        canceled_at=CREATED,
        cancel_at_period_end=True,
        ended_at=LATER,
        pause_behavior="mark_uncollectible",
        collection_method="charge_automatically",
        discounts=[DISCOUNT, {"text": '{"a,b"}\\\' NULL'}],
    ),
    SubscriptionItemRow(
        stripe_id="si_1",
        created_at=CREATED,
        source_version=7,
        subscription_id="sub_1",
        price_id="price_1",
        quantity=3,
        period_start=CREATED,
        period_end=LATER,
        discounts=[],
    ),
    InvoiceRow(
        stripe_id="in_1",
        created_at=CREATED,
        source_version=7,
        customer_id="cus_1",
        subscription_id="sub_1",
        status="uncollectible",
        currency="usd",
        amount_due=1_000,
        amount_paid=400,
        amount_remaining=600,
        subtotal=900,
        total=1_000,
        total_excluding_tax=950,
        billing_reason="automatic_pending_invoice_item_invoice",
        period_start=CREATED,
        period_end=LATER,
        finalized_at=CREATED,
        paid_at=LATER,
        voided_at=LATER,
        marked_uncollectible_at=LATER,
        attempt_count=2,
        collection_method="send_invoice",
    ),
    InvoiceLineRow(
        stripe_id="il_1",
        created_at=CREATED,
        source_version=7,
        invoice_id="in_1",
        amount=-1_000,
        currency="usd",
        quantity=2,
        period_start=CREATED,
        period_end=LATER,
        price_id="price_1",
        product_id="prod_1",
        subscription_id="sub_1",
        subscription_item_id="si_1",
        proration=True,
        discount_amount=100,
    ),
)
BY_KIND = {type(row): row for row in SAMPLES}


def charge(stripe_id: str, version: int, status: str = "succeeded") -> ChargeRow:
    """Return a charge."""
    sample = BY_KIND[ChargeRow]
    assert isinstance(sample, ChargeRow)
    return sample._replace(stripe_id=stripe_id, source_version=version, status=status)


def refund(stripe_id: str, version: int = 100, status: str = "pending") -> RefundRow:
    """Return a refund."""
    sample = BY_KIND[RefundRow]
    assert isinstance(sample, RefundRow)
    return sample._replace(stripe_id=stripe_id, source_version=version, status=status)


def invoice(stripe_id: str, version: int, status: str = "open") -> InvoiceRow:
    """Return an invoice."""
    sample = BY_KIND[InvoiceRow]
    assert isinstance(sample, InvoiceRow)
    return sample._replace(stripe_id=stripe_id, source_version=version, status=status)


def line(stripe_id: str, parent: InvoiceRow, amount: int = 100) -> InvoiceLineRow:
    """Return a line of an invoice."""
    sample = BY_KIND[InvoiceLineRow]
    assert isinstance(sample, InvoiceLineRow)
    return sample._replace(
        stripe_id=stripe_id,
        invoice_id=parent.stripe_id,
        source_version=parent.source_version,
        amount=amount,
    )


async def owner_of(database: Database, shop: Shop, *, account: str = "acct_1") -> LedgerOwner:
    """Connect a Stripe account to the business."""
    row = IntegrationAccount(
        business_id=shop.business_id,
        provider="stripe",
        external_id=account,
        account_metadata={"livemode": False},
        access_token_encrypted="v1.none",
    )
    async with database.unit_of_work() as session:
        session.add(row)
        await session.flush()
        await session.refresh(row)
    return LedgerOwner(shop.business_id, row.id)


async def write(database: Database, owner: LedgerOwner, *rows: LedgerRow) -> None:
    """Write rows in one transaction."""
    async with database.unit_of_work() as session:
        await upsert(session, owner, rows)
