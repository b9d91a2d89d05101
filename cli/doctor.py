"""doctor: what is set up and what is not, and how the connections to Stripe are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.findings import Finding
from config.settings import Settings, load_settings
from domain.dollars import in_words
from domain.errors import VaultraError

if TYPE_CHECKING:
    from services.stripe_health import Connection, StripeHealth

# ruff: noqa: PLC0415 - the database takes a while to import; `vaultra chat` must be quick.


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended of runs, and say what.")
    ] = False,
) -> None:
    """Check settings, database, Stripe and runs; exit with 1 if anything is (still) wrong."""
    settings = load_settings()
    checks: dict[str, Callable[[], Finding]] = {
        "secrets": lambda: _secrets(settings),
        "database": lambda: _database(settings),
        "model": lambda: _model(settings),
        "webhooks": lambda: _webhooks(settings),
    }
    findings = {name: _find(check) for name, check in checks.items()}
    if findings["database"].ok:
        findings |= asyncio.run(_look(settings, repair=repair))
    if as_json:
        told = {name: _as_json(finding) for name, finding in findings.items()}
        typer.echo(json.dumps(told, default=str))
    else:
        _print(findings)
    raise typer.Exit(0 if all(finding.ok for finding in findings.values()) else 1)


def _find(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except VaultraError as error:
        return Finding(f"{error.message} {error.hint or ''}".strip(), ok=False)


def _secrets(settings: Settings) -> Finding:
    return Finding(f"{len(settings.security.key_ring())} in the key ring")


def _database(settings: Settings) -> Finding:
    from cli.processes import check_database
    from db.startup import database_url

    asyncio.run(check_database(database_url(settings)))
    return Finding("reachable and migrated")


def _model(settings: Settings) -> Finding:
    if settings.model.api_key is None:
        return Finding("no OPENAI_API_KEY: the built-in planner answers")
    today = datetime.now(UTC).date()
    spending = settings.spending(today)
    price = spending.prices.find(settings.model.name, today)
    place = settings.model.base_url or "the default address"
    budget = spending.daily_budget
    parts = [
        f"{settings.model.name} at {place}",
        "its price is not known: state it in VAULTRA_MODEL_PRICES"
        if price is None
        else f"price {price.version}",
        "no daily budget (VAULTRA_DAILY_BUDGET_USD)"
        if budget is None
        else f"a budget of {in_words(budget)} a day for each business, "
        f"{spending.max_output_tokens} tokens an answer at most",
    ]
    return Finding("; ".join(parts))


def _webhooks(settings: Settings) -> Finding:
    count = len(settings.stripe.webhook_secrets())
    if count == 0:
        return Finding("no STRIPE_WEBHOOK_SECRET: changes are found by polling, within 17 minutes")
    return Finding(f"{count} in STRIPE_WEBHOOK_SECRET; /healthz counts what was refused")


async def _look(settings: Settings, *, repair: bool) -> dict[str, Finding]:
    from cli.run_findings import runs_finding
    from db.session import Database
    from db.startup import database_url
    from services.stripe_health import stripe_health

    database = Database(database_url(settings), pool_size=1)
    try:
        async with database.unit_of_work() as session:
            health = await stripe_health(session)
        runs = await runs_finding(database, repair=repair)
    finally:
        await database.dispose()
    return {"connections": _connections(health), "events": _events(health), "runs": runs}


def _connections(health: StripeHealth) -> Finding:
    if not health.connections:
        return Finding("no Stripe account is connected")
    return Finding(
        "\n".join(_connection(connection) for connection in health.connections),
        ok=not any(connection.refused for connection in health.connections),
        items=[
            {
                "business_id": connection.business_id,
                "account_id": connection.integration.account_id,
                "livemode": connection.integration.livemode,
                "auth": connection.integration.auth,
                "status": connection.integration.status,
                "missing_permissions": connection.integration.missing_permissions,
                "last_synced_at": connection.integration.last_synced_at,
            }
            for connection in health.connections
        ],
    )


def _connection(connection: Connection) -> str:
    integration = connection.integration
    mode = "live" if integration.livemode else "test"
    synced_at = integration.last_synced_at
    parts = [
        f"{integration.account_id} ({mode}, {integration.auth}): {integration.status}",
        f"synced {synced_at:%Y-%m-%d %H:%M} UTC" if synced_at else "never synced",
    ]
    if connection.refused:
        parts.append("Stripe refused its key: its owner has to connect it again")
    if integration.missing_permissions:
        parts.append(f"lacks {', '.join(integration.missing_permissions)}")
    return "; ".join(parts)


def _events(health: StripeHealth) -> Finding:
    from services.stripe_health import how_to_proceed

    lines = [f"{health.events.pending} waiting, {health.events.set_aside} set aside"]
    lines += [
        f"{event.event_type} {event.stripe_event_id} of {event.object_id}: {event.error_message} "
        f"{how_to_proceed(event)}"
        for event in health.set_aside
    ]
    return Finding(
        "\n".join(lines),
        ok=not health.set_aside,
        items=[
            {
                "business_id": event.business_id,
                "stripe_event_id": event.stripe_event_id,
                "event_type": event.event_type,
                "object_id": event.object_id,
                "attempts": event.attempts,
                "error_code": event.error_code,
                "error_message": event.error_message,
                "set_aside_at": event.set_aside_at,
                "how_to_proceed": how_to_proceed(event),
            }
            for event in health.set_aside
        ],
    )


def _as_json(finding: Finding) -> dict[str, Any]:
    told = {"ok": finding.ok, "finding": finding.text}
    return {**told, "items": finding.items} if finding.items else told


def _print(findings: dict[str, Finding]) -> None:
    table = Table("Check", "State", "Finding")
    for name, finding in findings.items():
        table.add_row(name, "ok" if finding.ok else "wrong", finding.text)
    Console().print(table)
