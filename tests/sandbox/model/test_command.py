"""`python -m sandbox.model`."""

import asyncio
import signal
import sys
from pathlib import Path

from openai import AsyncOpenAI

COMMAND = (sys.executable, "-m", "sandbox.model")


async def run(*arguments: str) -> tuple[int | None, str, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*COMMAND, *arguments, stdout=pipe, stderr=pipe)
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_command_serves_a_file_until_told_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("turns: [{steps: [{text: Hi}]}]")
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("--script", str(path), "--port", "0", "--key", "sk-own"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip().removeprefix("OPENAI_BASE_URL=")
    async with AsyncOpenAI(base_url=url, api_key="sk-own") as client:
        answer = await client.chat.completions.create(
            model="gpt-5", messages=[{"role": "user", "content": "Hello"}]
        )
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert answer.choices[0].message.content == "Hi"


async def test_help_explains_the_file() -> None:
    status, output, _ = await run("--help")
    assert status == 0
    assert "tool_calls:" in output


async def test_wrong_file_is_explained_without_a_traceback(tmp_path: Path) -> None:
    status, _, errors = await run("--script", str(tmp_path / "none.yaml"))
    assert status == 2
    assert "none.yaml cannot be read" in errors
    assert "Traceback" not in errors
