"""`vaultra serve` as processes of their own, on a database that they share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from sqlalchemy.engine import URL

from db.startup import PROJECT
from tests.api.service import KEY_RING
from tests.processes import free_port

# The imports alone take seconds on a machine that is busy with other tests.
START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    url: str
    process: subprocess.Popen[bytes]
    said: Path

    @property
    def rss(self) -> int:
        """The bytes of memory that the process has now."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    async def metrics(self) -> dict[str, float]:
        """Return the process's metrics by name, with the labels as they are written."""
        async with httpx.AsyncClient() as client:
            told = await client.get(f"{self.url}/metrics", timeout=30)
        lines = [line for line in told.text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@asynccontextmanager
async def serving(
    folder: Path, database_url: URL, *options: str, model_url: str = "", **settings: str
) -> AsyncIterator[Server]:
    """Serve while the block runs, without any setting of this machine's."""
    environment = _environment(folder, database_url, model_url) | settings
    server = _start(folder, free_port(), options, environment)
    try:
        await _wait_until_ready(server)
        yield server
    finally:
        await asyncio.to_thread(_stop, server.process)


def _start(folder: Path, port: int, options: Sequence[str], environment: dict[str, str]) -> Server:
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / "stderr.txt"
    with said.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "serve", "--port", str(port), *options],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    return Server(f"http://127.0.0.1:{port}", process, said)


def _environment(folder: Path, database_url: URL, model_url: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "VAULTRA_", "STRIPE_", "DATABASE_URL"))
    }
    model = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": model_url} if model_url else {}
    return {
        **kept,
        **model,
        "VAULTRA_MODEL": "scripted",
        "DATABASE_URL": database_url.render_as_string(hide_password=False),
        "VAULTRA_SECRET_KEYS": ",".join(KEY_RING),
        "VAULTRA_STATE_FOLDER": str(folder),
        "VAULTRA_RUNS_PER_MINUTE": "0",
        # Nobody listens there.
        "STRIPE_API_BASE": "http://127.0.0.1:1",
    }


async def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    async with httpx.AsyncClient() as client:
        while time.monotonic() < deadline:
            if server.process.poll() is not None:
                raise AssertionError(server.said.read_text())
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"{server.url}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.1)
    raise AssertionError("The server did not get ready.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=30)
    process.kill()
    process.wait()
