"""secrets: the key ring that stored tokens are encrypted with."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from config.settings import Settings, load_settings

if TYPE_CHECKING:
    from services.key_rotation import Rotation

# ruff: noqa: PLC0415 - the database takes a while to import; `vaultra chat` must be quick.

app = typer.Typer(help="The secrets that stored keys are encrypted with.", no_args_is_help=True)


@app.callback()
def secrets() -> None:
    """Look after VAULTRA_SECRET_KEYS, the ring whose first secret writes."""


@app.command()
def rotate(
    check: Annotated[bool, typer.Option("--check", help="Tell, and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Encrypt all stored tokens with the ring's first secret; exit with 1 if any is left.

    Put the new secret first in VAULTRA_SECRET_KEYS and the old one behind it, start every process
    again, then rotate. It can be interrupted and run again at any time.
    """
    settings = load_settings()
    result = asyncio.run(_rotate(settings, check=check))
    if as_json:
        told = {
            "changed": result.changed,
            "remaining": result.remaining,
            "unreadable": result.unreadable,
            "old_secrets_can_be_dropped": result.complete,
        }
        typer.echo(json.dumps(told))
    else:
        typer.echo(_tell(result, older=len(settings.security.key_ring()) - 1))
    raise typer.Exit(0 if result.complete else 1)


async def _rotate(settings: Settings, *, check: bool) -> Rotation:
    from cli.processes import check_database, prepare_database
    from db.columns import KeyRing
    from db.session import Database
    from services.key_rotation import check_tokens, rotate_tokens

    ring = KeyRing(settings.security.key_ring())
    url = prepare_database(settings)
    await check_database(url)
    database = Database(url, pool_size=1)
    try:
        return await (check_tokens if check else rotate_tokens)(database, ring)
    finally:
        await database.dispose()


def _tell(result: Rotation, *, older: int) -> str:
    count = result.changed
    said = [f"{count} token{' was' if count == 1 else 's were'} encrypted again."]
    if result.unreadable:
        said.append(
            f"Not readable with any secret of the ring: {result.unreadable}. Either put the secret "
            "back that wrote them, or have their accounts connected again."
        )
    waiting = result.remaining - result.unreadable
    if waiting:
        said.append(f"Of an older secret: {waiting}. Run vaultra secrets rotate.")
    if result.complete and older:
        said.append(
            "No stored token needs the older secrets. They can be dropped once every process runs "
            "with the new ring; access tokens that they signed end with them."
        )
    elif result.complete:
        said.append("The ring holds one secret, which every stored token is encrypted with.")
    else:
        said.append("Keep the older secrets.")
    return " ".join(said)
