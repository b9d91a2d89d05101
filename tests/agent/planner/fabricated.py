"""Fabricated tool answers in the tools' contract, and a loop that plays the graph's part."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from agent.planner import PlannerChatModel
from domain.errors import InvalidInputError
from domain.metric_definitions import METRICS, MetricName, TotalRule, Unit
from domain.periods import Month, month_range
from services import arithmetic
from tests.agent.planner.fabricated_simulations import (
    AS_OF,
    FLOORS,
    PATHS,
    SCORE_CHANGE,
    SIMULATION,
)

TODAY = date(2026, 11, 22)
READ_TOOLS = (
    "query_snapshots",
    "compare_periods",
    "get_readiness",
    "explain_readiness",
    "simulate_readiness",
    "find_readiness_paths",
    "explain_score_change",
    "check_funder_floors",
    "list_recommendations",
    "get_sync_status",
    "get_business_profile",
    "calculate",
)
WRITE_TOOLS = (
    "recompute_readiness",
    "create_recommendation",
    "update_recommendation",
    "trigger_stripe_sync",
)
CONTEXT = """You are the assistant of a shop.

today: {today}
time_zone: America/New_York
business: CD shop
currency: usd
data_as_of: 2026-11-22T10:00:00Z
role: {role}
"""


def system(role: str = "owner", today: date = TODAY) -> SystemMessage:
    return SystemMessage(CONTEXT.format(today=today, role=role))


def tool_schema(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def planner(role: str = "owner") -> Any:
    names = READ_TOOLS if role == "viewer" else READ_TOOLS + WRITE_TOOLS
    return PlannerChatModel().bind_tools([tool_schema(name) for name in names])


def messages_of(*texts: str, role: str = "owner") -> list[BaseMessage]:
    """A conversation in which every message but the last was answered with a few words."""
    messages: list[BaseMessage] = [system(role)]
    for text in texts[:-1]:
        messages += [HumanMessage(text), AIMessage("Here you are.")]
    return [*messages, HumanMessage(texts[-1])]


def figure(
    metric: str,
    value: str | None,
    first: Month,
    last: Month,
    **more: Any,
) -> dict[str, Any]:
    """One figure of the contract."""
    definition = METRICS[MetricName(metric)]
    shown: dict[str, Any] = {
        "metric": metric,
        "label": definition.label,
        "value": value,
        "unit": definition.unit.value,
        "period_start": first.first_day.isoformat(),
        "period_end": last.last_day.isoformat(),
        "month_to_date": last.plus(0) == Month.of(TODAY),
        "as_of": AS_OF,
        "snapshot_ids": [],
    }
    if definition.unit is Unit.MONEY:
        shown["currency"] = "usd"
    if value is None:
        shown["missing_reason"] = "No snapshot was computed."
    return shown | more


def monthly_value(metric: str, month: Month) -> Decimal:
    """A value that differs by metric and month."""
    unit = METRICS[MetricName(metric)].unit
    if unit is Unit.RATIO:
        return Decimal(month.month) / 1000
    if unit is Unit.COUNT:
        return Decimal(100 * month.month + month.year % 100)
    return Decimal(1000 * month.month) + Decimal("0.55")


def snapshots(metrics: Sequence[str], start: str, end: str) -> dict[str, Any]:
    """What query_snapshots answers when every month is known."""
    first, last = Month.parse(start), Month.parse(end)
    months = [
        {
            "month": str(month),
            "month_to_date": month == Month.of(TODAY),
            "figures": [
                figure(metric, str(monthly_value(metric, month)), month, month)
                for metric in metrics
            ],
        }
        for month in month_range(first, last)
    ]
    return {
        "currency": "usd",
        "time_zone": "America/New_York",
        "as_of": AS_OF,
        "stale": False,
        "months": months,
        "totals": [_total(metric, first, last) for metric in metrics],
        "missing_months": [],
    }


def _total(metric: str, first: Month, last: Month) -> dict[str, Any]:
    rule = METRICS[MetricName(metric)].summable
    values = [monthly_value(metric, month) for month in month_range(first, last)]
    if rule is TotalRule.NONE and len(values) > 1:
        return figure(metric, None, first, last, missing_reason="It has no total.")
    return figure(metric, str(values[-1] if rule is TotalRule.LAST else sum(values)), first, last)


def comparison(args: Mapping[str, Any]) -> dict[str, Any]:
    """What compare_periods answers."""
    spans = [
        (Month.parse(args[f"{side}_start_month"]), Month.parse(args[f"{side}_end_month"]))
        for side in ("first", "second")
    ]
    first, second = (
        sum((monthly_value(args["metric"], m) for m in month_range(*span)), Decimal(0))
        for span in spans
    )
    return {
        "metric": args["metric"],
        "first": figure(args["metric"], str(first), *spans[0]),
        "second": figure(args["metric"], str(second), *spans[1]),
        "change": str(second - first),
        "change_ratio": str((second - first) / first) if first else None,
        "direction": "up" if second > first else "down",
        "as_of": AS_OF,
    }


READINESS: dict[str, Any] = {
    "score": 63,
    "tier": "funding_ready",
    "confidence": "0.82",
    "computed_at": "2026-11-22T10:05:00Z",
    "as_of": AS_OF,
    "model_version": "readiness-2",
    "binding": None,
    "not_assessed": ["debt", "bank_balance"],
    "strongest": [
        {
            "component": "disputes",
            "label": "Disputes",
            "points": "12.5",
            "weight": 13,
            "value": "0.001",
            "display": "0.1 %",
        }
    ],
    "weakest": [
        {
            "component": "growth",
            "label": "Growth",
            "points": "4.6",
            "weight": 13,
            "value": "-0.12",
            "display": "-12.0 %",
        }
    ],
}
EXPLANATION: dict[str, Any] = READINESS | {
    "score": 59,
    "tier": "needs_work",
    "binding": {"kind": "cap", "component": "growth", "limit": "59.0"},
    "components": [
        {
            "component": "disputes",
            "label": "Disputes",
            "weight": 13,
            "score": "0.96",
            "points": "12.5",
            "points_lost": "0.5",
            "value": "0.001",
            "display": "0.1 %",
            "window": "3 months to 2026-10",
            "n": "900",
            "source": "Stripe disputes",
            "reason": "Few payments are disputed.",
        },
        {
            "component": "growth",
            "label": "Growth",
            "weight": 13,
            "score": "0.35",
            "points": "4.6",
            "points_lost": "8.4",
            "value": "-0.12",
            "display": "-12.0 %",
            "window": "3 months to 2026-10",
            "n": "6",
            "source": "Stripe charges",
            "reason": "Revenue is below that of a year ago.",
        },
    ],
    "caps": [
        {
            "component": "growth",
            "label": "Growth",
            "limit": "59.0",
            "binds": True,
            "reason": "Lenders refuse a business that shrinks.",
        }
    ],
    "dropped": [
        {"component": "retention", "label": "Retention", "reason": "There are no subscriptions."}
    ],
    "tier_thresholds": {"needs_work": 40, "funding_ready": 60, "highly_attractive": 80},
    "next_tier": {"tier": "funding_ready", "points_needed": "3.2"},
}


def recommendation(number: int, title: str, **more: Any) -> dict[str, Any]:
    """One stored recommendation of the contract."""
    return {
        "id": f"0199a1b2-0000-7000-8000-{number:012d}",
        "title": title,
        "description": f"Details of number {number}.",
        "priority": "high",
        "category": "risk",
        "status": "pending",
        "estimated_impact": "+4 points",
        "created_at": AS_OF,
        "updated_at": AS_OF,
    } | more


THREE = (
    recommendation(1, "Bring the refund ratio down"),
    recommendation(2, "Answer disputes before they are due", priority="medium"),
    recommendation(3, "Offer annual plans", category="revenue", estimated_impact=None),
)
SYNC_STATUS: dict[str, Any] = {
    "connected": True,
    "state": "completed",
    "percent": None,
    "last_synced_at": AS_OF,
    "age_hours": "3.2",
    "stale": False,
    "counts": {"charges": 12345, "refunds": 67},
    "error": None,
}
PROFILE: dict[str, Any] = {
    "name": "CD shop",
    "legal_entity": "llc",
    "industry": "music",
    "founded_at": "2019-04-01",
    "currency": "usd",
    "time_zone": "America/New_York",
    "first_charge_at": "2025-02-11T08:00:00Z",
    "months_of_history": 21,
    "stripe_account_status": "active",
}


@dataclass
class Desk:
    """Answers tool calls; `replies` overrides a tool's answer, `calls` keeps what was called."""

    recommendations: Sequence[Mapping[str, Any]] = THREE
    replies: Mapping[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, name: str, args: dict[str, Any]) -> str:
        self.calls.append((name, args))
        if name in self.replies:
            reply = self.replies[name]
            return reply if isinstance(reply, str) else json.dumps(reply)
        try:
            return json.dumps(self._regular(name, args))
        except InvalidInputError as error:
            return f"Error: {error.message}"

    def _regular(self, name: str, args: dict[str, Any]) -> Any:
        made: dict[str, Any] = {
            "query_snapshots": lambda: snapshots(
                args["metrics"], args["start_month"], args["end_month"]
            ),
            "compare_periods": lambda: comparison(args),
            "list_recommendations": lambda: self._listed(args["status"]),
            "update_recommendation": lambda: self._updated(args),
            "create_recommendation": lambda: {
                "recommendation": recommendation(9, **args),
                "created": True,
            },
            "calculate": lambda: arithmetic.calculate(args["expression"]).model_dump(),
        }
        return made[name]() if name in made else _FIXED[name]

    def _listed(self, wanted: str) -> Any:
        found = [r for r in self.recommendations if wanted in ("all", r["status"])]
        return {"recommendations": found, "count": len(found)}

    def _updated(self, args: dict[str, Any]) -> Any:
        changes = {key: value for key, value in args.items() if key != "recommendation_id"}
        (old,) = [r for r in self.recommendations if r["id"] == args["recommendation_id"]]
        return {"recommendation": {**old, **changes}, "changed": sorted(changes)}


