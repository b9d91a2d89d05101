from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from sandbox.stripe.__main__ import main

ROOT = Path(__file__).parents[3]


async def test_command_serves_until_it_is_told_to_stop() -> None:
    arguments = ("--port", "0", "--last-month", "2026-03", "--key", "sk_test_mine")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox.stripe", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        url = line.removeprefix("Sandbox Stripe is ready at ").strip()
        headers = {"Authorization": "Bearer sk_test_mine"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{url}/v1/charges?limit=1") as response,
        ):
            newest = (await response.json())["data"][0]
    finally:
        process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert newest["object"] == "charge"
    # March 2026 in New York, the 31st having no counterpart in June 1998.
    assert 1_774_843_200 <= newest["created"] < 1_774_929_600


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--last-month", "June"], "Write it as YYYY-MM"),
        (["--fault", "teapot:1"], "Write 429:N"),
        (["--seed", "10000"], "seed must be within"),
        (["--key", "whatever"], "no key of this shop"),
    ],
)
def test_wrong_option_is_explained(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_impossible_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--port", port])
    assert stopped.value.code == 2
    assert "--port" in capsys.readouterr().err
