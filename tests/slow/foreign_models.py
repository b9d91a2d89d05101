"""Model servers that others wrote, as processes, and what a person must notice of their faults."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from ag_ui_validate.pytest_plugin import assert_valid_agui

from agent.graph.nodes import UNAVAILABLE
from db.startup import PROJECT
from sandbox.model.script import Script, Text, Turn
from tests.slow.deployment import plain_environment, wait_for_port
from tests.slow.installed import node_packages, python_program
from tests.slow.reattaching import Reader
from tests.slow.services import LOCALHOST, Visit

REQUIREMENTS = PROJECT / "tests" / "slow" / "llmock.txt"
NODE_FOLDER = PROJECT / "tests" / "node" / "model"
# What the planner answers exactly, wherever the model does not.
QUESTION, KNOWN = "What is 6 * 7?", "42"
NEXT, NEXT_ANSWER = "And what is 2 * 2?", "It is four."
NOTE = {
    "title": "Reduce refunds",
    "description": "They eat up the margin, month after month.",
    "category": "risk",
}


def aimock_program() -> Path:
    """Install aimock as its lock file says."""
    return node_packages(NODE_FOLDER) / "@copilotkit" / "aimock" / "dist" / "cli.js"


@contextlib.contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    """Run a model server that listens on the port, for the length of the block."""
    with log.open("ab") as said:
        process = subprocess.Popen(command, env=plain_environment(), stdout=said, stderr=said)
    try:
        wait_for_port(LOCALHOST, port)
        yield
    finally:
        process.kill()
        process.wait(30)


@contextlib.contextmanager
def llmock(port: int, folder: Path) -> Iterator[None]:
    """Run llmock on the port: it says and breaks what it is told to over HTTP."""
    program = str(python_program("llmock", REQUIREMENTS))
    options = ["--port", str(port), "--tool-mode", "off", "--response-style", "hello"]
    with running([program, "serve", *options], port, folder / "llmock"):
        yield


@contextlib.contextmanager
def aimock(port: int, folder: Path, *options: str) -> Iterator[None]:
    """Run aimock on the port, with fixtures or as a recorder."""
    command = ["node", str(aimock_program()), "--port", str(port), *options]
    with running(command, port, folder / "aimock"):
        yield


def check_over(reader: Reader) -> None:
    """Fail unless the run came to one end that a person understands, with its calls closed."""
    reader.check_whole()
    assert_valid_agui(reader.events)
    if reader.last["type"] == "RUN_ERROR":
        assert reader.last["code"] == "model_error"
        message = reader.last["message"]
        assert message.endswith(".")
        assert " " in message
        assert not any(word in message for word in ("Traceback", "Error(", "{", "<"))


def is_planners(reader: Reader) -> bool:
    """Tell whether the planner has answered, and said so."""
    said = "".join(reader.texts)
    return reader.went_well and said.startswith(UNAVAILABLE) and KNOWN in said


async def check_nothing_was_done(visit: Visit, reader: Reader) -> None:
    """Fail if a tool has run on what the model did not say whole."""
    # The planner, where it answers, calculates.
    assert await visit.calls(reader, but_for="calculate") == []
    titles = "SELECT count(*) FROM recommendations WHERE title = :title"
    assert await visit.value(titles, title=NOTE["title"]) == 0


def next_script() -> Script:
    """What a sound model says to the next question."""
    return Script([Turn([Text(NEXT_ANSWER)], repeat=True)])
