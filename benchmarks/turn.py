"""What a turn costs beside a bare pass-through of the same scripted model, in the same run.

`make bench` starts the scripted model, the floor (`benchmarks/floor.py`) and Vaultra, one
process each, and asks both the same question in turn. A turn is two model calls, one tool and 60
words. It prints CPU per turn of the serving process, time per turn, the time to the first byte
and their ratios to the floor: ratios, because machines differ and are never quiet.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import psutil

from api.auth import issue_token
from db.embedded import start_embedded_server
from db.session import Database
from db.startup import PROJECT, migrate
from services.demo import DEMO_ACCESS, ensure_demo
from worker.wiring import utc_now

SCRIPT = Path(__file__).with_name("turn.yaml")
QUESTION = "What is 2 * 21?"


@dataclass(frozen=True)
class Subject:
    """One server to measure."""

    name: str
    url: str
    process: psutil.Process
    headers: dict[str, str]


@dataclass(frozen=True)
class Figures:
    """Medians over the rounds: CPU seconds a turn, seconds a turn, seconds to the first byte."""

    cpu: float
    turn: float
    first_byte: float


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


async def until_up(url: str, *, seconds: int = 30) -> None:
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
async def subjects() -> AsyncIterator[list[Subject]]:
    """Start the model, the floor and Vaultra."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        model, floor, ours = free_port(), free_port(), free_port()
        model_url = f"http://127.0.0.1:{model}/v1"
        run = stack.enter_context
        run(process("sandbox.model", "--script", str(SCRIPT), "--port", str(model)))
        floor_process = run(
            process("benchmarks.floor", "--model-url", model_url, "--port", str(floor))
        )
        url = await asyncio.to_thread(start_embedded_server, folder / "postgres")
        await asyncio.to_thread(migrate, url)
        secret = secrets.token_urlsafe(32)
        settings = {
            "DATABASE_URL": url,
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": model_url,
            "VAULTRA_MODEL": "scripted",
            "VAULTRA_SECRET_KEYS": secret,
            "VAULTRA_LOG_LEVEL": "WARNING",
        }
        our_process = run(process("cli", "serve", "--port", str(ours), env=settings))
        token = await _token(url, secret)
        for port, path in ((model, "/v1/models"), (floor, "/"), (ours, "/healthz")):
            await until_up(f"http://127.0.0.1:{port}{path}")
        headers = {"Authorization": f"Bearer {token}"}
        yield [
            Subject("floor", f"http://127.0.0.1:{floor}/v1/runs", floor_process, {}),
            Subject("vaultra", f"http://127.0.0.1:{ours}/v1/runs", our_process, headers),
        ]


async def _token(url: str, secret: str) -> str:
    database = Database(url, pool_size=1)
    async with database.unit_of_work() as session:
        await ensure_demo(session, founded_on=utc_now().date())
    await database.dispose()
    lifetime = timedelta(hours=1)
    return issue_token((secret,), DEMO_ACCESS.user_id, now=utc_now(), lifetime=lifetime)


async def one_turn(client: aiohttp.ClientSession, subject: Subject) -> tuple[float, float]:
    """Ask once; return the seconds to the first byte and to the last."""
    message = {"id": str(uuid4()), "role": "user", "content": QUESTION}
    body: dict[str, Any] = {
        "threadId": str(uuid4()),
        "runId": str(uuid4()),
        "messages": [message],
    }
    begin = time.perf_counter()
    first = 0.0
    received = bytearray()
    async with client.post(subject.url, json=body, headers=subject.headers) as answer:
        async for chunk in answer.content.iter_any():
            first = first or time.perf_counter() - begin
            received += chunk
    assert answer.status == 200, received
    assert b"forty" in received, received
    return first, time.perf_counter() - begin


async def measure(subject: Subject, *, conversations: int, turns: int) -> Figures:
    """Have so many conversations at once, each of so many turns."""
    before = sum(subject.process.cpu_times()[:2])
    async with aiohttp.ClientSession() as client:

        async def converse() -> list[tuple[float, float]]:
            return [await one_turn(client, subject) for _ in range(turns)]

        rounds = await asyncio.gather(*(converse() for _ in range(conversations)))
    cpu = (sum(subject.process.cpu_times()[:2]) - before) / (conversations * turns)
    times = [pair for one in rounds for pair in one]
    return Figures(
        cpu,
        statistics.median(whole for _, whole in times),
        statistics.median(first for first, _ in times),
    )


async def compare(conversations: int, turns: int, rounds: int) -> dict[str, Figures]:
    """Measure both in turn, so often, and take the medians."""
    found: dict[str, list[Figures]] = {}
    async with subjects() as both:
        for subject in both:
            await measure(subject, conversations=1, turns=2)
        for _ in range(rounds):
            for subject in both:
                figures = await measure(subject, conversations=conversations, turns=turns)
                found.setdefault(subject.name, []).append(figures)
    return {name: _median(figures) for name, figures in found.items()}


def _median(figures: list[Figures]) -> Figures:
    def middle(value: Callable[[Figures], float]) -> float:
        return statistics.median(map(value, figures))

    return Figures(
        middle(lambda one: one.cpu),
        middle(lambda one: one.turn),
        middle(lambda one: one.first_byte),
    )


def report(results: dict[str, Figures]) -> str:
    """Return the figures and their ratios to the floor as a table."""
    lines = ["            CPU a turn   a turn (p50)   first byte (p50)"]
    lines += [
        f"{name:10} {1000 * one.cpu:8.2f} ms {1000 * one.turn:11.2f} ms"
        f" {1000 * one.first_byte:15.2f} ms"
        for name, one in results.items()
    ]
    floor, ours = results["floor"], results["vaultra"]
    lines.append(
        f"ratio      {ours.cpu / floor.cpu:8.1f}    {ours.turn / floor.turn:11.1f}    "
        f"{ours.first_byte / floor.first_byte:15.1f}"
    )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--conversations", type=int, default=5, help="at once (%(default)s)")
    parser.add_argument("--turns", type=int, default=10, help="of each (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="medians of (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    results = asyncio.run(compare(options.conversations, options.turns, options.rounds))
    if options.json:
        print(json.dumps({name: vars(one) for name, one in results.items()}))
    else:
        print(report(results))


if __name__ == "__main__":
    main()
