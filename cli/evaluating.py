"""evals: replay written conversations and judge them."""

from __future__ import annotations

import typer

app = typer.Typer(help="Replay written conversations against the real agent and judge them.")
