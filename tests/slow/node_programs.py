"""Programs of clients that others wrote: installed once, told what to do by lines of JSON."""

from __future__ import annotations

import asyncio
import atexit
import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from db.startup import PROJECT
from tests.slow.foreign_shop import KEY
from tests.slow.installed import node_packages

FOLDER = PROJECT / "tests" / "node" / "stripe"
# For a page of a slow list on a machine that is busy with other tests.
PATIENCE_S = 120

Step = Mapping[str, Any]


class Program:
    """A program that goes on running, so that only the first request waits for it to start."""

    def __init__(self, name: str) -> None:
        """Start it, installed as the lock file says; seconds."""
        node_packages(FOLDER)
        self._process = subprocess.Popen(
            ["node", name], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self.stop)

    def answer(self, request: Mapping[str, Any]) -> Any:
        """Send the request and wait for its answer; fail if the program ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "The program ended; what it complained of is on stderr."
        return json.loads(line)

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()


program = cache(Program)


async def run(name: str, *steps: Step, **request: Any) -> Any:
    """Let a program take the steps; return the outcome of each, in order."""
    chosen = await asyncio.to_thread(program, name)
    asking = asyncio.to_thread(chosen.answer, {**request, "steps": steps})
    try:
        return await asyncio.wait_for(asking, PATIENCE_S)
    except TimeoutError:
        chosen.stop()
        raise


async def ask(url: str, *steps: Step, key: str = KEY, **request: Any) -> list[Any]:
    """Let stripe-node take the steps against a sandbox; return their outcomes."""
    outcomes: list[Any] = await run("sdk.mjs", *steps, url=url, key=key, **request)
    return outcomes


def values(outcomes: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return what each step gave; fail if one of them failed."""
    errors = [outcome["error"] for outcome in outcomes if "error" in outcome]
    assert errors == []
    return [outcome["value"] for outcome in outcomes]


def errors(outcomes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the error of each step; fail if one of them went well."""
    assert [outcome for outcome in outcomes if "error" not in outcome] == []
    return [outcome["error"] for outcome in outcomes]
