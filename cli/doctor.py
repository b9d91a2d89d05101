"""doctor: what is set up and what is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from config.settings import Settings, load_settings
from domain.errors import VaultraError


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check the settings, the database and its migrations; exit with 1 if anything is wrong."""
    settings = load_settings()
    checks: dict[str, Callable[[], str]] = {
        "secrets": lambda: _secrets(settings),
        "database": lambda: _database(settings),
        "model": lambda: _model(settings),
    }
    findings = {name: _find(check) for name, check in checks.items()}
    if as_json:
        typer.echo(json.dumps(findings))
    else:
        _print(findings)
    raise typer.Exit(0 if all(finding["ok"] for finding in findings.values()) else 1)


def _find(check: Callable[[], str]) -> dict[str, str | bool]:
    try:
        return {"ok": True, "finding": check()}
    except VaultraError as error:
        return {"ok": False, "finding": f"{error.message} {error.hint or ''}".strip()}


def _secrets(settings: Settings) -> str:
    return f"{len(settings.security.key_ring())} in the key ring"


def _database(settings: Settings) -> str:
    from cli.processes import check_database  # noqa: PLC0415 - `vaultra chat` must be quick
    from db.startup import database_url  # noqa: PLC0415

    asyncio.run(check_database(database_url(settings)))
    return "reachable and migrated"


def _model(settings: Settings) -> str:
    if settings.model.api_key is None:
        return "no OPENAI_API_KEY: the built-in planner answers"
    return f"{settings.model.name} at {settings.model.base_url or 'the default address'}"


def _print(findings: dict[str, dict[str, str | bool]]) -> None:
    table = Table("Check", "State", "Finding")
    for name, finding in findings.items():
        table.add_row(name, "ok" if finding["ok"] else "wrong", str(finding["finding"]))
    Console().print(table)
