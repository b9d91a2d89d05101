"""token: a user, a business and an access token, for whoever runs the service."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Annotated

import typer

from config.settings import Settings, load_settings

# ruff: noqa: PLC0415 - what it needs takes a while to import; `vaultra chat` must be quick.


def token(
    email: Annotated[str, typer.Option(help="The user's address; made if missing.")],
    business: Annotated[str, typer.Option(help="The business's name; made if missing.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="How long the token is valid.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print ids and token as JSON.")] = False,
) -> None:
    """Print an access token for the owner of a business, on the service's own machine."""
    from cli.processes import prepare_database

    settings = load_settings()
    settings.security.key_ring()
    url = prepare_database(settings)
    made = asyncio.run(_make(settings, url, email, business, timedelta(days=days)))
    typer.echo(json.dumps(made) if as_json else made["token"])


async def _make(
    settings: Settings, url: str, email: str, name: str, lifetime: timedelta
) -> dict[str, str]:
    from api.auth import issue_token
    from cli.processes import check_database
    from db.session import Database
    from services.accounts import ensure_owner
    from worker.wiring import utc_now

    await check_database(url)
    database = Database(url, pool_size=1)
    async with database.unit_of_work() as session:
        user_id, owned = await ensure_owner(session, email=email, business_name=name)
    await database.dispose()
    key_ring = settings.security.key_ring()
    return {
        "user_id": str(user_id),
        "business_id": str(owned.id),
        "token": issue_token(key_ring, user_id, now=utc_now(), lifetime=lifetime),
    }
