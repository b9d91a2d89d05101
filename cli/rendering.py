"""How an answer looks in a terminal: tool calls while they run, Markdown as it grows."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.spinner import Spinner
from rich.text import Text


class AnswerView:
    """Shows an answer's events, run by run; finished messages stay, the growing one is redrawn."""

    def __init__(self, console: Console) -> None:
        """Draw on the console from `__enter__` on; it can be entered once for each run."""
        self._console = console
        self._live = self._new_live()
        self._text = ""
        # A call that waits for a person is finished by a later run.
        self._calls: dict[str, str] = {}
        self._denied: set[str] = set()

    def _new_live(self) -> Live:
        return Live(console=self._console, refresh_per_second=12, transient=True)

    def __enter__(self) -> AnswerView:
        self._live = self._new_live()
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.update(Text(""))
        self._live.stop()
        self._settle_text()

    def deny(self, call_id: str) -> None:
        """Take in that a person has denied the call."""
        self._denied.add(call_id)

    def show(self, event: dict[str, Any]) -> None:
        """Take in one event."""
        match event["type"]:
            case "TEXT_MESSAGE_CONTENT":
                self._text += event["delta"]
            case "TEXT_MESSAGE_END":
                self._settle_text()
            case "TOOL_CALL_START":
                self._calls[event["toolCallId"]] = event["toolCallName"]
            case "TOOL_CALL_RESULT":
                self._settle_call(event)
            case "RUN_ERROR":
                self._settle_text()
                self._console.print(Text(f"Error: {event['message']}", style="bold red"))
            case "RUN_FINISHED":
                self._settle_text()
                self._finish(event)
        self._live.update(self._moving())

    def _moving(self) -> RenderableType:
        parts: list[RenderableType] = [
            Spinner("dots", Text(f"{name} …", style="dim")) for name in self._calls.values()
        ]
        if self._text:
            parts.append(Markdown(self._text))
        return Group(*parts)

    def _settle_text(self) -> None:
        if self._text:
            self._console.print(Markdown(self._text))
            self._text = ""

    def _settle_call(self, event: dict[str, Any]) -> None:
        call_id = event["toolCallId"]
        name = self._calls.pop(call_id, "tool")
        failed = event["content"].startswith("Error:")
        mark = "denied" if call_id in self._denied else "failed" if failed else "done"
        self._console.print(Text(f"· {name}: {mark}", style="yellow" if failed else "dim"))

    def _finish(self, event: dict[str, Any]) -> None:
        if event.get("outcome", {}).get("type") == "cancelled":
            self._console.print(Text("Cancelled.", style="yellow"))
