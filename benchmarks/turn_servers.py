"""The servers that `benchmarks.turn` measures, each a process of its own, and what they need."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import psutil

from api.auth import issue_token
from benchmarks.turn_load import Subject
from db.embedded import start_embedded_server
from db.session import Database
from db.startup import PROJECT, migrate
from services.demo import DEMO_ACCESS, ensure_demo
from worker.wiring import utc_now


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def process(*command: str, env: dict[str, str] | None = None) -> Iterator[psutil.Process]:
    """Run a Python module for the length of the block."""
    environment = {**os.environ, **(env or {})}
    child = subprocess.Popen([sys.executable, "-m", *command], env=environment, cwd=PROJECT)
    try:
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(15)


async def until_up(url: str, *, seconds: int = 120) -> None:
    """Wait until something answers at the address."""
    async with aiohttp.ClientSession() as session:
        for _ in range(10 * seconds):
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
    raise TimeoutError(url)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder under the state folder, and remove it."""
    state = PROJECT / ".vaultra"
    state.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=state, prefix="bench"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def subjects(script: Path) -> AsyncIterator[list[Subject]]:
    """Start the model, the floors, the peer and Vaultra."""
    async with AsyncExitStack() as stack:
        run = stack.enter_context
        folder = run(scratch_folder())
        port = free_port()
        run(process("sandbox.model", "--script", str(script), "--port", str(port)))
        model_url = f"http://127.0.0.1:{port}/v1"
        found = [
            _started(stack, "floor", model_url),
            _started(stack, "floor-json", model_url),
            await _start_plain(stack, model_url, folder / "plain"),
            await _start_vaultra(stack, model_url, folder / "vaultra"),
        ]
        for url in (f"{model_url}/models", *(subject.url for subject in found)):
            await until_up(url)
        yield found


def _started(stack: AsyncExitStack, name: str, model_url: str, *more: str, **about: Any) -> Subject:
    port = free_port()
    module = f"benchmarks.{name.replace('-', '_')}"
    command = (module, "--model-url", model_url, "--port", str(port), *more)
    return _subject(name, port, stack.enter_context(process(*command)), **about)


async def _start_plain(stack: AsyncExitStack, model_url: str, folder: Path) -> Subject:
    url = await asyncio.to_thread(start_embedded_server, folder)
    postgres = _postmaster(folder)
    return _started(stack, "plain", model_url, "--database-url", url, postgres=postgres)


async def _start_vaultra(stack: AsyncExitStack, model_url: str, folder: Path) -> Subject:
    url = await asyncio.to_thread(start_embedded_server, folder)
    await asyncio.to_thread(migrate, url)
    secret = secrets.token_urlsafe(32)
    port = free_port()
    started = stack.enter_context(vaultra(url, model_url, secret, port))
    headers = await headers_of_demo(url, secret)
    return _subject("vaultra", port, started, headers=headers, postgres=_postmaster(folder))


def vaultra(
    database_url: str, model_url: str, secret: str, port: int
) -> AbstractContextManager[psutil.Process]:
    """Run the service with the scripted model for the length of the block."""
    settings = settings_of_service(database_url, model_url, secret)
    return process("cli", "serve", "--port", str(port), env=settings)


def settings_of_service(database_url: str, model_url: str, secret: str) -> dict[str, str]:
    """Return the settings of a service that is asked more often than people may."""
    return {
        "DATABASE_URL": database_url,
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": model_url,
        "VAULTRA_MODEL": "scripted",
        "VAULTRA_SECRET_KEYS": secret,
        "VAULTRA_LOG_LEVEL": "WARNING",
        "VAULTRA_RUNS_PER_MINUTE": "0",
        "VAULTRA_RUNS_PER_DAY": "0",
    }


def _subject(name: str, port: int, started: psutil.Process, **more: Any) -> Subject:
    return Subject(name, f"http://127.0.0.1:{port}/v1/runs", started, **{"headers": {}, **more})


def _postmaster(folder: Path) -> psutil.Process:
    [pid_file] = folder.rglob("postmaster.pid")
    return psutil.Process(int(pid_file.read_text().splitlines()[0]))


async def headers_of_demo(url: str, secret: str) -> dict[str, str]:
    """Make the demo's business and return the headers of its owner's requests."""
    database = Database(url, pool_size=1)
    async with database.unit_of_work() as session:
        await ensure_demo(session, founded_on=utc_now().date())
    await database.dispose()
    return headers_of(DEMO_ACCESS.user_id, secret)


def headers_of(user_id: UUID, secret: str) -> dict[str, str]:
    """Return the headers of a user's requests, good for an hour."""
    token = issue_token((secret,), user_id, now=utc_now(), lifetime=timedelta(hours=1))
    return {"Authorization": f"Bearer {token}"}
