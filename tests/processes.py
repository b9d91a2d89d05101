"""The demo as a process of its own, for tests that start, kill and ask it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from db.startup import PROJECT

# From nothing to an answer, on a machine that is busy with other tests as well.
START_SECONDS = 240
SAID = "stderr.txt"


@dataclass(frozen=True)
class RunningDemo:
    """A demo that answers."""

    process: subprocess.Popen[str]
    url: str
    token: str
    environment: dict[str, str]

    def ask(self, question: str) -> subprocess.CompletedProcess[str]:
        """Ask on the command line; return what was printed."""
        command = [sys.executable, "-m", "cli", "chat", "--once", question, "--json"]
        return subprocess.run(
            command,
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def answer(self, question: str) -> str:
        """Ask on the command line; return the text of the answer."""
        result = self.ask(question)
        assert result.returncode == 0, result.stdout + result.stderr
        events = [json.loads(line) for line in result.stdout.splitlines()]
        return "".join(e["delta"] for e in events if e["type"] == "TEXT_MESSAGE_CONTENT")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_demo(folder: Path, port: int) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Start the demo with its state in the folder; return it and its environment."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "VAULTRA_", "STRIPE_", "DATABASE_URL"))
    }
    environment |= {
        "VAULTRA_STATE_FOLDER": str(folder),
        "VAULTRA_PORT": str(port),
        # Tests ask faster than people do.
        "VAULTRA_RUNS_PER_MINUTE": "0",
    }
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / SAID).open("a") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "demo"],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=said,
            text=True,
        )
    return process, environment


def wait_until_ready(process: subprocess.Popen[str], folder: Path) -> dict[str, str]:
    """Wait for the address that a ready demo notes; return it with the token."""
    noted = folder / "server.json"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError((folder / SAID).read_text())
        if noted.exists():
            address: dict[str, str] = json.loads(noted.read_text())
            return address
        time.sleep(0.05)
    raise AssertionError("The demo did not get ready.")


def stop_demo(process: subprocess.Popen[str]) -> int:
    """Stop the demo as Ctrl-C would; return its exit status."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=120)
    process.kill()
    return process.wait()


@contextlib.contextmanager
def running_demo(folder: Path) -> Iterator[RunningDemo]:
    """Run the demo for the length of the block."""
    process, environment = start_demo(folder, free_port())
    try:
        address = wait_until_ready(process, folder)
        yield RunningDemo(process, address["url"], address["token"], environment)
    finally:
        stop_demo(process)
