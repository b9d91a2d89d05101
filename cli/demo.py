"""demo: the command; what it runs is loaded when it runs."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    reset: Annotated[
        bool, typer.Option("--reset", help="Throw the demo's data away and begin anew.")
    ] = False,
) -> None:
    """Show everything with the purchases of a real shop; needs no key and no network."""
    # It takes seconds to import; `vaultra chat` must not.
    from cli.demonstration import run_demo  # noqa: PLC0415

    run_demo(reset=reset)
