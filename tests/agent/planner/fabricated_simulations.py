"""Fabricated answers of the tools that simulate, in the tools' contract."""

from __future__ import annotations

from typing import Any

AS_OF = "2026-11-22T10:00:00Z"

SIMULATION: dict[str, Any] = {
    "before": {
        "score": 61,
        "exact": "61.7",
        "tier": "funding_ready",
        "confidence": "0.82",
        "binding": None,
    },
    "after": {
        "score": 58,
        "exact": "58.2",
        "tier": "needs_work",
        "confidence": "0.82",
        "binding": {"kind": "cap", "component": "history", "limit": "58.2"},
    },
    "points": -3,
    "changed": [{"input": "refunds", "before": "1.0 % (n = 900)", "after": "3.0 % (n = 900)"}],
    "moved": {
        "total": "-3.5",
        "model": "0.0",
        "components": [
            {
                "component": "refunds",
                "label": "Refunds",
                "before": "1.0 %",
                "after": "3.0 %",
                "points_before": "7.0",
                "points_after": "6.1",
                "points": "-0.9",
            }
        ],
        "caps": [
            {
                "component": "history",
                "label": "History",
                "effect": "began",
                "limit_before": "100.0",
                "limit_after": "58.2",
                "points": "-2.6",
            }
        ],
    },
    "no_effect": None,
    "not_scored": [],
    "assumptions": [],
    "model_version": "readiness-1",
    "computed_at": "2026-11-22T10:05:00Z",
    "as_of": AS_OF,
}
_WAIT = {"months": 3, "on": "2027-02-01", "score": 62, "tier": "funding_ready"}
PATHS: dict[str, Any] = {
    "target": "funding_ready",
    "reached": False,
    "score": 51,
    "tier": "needs_work",
    "paths": [
        {
            "steps": [
                {
                    "component": "concentration",
                    "label": "Customer concentration",
                    "before": "60.00 %",
                    "after": "49.63 %",
                    "value_before": "0.60",
                    "value_after": "0.4963",
                    "bound": "at_most",
                    "effort": "0.16",
                }
            ],
            "effort": "0.16",
            "score": 60,
            "tier": "funding_ready",
        }
    ],
    "from_month": None,
    "wait": _WAIT,
    "payouts_first": False,
    "not_reachable": None,
    "effort_unit": "widths of the component's curve",
    "model_version": "readiness-1",
    "computed_at": "2026-11-22T10:05:00Z",
    "as_of": AS_OF,
}


def _then(score: int, tier: str, day: str) -> dict[str, Any]:
    return {
        "score": score,
        "tier": tier,
        "computed_at": f"{day}T10:05:00Z",
        "as_of": AS_OF,
        "model_version": "readiness-1",
    }


SCORE_CHANGE: dict[str, Any] = {
    "earlier": _then(61, "funding_ready", "2026-10-20"),
    "later": _then(58, "needs_work", "2026-11-22"),
    "points": -3,
    "moved": SIMULATION["moved"],
    "changed": SIMULATION["changed"],
    "model_changed": False,
    "judged_by": "readiness-1",
}


def _floor(text: str, status: str, **more: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("unit", "value", "floor", "gap", "reason"))
    return {"measure": "monthly_net_revenue", "text": text, "status": status, **empty, **more}


FLOORS: dict[str, Any] = {
    "funders": [
        {
            "funder": "Stripe Capital (US)",
            "status": "met",
            "criteria": [
                _floor("a month of 1,000 USD", "met", unit="usd", value="9000.00", floor="1000"),
                _floor("a steady record", "cannot_be_seen", reason="The funder weighs it."),
            ],
            "source": "docs.stripe.com/capital",
            "read_on": "2026-11-22",
            "second_hand": False,
        },
        {
            "funder": "Clearco",
            "status": "not_met",
            "criteria": [
                _floor(
                    "a month of 10,000 USD",
                    "not_met",
                    unit="usd",
                    value="9000.00",
                    floor="10000",
                    gap="1000.00",
                )
            ],
            "source": "clear.co/faq",
            "read_on": "2026-11-22",
            "second_hand": False,
        },
        {
            "funder": "Shopify Capital",
            "status": "cannot_be_seen",
            "criteria": [_floor("sales on Shopify", "cannot_be_seen", reason="Not in Stripe.")],
            "source": "help.shopify.com",
            "read_on": "2026-11-22",
            "second_hand": False,
        },
    ],
    "currency": "usd",
    "last_month": "2026-10",
    "as_of": AS_OF,
    "not_assessed": ["debt"],
}
