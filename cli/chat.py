"""chat: a conversation in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer
from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory
from rich.console import Console

from cli.client import Client, ServerAddress, find_server
from cli.rendering import AnswerView
from config.settings import load_settings
from domain.errors import InvalidInputError, VaultraError

Url = Annotated[str | None, typer.Option(envvar="VAULTRA_URL", help="Address of the service.")]
Token = Annotated[
    str | None, typer.Option(envvar="VAULTRA_TOKEN", help="Access token.", show_envvar=True)
]


def chat(
    once: Annotated[
        str | None, typer.Option("--once", help="Ask one question, print the answer, exit.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --once: print the events, one JSON a line.")
    ] = False,
    conversation: Annotated[UUID | None, typer.Option(help="Go on with this conversation.")] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Talk to Vaultra. Ctrl-C cancels the answer, Ctrl-D leaves."""
    if as_json and once is None:
        raise InvalidInputError("--json needs --once.")
    settings = load_settings()
    folder = settings.server.state_folder
    address = find_server(folder, url, token)
    conversation_id = conversation or uuid4()
    if once is not None:
        succeeded = asyncio.run(_ask_once(address, conversation_id, once, as_json=as_json))
        raise typer.Exit(0 if succeeded else 1)
    history = FileHistory(str(folder / "chat_history")) if folder.is_dir() else None
    asyncio.run(_converse(address, conversation_id, PromptSession(history=history)))


async def _ask_once(
    address: ServerAddress, conversation_id: UUID, question: str, *, as_json: bool
) -> bool:
    async with Client.opened(address) as client:
        if as_json:
            return await _print_events(client, conversation_id, question)
        return await _answer(client, conversation_id, question)


async def _print_events(client: Client, conversation_id: UUID, question: str) -> bool:
    last: dict[str, Any] = {}
    async for event in _cancellable(client, conversation_id, question):
        last = event
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    return last.get("type") == "RUN_FINISHED"


async def _converse(
    address: ServerAddress, conversation_id: UUID, prompt: PromptSession[str]
) -> None:
    console = Console()
    console.print("Ask about your revenue, your score, or what to do first. Ctrl-D leaves.")
    async with Client.opened(address) as client:
        while True:
            try:
                question = await prompt.prompt_async("> ")
            except EOFError:
                break
            except KeyboardInterrupt:
                continue
            if not question.strip():
                continue
            try:
                await _answer(client, conversation_id, question)
            except VaultraError as error:
                console.print(f"[bold red]Error:[/] {error.message} {error.hint or ''}")
    console.print(f"[dim]Go on later with: vaultra chat --conversation {conversation_id}[/]")


async def _answer(client: Client, conversation_id: UUID, question: str) -> bool:
    with AnswerView(Console()) as view:
        async for event in _cancellable(client, conversation_id, question):
            view.show(event)
    return view.succeeded


async def _cancellable(
    client: Client, conversation_id: UUID, question: str
) -> AsyncIterator[dict[str, Any]]:
    """Yield the answer's events; Ctrl-C asks the run to stop and waits for its last event."""
    run_id = uuid4()
    loop = asyncio.get_running_loop()
    cancelling: list[asyncio.Task[None]] = []

    def cancel() -> None:
        if not cancelling:
            cancelling.append(asyncio.create_task(client.cancel(run_id)))

    loop.add_signal_handler(signal.SIGINT, cancel)
    try:
        events = client.ask(conversation_id, run_id, question)
        async with contextlib.aclosing(events) as stream:  # type: ignore[type-var]
            async for event in stream:
                yield event
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        for task in cancelling:
            await task
