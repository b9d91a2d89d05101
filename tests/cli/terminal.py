"""`vaultra chat` as a process of its own, in a terminal and without one."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect

from db.startup import PROJECT
from tests.api.service import Service, token_for

SECONDS = 120
# Behind the prompt "> " the cursor moves two columns to the right.
PROMPT = r"\x1b\[2C"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


def environment(service: Service, folder: Path) -> dict[str, str]:
    """Return what a command needs to find the service."""
    return {
        **os.environ,
        "VAULTRA_URL": service.url,
        "VAULTRA_TOKEN": token_for(service.shop.access.user_id),
        "VAULTRA_STATE_FOLDER": str(folder),
        "PROMPT_TOOLKIT_NO_CPR": "1",
        "COLUMNS": "100",
        "TERM": "xterm-256color",
    }


async def chatting(
    service: Service,
    folder: Path,
    act: Callable[[pexpect.spawn], None],
    *arguments: str,
    first: str = PROMPT,
) -> str:
    """Open a chat in a terminal, let `act` use it once `first` is there; return the screen."""

    def converse() -> str:
        chat = pexpect.spawn(
            sys.executable,
            ["-m", "cli", "chat", *arguments],
            cwd=str(PROJECT),
            env=environment(service, folder),  # type: ignore[arg-type]
            encoding="utf-8",
            timeout=SECONDS,
            dimensions=(50, 100),
        )
        screen: list[str] = []
        chat.logfile_read = type("Log", (), {"write": screen.append, "flush": lambda: None})
        try:
            chat.expect(first)
            act(chat)
            chat.sendeof()
            chat.expect(pexpect.EOF)
        finally:
            chat.close()
        assert chat.exitstatus == 0
        return ESCAPES.sub("", "".join(screen))

    return await asyncio.to_thread(converse)


def asking(service: Service, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Chat without a terminal; return what was printed."""
    return subprocess.run(
        [sys.executable, "-m", "cli", "chat", *arguments],
        cwd=PROJECT,
        env=environment(service, folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
