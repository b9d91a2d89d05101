"""sync: fetch what is new from Stripe, and watch it."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from cli.chat import Token, Url
from cli.client import Client, ServerAddress, find_server
from config.settings import load_settings

POLL_SECONDS = 0.5
FINAL = frozenset({"completed", "failed"})


def sync(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Start a sync, or join the one that runs, and show its progress to the end."""
    address = find_server(load_settings().server.state_folder, url, token)
    result = asyncio.run(_sync(address, quiet=as_json))
    if as_json:
        typer.echo(json.dumps(result))
    elif result["state"] == "completed":
        _print_result(result)
    else:
        Console(stderr=True).print(f"The sync failed: {result.get('error_message')}")
    raise typer.Exit(0 if result["state"] == "completed" else 1)


def _print_result(result: dict[str, Any]) -> None:
    read = [f"{count} {name}" for name, count in result["counts"].items() if count]
    Console().print(f"Synced: {', '.join(read) or 'nothing new'}.")
    if missing := result.get("missing_permissions"):
        Console().print(f"Not read, for the key lacks: {', '.join(missing)}.")


async def _sync(address: ServerAddress, *, quiet: bool) -> dict[str, Any]:
    async with Client.opened(address) as client:
        [business] = (await client.get("/v1/businesses"))["items"]
        base = f"/v1/businesses/{business['id']}"
        started = await client.post(f"{base}/integrations/stripe/syncs")
        with Progress(console=Console(stderr=True), disable=quiet) as progress:
            bar = progress.add_task("Syncing", total=100)
            while True:
                status: dict[str, Any] = await client.get(f"{base}/syncs/{started['id']}")
                progress.update(bar, completed=status.get("percent") or 0)
                if status["state"] in FINAL:
                    return status
                await asyncio.sleep(POLL_SECONDS)
