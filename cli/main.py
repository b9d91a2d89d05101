"""The `vaultra` command: every failure is a sentence, never a traceback."""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console

from cli import chat, demo, doctor, evaluating, secrets, serving, stand_ins, syncing, token
from config.logs import redact
from domain.errors import VaultraError

app = typer.Typer(
    name="vaultra",
    help="Tells a small business how ready it is for funding, in conversation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("serve")(serving.serve)
app.command("worker")(serving.worker)
app.command("migrate")(serving.migrate)
app.command("chat")(chat.chat)
app.command("sync")(syncing.sync)
app.command("token")(token.token)
app.command("doctor")(doctor.doctor)
app.add_typer(secrets.app, name="secrets")
app.add_typer(evaluating.app, name="evals")
app.add_typer(stand_ins.app, name="sandbox")


def main() -> None:
    """Run the command; exit with 1 and a sentence if it cannot do what was asked."""
    try:
        app()
    except VaultraError as error:
        console = Console(stderr=True)
        console.print(f"[bold red]Error:[/] {redact(error.message)}", highlight=False)
        if error.hint:
            console.print(redact(error.hint), highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more can be flushed to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
