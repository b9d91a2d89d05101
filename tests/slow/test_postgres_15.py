"""Everything that speaks SQL also works on PostgreSQL 15, the oldest supported server."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.startup import PROJECT

BINARIES = Path(os.environ.get("POSTGRES_15_BIN", "/usr/lib/postgresql/15/bin"))
pytestmark = pytest.mark.slow


def _run(*command: str) -> None:
    # PostgreSQL refuses to run as root; Debian's package brings a user for it.
    user = "postgres" if os.geteuid() == 0 else None
    subprocess.run(command, check=True, user=user, cwd="/", stdout=subprocess.DEVNULL)


@pytest.fixture
def url() -> Iterator[str]:
    """The URL of a PostgreSQL 15 of this test's own, on a Unix socket."""
    assert (BINARIES / "postgres").exists(), (
        f"There is no PostgreSQL 15 in {BINARIES}. Install Debian's postgresql-15, "
        "or name its folder in POSTGRES_15_BIN."
    )
    folder = Path(tempfile.mkdtemp(prefix="vaultra-pg15-"))
    if os.geteuid() == 0:
        shutil.chown(folder, pwd.getpwnam("postgres").pw_uid)
    data = str(folder / "data")
    _run(str(BINARIES / "initdb"), "-U", "postgres", "--auth=trust", "-D", data)
    options = f"-c listen_addresses= -k {folder}"
    control = str(BINARIES / "pg_ctl")
    _run(control, "-w", "-D", data, "-l", str(folder / "log"), "-o", options, "start")
    yield f"postgresql://postgres@/postgres?host={folder}"
    _run(control, "-w", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder)


def test_database_services_and_runs_work_on_postgresql_15(url: str) -> None:
    # What differs between servers is SQL: migrations, repositories, functions, and runs whole.
    tests = [
        "tests/db",
        "tests/services/stripe_sync/test_run.py",
        "tests/services/test_snapshots.py",
        "tests/services/test_recurring.py",
        "tests/services/test_readiness.py",
        "tests/services/test_recommendations.py",
        "tests/services/test_budgets.py",
        "tests/agent/test_runs.py",
        "tests/agent/test_approvals.py",
        "tests/agent/test_taking_over.py",
        "tests/agent/test_run_health.py",
    ]
    environment = {**os.environ, "TEST_DATABASE_URL": url}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", "not slow", *tests]
    result = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    # Pytest also succeeds with nothing to run.
    assert " passed" in result.stdout
