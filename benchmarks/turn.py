"""What a turn costs beside bare servers of the same scripted model, in the same run.

`make bench` starts the scripted model, two floors and Vaultra, one process each, and asks them the
same question in turn. *floor* passes the model's bytes through; *floor-json* parses them, keeps the
history in a dict and sends an event a token. A turn is two model calls, one tool and 60 tokens, in
a burst or, with `--load paced`, one every 20 ms. It prints figures and their ratios to the floors:
ratios, because machines differ and are never quiet.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import yaml

from api.auth import issue_token
from benchmarks.turn_load import Figures, Subject, measure, median_of
from db.embedded import start_embedded_server
from db.session import Database
from db.startup import PROJECT, migrate
from services.demo import DEMO_ACCESS, ensure_demo
from worker.wiring import utc_now

HERE = Path(__file__).parent
SCRIPTS = {"bursts": HERE / "turn.yaml", "paced": HERE / "turn_paced.yaml"}


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
async def subjects(script: Path) -> AsyncIterator[list[Subject]]:
    """Start the model, the floors and Vaultra."""
    async with AsyncExitStack() as stack:
        run = stack.enter_context
        folder = run(scratch_folder())
        model = free_port()
        run(process("sandbox.model", "--script", str(script), "--port", str(model)))
        model_url = f"http://127.0.0.1:{model}/v1"
        found = []
        for name in ("floor", "floor_json"):
            port = free_port()
            started = run(
                process(f"benchmarks.{name}", "--model-url", model_url, "--port", str(port))
            )
            found.append(_subject(name.replace("_", "-"), port, started))
        database_url = await asyncio.to_thread(start_embedded_server, folder / "postgres")
        await asyncio.to_thread(migrate, database_url)
        secret = secrets.token_urlsafe(32)
        port = free_port()
        settings = {
            "DATABASE_URL": database_url,
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": model_url,
            "VAULTRA_MODEL": "scripted",
            "VAULTRA_SECRET_KEYS": secret,
            "VAULTRA_LOG_LEVEL": "WARNING",
            "VAULTRA_RUNS_PER_MINUTE": "0",
            "VAULTRA_RUNS_PER_DAY": "0",
        }
        started = run(process("cli", "serve", "--port", str(port), env=settings))
        headers = {"Authorization": f"Bearer {await _token(database_url, secret)}"}
        postgres = _postmaster(folder / "postgres")
        found.append(_subject("vaultra", port, started, headers=headers, postgres=postgres))
        for url in (f"{model_url}/models", *(subject.url for subject in found)):
            await until_up(url)
        yield found


def _subject(name: str, port: int, started: psutil.Process, **more: Any) -> Subject:
    return Subject(name, f"http://127.0.0.1:{port}/v1/runs", started, **{"headers": {}, **more})


def _postmaster(folder: Path) -> psutil.Process:
    [pid_file] = folder.rglob("postmaster.pid")
    return psutil.Process(int(pid_file.read_text().splitlines()[0]))


async def _token(url: str, secret: str) -> str:
    database = Database(url, pool_size=1)
    async with database.unit_of_work() as session:
        await ensure_demo(session, founded_on=utc_now().date())
    await database.dispose()
    lifetime = timedelta(hours=1)
    return issue_token((secret,), DEMO_ACCESS.user_id, now=utc_now(), lifetime=lifetime)


def scripted_seconds(script: Path) -> float:
    """Return how long the script waits between the pieces of its answer."""
    said = yaml.safe_load(script.read_text())["turns"][-1]["steps"][0]["text"]
    pieces = math.ceil(len(said["text"]) / said["chunk"])
    return float(said["delay"] * pieces)


async def compare(script: Path, rounds: int, **load: Any) -> dict[str, Figures]:
    """Measure all in turn, so often, and take the medians."""
    found: dict[str, list[Figures]] = {}
    scripted = scripted_seconds(script)
    async with subjects(script) as servers:
        for subject in servers:
            # What is imported, opened and cached with the first questions is not a turn's.
            warm = load["conversations"]
            await measure(subject, conversations=warm, turns=2, scripted=scripted)
        for _ in range(rounds):
            for subject in servers:
                figures = await measure(subject, scripted=scripted, **load)
                found.setdefault(subject.name, []).append(figures)
    return {name: median_of(figures) for name, figures in found.items()}


def report(results: dict[str, Figures]) -> str:
    """Return the figures and the ratios of CPU and time to the floors as a table."""
    lines = [
        "              CPU   PostgreSQL       turn   overhead  first byte  turns/s  a stream",
        *(
            f"{name:10} {1000 * one.cpu:6.2f} ms {1000 * one.postgres_cpu:8.2f} ms"
            f" {1000 * one.turn:7.1f} ms {1000 * one.overhead:7.1f} ms"
            f" {1000 * one.first_byte:8.1f} ms {one.rate:8.1f} {one.growth / 1024:6.0f} KB"
            for name, one in results.items()
        ),
    ]
    ours = results["vaultra"]
    for name in ("floor", "floor-json"):
        floor = results[name]
        cpu, turn = ours.cpu / floor.cpu, ours.turn / floor.turn
        lines.append(f"vaultra takes {cpu:.1f} times the CPU of {name}, {turn:.1f} times its time")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--load", choices=SCRIPTS, default="bursts", help="(%(default)s)")
    parser.add_argument("--conversations", type=int, default=20, help="at once (%(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="of each (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="medians of (%(default)s)")
    parser.add_argument(
        "--every", type=float, default=0.0, help="seconds between a conversation's questions"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    results = asyncio.run(
        compare(
            SCRIPTS[options.load],
            options.rounds,
            conversations=options.conversations,
            turns=options.turns,
            every=options.every,
        )
    )
    if options.json:
        print(json.dumps({name: vars(one) for name, one in results.items()}))
    else:
        print(report(results))


if __name__ == "__main__":
    main()
