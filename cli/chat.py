"""chat: a conversation in the terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import Annotated
from uuid import UUID, uuid4

import typer
from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory
from rich.console import Console

from cli.approving import Decide, always, by_prompt, nobody
from cli.client import Client, ServerAddress, find_server
from cli.conversing import EventLines, Outcome, Talk, View
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
    approve: Annotated[
        bool | None,
        typer.Option(
            "--yes/--no",
            help="Approve, or deny, all that Vaultra asks before it writes. [default: ask]",
        ),
    ] = None,
    conversation: Annotated[UUID | None, typer.Option(help="Go on with this conversation.")] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Talk to Vaultra. Ctrl-C cancels the answer, Ctrl-D leaves.

    With --once, exits with 0 if there is an answer, 1 if not, 3 if it waits for an approval.
    """
    if as_json and once is None:
        raise InvalidInputError("--json needs --once.")
    settings = load_settings()
    folder = settings.server.state_folder
    address = find_server(folder, url, token)
    conversation_id = conversation or uuid4()
    # Events are all that goes to the standard output then.
    console = Console(stderr=as_json)
    if once is not None:
        at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not as_json
        decide = _decider(console, approve, at_terminal=at_terminal)
        view = EventLines() if as_json else AnswerView(console)
        outcome = asyncio.run(_ask_once(address, conversation_id, once, decide, view))
        raise typer.Exit(outcome)
    history = FileHistory(str(folder / "chat_history")) if folder.is_dir() else None
    decide = _decider(console, approve, at_terminal=True)
    prompt: PromptSession[str] = PromptSession(history=history)
    asyncio.run(_converse(address, conversation_id, prompt, decide, is_new=conversation is None))


def _decider(console: Console, approve: bool | None, *, at_terminal: bool) -> Decide:
    if approve is not None:
        return always(console, approved=approve)
    return by_prompt(console) if at_terminal else nobody(console)


async def _ask_once(
    address: ServerAddress, conversation_id: UUID, question: str, decide: Decide, view: View
) -> Outcome:
    told = Console(stderr=True)
    async with Client.opened(address) as client:
        outcome = await Talk(client, conversation_id, decide, told).ask(question, view)
    if outcome is Outcome.WAITING:
        told.print("This waits for your approval; nothing was changed. Answer it with:")
        told.print(f"vaultra chat --conversation {conversation_id}", soft_wrap=True)
        told.print("Or ask with --yes to approve, with --no to deny.", highlight=False)
    return outcome


async def _converse(
    address: ServerAddress,
    conversation_id: UUID,
    prompt: PromptSession[str],
    decide: Decide,
    *,
    is_new: bool,
) -> None:
    console = Console()
    console.print("Ask about your revenue, your score, or what to do first. Ctrl-D leaves.")
    async with Client.opened(address) as client:
        talk = Talk(client, conversation_id, decide, console)
        outcome = Outcome.ANSWERED
        if not is_new:
            outcome = await _told(console, talk.answer_open(AnswerView(console)))
        while outcome is not Outcome.WAITING:
            try:
                question = await prompt.prompt_async("> ")
            except EOFError:
                break
            except KeyboardInterrupt:
                continue
            if question.strip():
                outcome = await _told(console, talk.ask(question, AnswerView(console)))
    console.print(f"[dim]Go on later with: vaultra chat --conversation {conversation_id}[/]")


async def _told(console: Console, answer: Awaitable[Outcome]) -> Outcome:
    """Return what came of an answer; what the service refuses is told."""
    try:
        return await answer
    except VaultraError as error:
        console.print(f"[bold red]Error:[/] {error.message} {error.hint or ''}")
        return Outcome.FAILED
