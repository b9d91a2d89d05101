"""`vaultra serve` with a probe of its event loop: SIGUSR1 begins, SIGUSR2 writes what was seen."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from cli.processes import serve_until_stopped
from config.logs import set_up_logs
from config.settings import load_settings

PROBE_SECONDS = 0.005


async def _probe(file: Path) -> None:
    loop = asyncio.get_running_loop()
    lags: list[float] = []
    loop.add_signal_handler(signal.SIGUSR1, lags.clear)
    loop.add_signal_handler(signal.SIGUSR2, lambda: file.write_text(json.dumps(lags)))
    while True:
        due = loop.time() + PROBE_SECONDS
        await asyncio.sleep(PROBE_SECONDS)
        lags.append(loop.time() - due)


async def _serve(file: Path, port: int) -> None:
    settings = load_settings()
    set_up_logs(settings.server.log_level)
    settings.server.port = port
    url = settings.database.url
    assert url is not None
    probe = asyncio.create_task(_probe(file), name="probe")
    try:
        await serve_until_stopped(settings, url.get_secret_value(), with_worker=True)
    finally:
        probe.cancel()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
