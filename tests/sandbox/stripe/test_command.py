from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from domain.errors import InvalidInputError
from sandbox.stripe import archetypes
from sandbox.stripe.__main__ import main
from sandbox.stripe.delivery import Mischief
from sandbox.stripe.faults import Trouble
from sandbox.stripe.server import DEFAULT_KEY
from tests.sandbox.stripe.receiver import open_receiver

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Process]:
    """Start the command on a free port; kill it if the test did not end it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox.stripe", "--port", "0", "--last-month", "2026-03"),
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def read_line(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 30)).decode().rstrip()


async def read_url(process: Process) -> str:
    return (await read_line(process)).removeprefix("Sandbox Stripe is ready at ")


async def newest_charge(url: str, key: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{url}/v1/charges?limit=1") as response,
    ):
        body: dict[str, Any] = await response.json()
    return body["data"][0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_command_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    async with running("--account", "new_store", "--key", "sk_test_mine") as process:
        newest = await newest_charge(await read_url(process), "sk_test_mine")
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 60) == 0
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()
    assert newest["object"] == "charge"
    # March 2026 in New York.
    assert 1_772_341_200 <= newest["created"] < 1_775_016_000


async def test_command_serves_several_accounts_that_are_listed_with_their_keys() -> None:
    accounts = ("--account", "new_store", "--account", "new_store:150")
    async with running(*accounts, "--key", "2:rk_test_b") as on:
        url = await read_url(on)
        first, second = await read_line(on), await read_line(on)
        charges = [await newest_charge(url, key) for key in (DEFAULT_KEY, "rk_test_b")]
    assert first.endswith(f"opens with {DEFAULT_KEY}")
    assert "rk_test_b" not in second
    assert charges[0]["id"] != charges[1]["id"]


async def test_command_delivers_what_its_moving_clock_makes_visible() -> None:
    async with open_receiver() as receiver:
        arguments = [
            "--account",
            "new_store",
            "--clock",
            "2026-03-01T00:00:00Z",
            "--speed",
            "20000",
        ]
        webhook = ["--webhook-url", receiver.url, "--webhook-secret", "whsec_command"]
        async with running(*arguments, *webhook) as process:
            await read_url(process)
            async with asyncio.timeout(60):
                while not receiver.bodies:  # noqa: ASYNC110 - the receiver is another's callback
                    await asyncio.sleep(0.05)
    assert receiver.events[0]["object"] == "event"
    assert receiver.verified("whsec_command")[0]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--last-month", "June"], "Write it as YYYY-MM"),
        (["--fault", "teapot:1"], "Write one of 429:N"),
        (["--script", "teapot"], "no step of a script"),
        (["--seed", "10000000000"], "seed must be within"),
        (["--key", "whatever"], "no key of this shop"),
        (["--key", "2:rk_test_x"], "there are 1"),
        (["--key", "rk_test_x=charges"], "no permissions"),
        (["--account", "no such"], "Write an archetype"),
        (["--account", "nothing"], "nothing"),
        (["--clock", "noon"], "is no instant"),
        (["--platform-key", "rk_test_x"], "must be a secret key"),
        (["--webhook-secret", "x"], "must look like whsec_"),
        (["--webhook-fault", "eat:2"], "no webhook fault"),
    ],
)
def test_wrong_option_is_explained(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = [] if "--account" in arguments else ["--account", "new_store"]
    assert main(["--last-month", "2026-03", *quick, *arguments]) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "-1"),
        ("--port", "65536"),
        ("--port", "http"),
        ("--seed", "x"),
        ("--speed", "fast"),
        ("--speed", "2000000"),
        ("--latency-ms", "1.5"),
    ],
)
def test_impossible_number_is_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([f"{option}={value}"])
    assert stopped.value.code == 2
    assert f"argument {option}: " in capsys.readouterr().err


def test_help_lists_every_trouble_and_archetype(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"], prog="vaultra sandbox stripe")
    assert stopped.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("usage: vaultra sandbox stripe")
    assert "|".join(Trouble) in text
    assert "|".join(Mischief) in text
    assert all(f"{name} {kind.summary}" in text for name, kind in archetypes.ARCHETYPES.items())


def test_stopping_while_a_ledger_is_built_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(archetypes, "load", interrupt)
    assert main([]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_building_tells_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []

    def slow(*_: object, **__: object) -> None:
        deadline = time.monotonic() + 60
        while not any(told) and time.monotonic() < deadline:
            time.sleep(0.02)
            told.append(capsys.readouterr().err)
        raise InvalidInputError("enough")

    monkeypatch.setattr(archetypes, "load", slow)
    monkeypatch.setattr("sandbox.stripe.__main__._TICK_S", 0.02)
    assert main(["--account", "saas:500"]) == 2
    assert re.match(r"Building saas … \d+ s\n", "".join(told))