_FIXED: dict[str, Any] = {
    "get_readiness": READINESS,
    "explain_readiness": EXPLANATION,
    "simulate_readiness": SIMULATION,
    "find_readiness_paths": PATHS,
    "explain_score_change": SCORE_CHANGE,
    "check_funder_floors": FLOORS,
    "recompute_readiness": READINESS | {"previous_score": 58},
    "trigger_stripe_sync": {"sync_id": "s-1", "state": "queued", "already_running": False},
    "get_sync_status": SYNC_STATUS,
    "get_business_profile": PROFILE,
}


def play(model: Any, messages: list[BaseMessage], desk: Desk, *, most_steps: int = 6) -> str:
    """Let the model call tools until it answers; return the answer and keep the messages."""
    for _ in range(most_steps):
        reply = model.invoke(messages)
        messages.append(reply)
        if not reply.tool_calls:
            return str(reply.content)
        for call in reply.tool_calls:
            content = desk.answer(call["name"], call["args"])
            messages.append(ToolMessage(content, tool_call_id=call["id"], name=call["name"]))
    raise AssertionError(f"no answer after {most_steps} steps")


def ask(*texts: str, role: str = "owner", desk: Desk | None = None) -> str:
    """Return the answer to the last of the texts."""
    return play(planner(role), messages_of(*texts, role=role), desk or Desk())
