"""Syncs, the business, arithmetic and meanings, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from agent.planner.figures import day_words, inert, moment_words, number, title_of
from agent.planner.results import BusinessProfile, CalculationResult, StartedSync, SyncStatus
from agent.planner.section import Section
from agent.planner.wording import one_line
from domain.metric_definitions import METRICS, MetricName


def render_started_sync(sync: StartedSync) -> Section:
    """Say that a sync was started, or that one was running before."""
    if sync.already_running:
        return Section(
            f"A Stripe sync is {title_of(sync.state)} already, so I started no other. "
            "Ask “how is the sync?” to follow it."
        )
    return Section(
        f"I started a Stripe sync; it is {title_of(sync.state)}. Figures follow when it is done: "
        "ask “is the sync done?”."
    )


def render_sync_status(status: SyncStatus) -> Section:
    """Say how the connection, the last sync and the data stand."""
    lines = ["Stripe is connected." if status.connected else "Stripe is **not connected**."]
    lines.append(_last_sync(status))
    if status.state in {"queued", "running"}:
        share = f", {number(status.percent)} % done" if status.percent is not None else ""
        lines.append(f"A sync is {title_of(status.state)}{share}.")
    if status.state == "failed":
        reason = inert(status.error or "no reason is known").rstrip(".")
        lines.append(f"The last sync **failed**: {reason}.")
    if status.stale:
        lines.append("The data is **stale**: say “sync Stripe” for newer figures.")
    text = " ".join(lines)
    counts = [f"{number_of} {title_of(kind)}" for kind, number_of in _counted(status)]
    return Section(f"{text}\n\nStored: {', '.join(counts)}." if counts else text)


def _last_sync(status: SyncStatus) -> str:
    if status.last_synced_at is None:
        return "Nothing has been synced yet."
    age = f" ({number(status.age_hours)} hours ago)" if status.age_hours is not None else ""
    return f"**Last synced on {moment_words(status.last_synced_at)}**{age}."


def _counted(status: SyncStatus) -> list[tuple[str, str]]:
    return [(kind, f"{count:,}") for kind, count in status.counts.items()]


def render_profile(profile: BusinessProfile) -> Section:
    """List what is known about the business; what is unknown is said to be."""
    currency = profile.currency.upper() if profile.currency else None
    months = profile.months_of_history
    facts: list[tuple[str, str | None]] = [
        ("Legal entity", profile.legal_entity),
        ("Industry", profile.industry),
        ("Founded", _day(profile.founded_at)),
        ("Currency", currency),
        ("Time zone", profile.time_zone),
        ("First charge in Stripe", _day(profile.first_charge_at)),
        ("History", None if months is None else f"{months:,} months"),
        ("Stripe account", profile.stripe_account_status),
    ]
    known = [f"- {name}: {inert(value)}" for name, value in facts if value]
    unknown = [name.lower() for name, value in facts if not value]
    parts = [f"**{inert(profile.name or 'Your business')}**"]
    if known:
        parts.append("\n".join(known))
    if unknown:
        parts.append(f"Not known: {', '.join(unknown)}.")
    return Section("\n\n".join(parts))


def _day(day: date | None) -> str | None:
    return day_words(day) if day else None


def render_calculation(result: CalculationResult) -> Section:
    """Say what the expression comes to."""
    expression = one_line(result.expression).replace("`", "")
    return Section(f"`{expression}` = **{number(result.result)}**")


def render_definition(metrics: Sequence[MetricName]) -> Section:
    """Say what the metrics mean and where they come from."""
    lines = [
        f"**{METRICS[name].label}**: {METRICS[name].definition} Source: {METRICS[name].source}."
        for name in metrics
    ]
    return Section("\n\n".join(lines))
