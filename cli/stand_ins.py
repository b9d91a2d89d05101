"""sandbox: the stand-ins, by themselves."""

from __future__ import annotations

import typer

app = typer.Typer(help="Run a stand-in by itself, for people who build on Stripe or on models.")
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@app.command("stripe", context_settings=PASS_ON)
def stripe(context: typer.Context) -> None:
    """Serve a Stripe with made-up businesses in it; --help lists its options."""
    from sandbox.stripe.__main__ import main  # noqa: PLC0415 - `vaultra chat` must be quick

    raise typer.Exit(main(context.args, prog="vaultra sandbox stripe"))


@app.command("model", context_settings=PASS_ON)
def model(context: typer.Context) -> None:
    """Serve a scripted OpenAI-compatible model; --help lists its options."""
    from sandbox.model.__main__ import main  # noqa: PLC0415 - as above

    raise typer.Exit(main(context.args))
