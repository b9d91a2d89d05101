"""What a person says to what the agent asks before it writes: at a prompt, or by an option."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.history import InMemoryHistory
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

Interrupt = Mapping[str, Any]
Resume = list[dict[str, Any]]
# Raises WaitingError where nobody answers, KeyboardInterrupt where the run is to be cancelled.
Decide = Callable[[Sequence[Interrupt]], Awaitable[Resume]]


class WaitingError(Exception):
    """Nobody is there to answer; what was asked stays open."""


def always(console: Console, *, approved: bool) -> Decide:
    """Return what gives the same answer to everything, and says so on the console."""

    async def decide(interrupts: Sequence[Interrupt]) -> Resume:
        for interrupt in interrupts:
            _show(console, interrupt)
            console.print(Text("Approved." if approved else "Denied.", style="dim"))
        return [_resume(interrupt, approved=approved) for interrupt in interrupts]

    return decide


def nobody(console: Console) -> Decide:
    """Return what shows what is asked and leaves it open."""

    async def decide(interrupts: Sequence[Interrupt]) -> Resume:
        for interrupt in interrupts:
            _show(console, interrupt)
        raise WaitingError

    return decide


def by_prompt(console: Console) -> Decide:
    """Return what asks at the terminal; Ctrl-D leaves everything open."""

    async def decide(interrupts: Sequence[Interrupt]) -> Resume:
        try:
            return [await _ask(console, interrupt) for interrupt in interrupts]
        except EOFError:
            raise WaitingError from None

    return decide


def is_denied(answer: Mapping[str, Any]) -> bool:
    """Tell whether this is a no."""
    return not answer["payload"]["approved"]


async def _ask(console: Console, interrupt: Interrupt) -> dict[str, Any]:
    _show(console, interrupt)
    editable = "editedArgs" in interrupt.get("responseSchema", {}).get("properties", {})
    choices = "y / n / e" if editable else "y / n"
    # Not the session of the questions: its history is for questions.
    session: PromptSession[str] = PromptSession(history=InMemoryHistory())
    while True:
        match (await session.prompt_async(f"{choices}? ")).strip().lower():
            case "y" | "yes":
                return _resume(interrupt, approved=True)
            case "n" | "no":
                return _resume(interrupt, approved=False)
            case "e" | "edit" if editable:
                edited = await _edit(console, session, interrupt["metadata"]["arguments"])
                return _resume(interrupt, approved=True, edited=edited)
            case _:
                edit = ", e edits what would be done" if editable else ""
                console.print(f"[dim]y approves, n denies{edit}; Ctrl-C cancels.[/]")


async def _edit(
    console: Console, session: PromptSession[str], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    written = json.dumps(arguments, ensure_ascii=False)
    while True:
        written = await session.prompt_async("arguments: ", default=written)
        try:
            edited = json.loads(written)
        except ValueError as error:
            console.print(Text(f"This is not JSON: {error}.", style="yellow"))
            continue
        if isinstance(edited, dict):
            return edited
        console.print(Text("This is not a JSON object: write {…}.", style="yellow"))


def _show(console: Console, interrupt: Interrupt) -> None:
    console.print(Text(str(interrupt["message"]), style="bold"))
    for name, value in interrupt["metadata"]["arguments"].items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        console.print(Padding(Text.assemble((f"{name}: ", "dim"), shown), (0, 0, 0, 2)))


def _resume(
    interrupt: Interrupt, *, approved: bool, edited: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    payload: dict[str, Any] = {"approved": approved}
    if edited is not None and edited != interrupt["metadata"]["arguments"]:
        payload["editedArgs"] = edited
    return {"interruptId": interrupt["id"], "status": "resolved", "payload": payload}
