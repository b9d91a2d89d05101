"""Stripe's objects of people and firms as JSON: the account and its customers."""

from __future__ import annotations

from sandbox.stripe import people
from sandbox.stripe.facts import CustomerFact, Shop, reached
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.render import Json


def account(shop: Shop) -> Json:
    """Return the account, verified and with nothing due."""
    clear: Json = {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": [],
        "disabled_reason": None,
        "errors": [],
        "eventually_due": [],
        "past_due": [],
        "pending_verification": [],
    }
    return {
        "id": shop.account_id,
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "estimated_worker_count": None,
            "mcc": "5999",
            "name": shop.name,
            "product_description": "Goods sold online",
            "support_address": None,
            "support_email": "support@example.com",
            "support_phone": "+15555550100",
            "support_url": None,
            "url": "https://shop.example.com",
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": shop.country,
        "created": shop.created,
        "default_currency": shop.currency,
        "details_submitted": True,
        "email": "owner@example.com",
        "future_requirements": clear,
        "metadata": {},
        "payouts_enabled": True,
        "requirements": clear,
        "settings": {
            "branding": {"icon": None, "logo": None, "primary_color": None},
            "card_payments": {"statement_descriptor_prefix": None},
            "dashboard": {"display_name": shop.name, "timezone": shop.timezone},
            "payments": {"statement_descriptor": shop.name.upper()},
            "payouts": {
                "debit_negative_balances": True,
                "schedule": {
                    "delay_days": shop.settlement_days,
                    "interval": "daily" if shop.pays_out_daily else "manual",
                },
                "statement_descriptor": None,
            },
        },
        "tos_acceptance": {"date": shop.created, "ip": "203.0.113.1", "user_agent": None},
        "type": "standard",
    }


def customer(ledger: Ledger, fact: CustomerFact, as_of: int) -> Json:
    """Return the customer, all of it invented; of a deleted one Stripe tells only that."""
    if reached(fact.deleted_at, fact.ms, as_of):
        return {"id": fact.id, "object": "customer", "deleted": True}
    number = people.number_of(fact.id)
    updated = reached(fact.updated_at, fact.ms, as_of)
    return {
        "id": fact.id,
        "object": "customer",
        "address": people.address_of(fact.id),
        "balance": 0,
        "created": fact.created,
        "currency": ledger.shop.currency,
        "default_source": None,
        "delinquent": False,
        "description": f"{people.name_of(fact.id)}{', moved' if updated else ''}",
        "discount": None,
        "email": people.email_of(fact.id),
        "invoice_prefix": f"{number % 0xFFFFFFFF:08X}",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": ledger.shop.livemode,
        "metadata": {"crm": f"SBX-CRM-{number}"},
        "name": people.name_of(fact.id),
        "next_invoice_sequence": 1,
        "phone": people.phone_of(fact.id),
        "preferred_locales": ["en-US"],
        "shipping": people.shipping_of(fact.id),
        "tax_exempt": "none",
        "test_clock": None,
    }
