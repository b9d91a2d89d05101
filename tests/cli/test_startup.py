"""What goes wrong at a start is said in a sentence that names the next step."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from api.auth import read_token
from db.startup import PROJECT
from tests.databases import execute

pytestmark = pytest.mark.slow

SECRET = "a secret that is long enough for the tests of it"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command without any setting of this machine's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "VAULTRA_", "STRIPE_", "DATABASE_URL"))
    }
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=PROJECT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def check_refusal(result: subprocess.CompletedProcess[str], *said: str) -> None:
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    words = " ".join(result.stderr.split())
    for part in said:
        assert part in words


@pytest.mark.parametrize("keys", ["", "too short"])
def test_missing_or_weak_secret_stops_the_start(keys: str, tmp_path: Path) -> None:
    result = run("serve", VAULTRA_SECRET_KEYS=keys, VAULTRA_STATE_FOLDER=str(tmp_path))
    check_refusal(result, "VAULTRA_SECRET_KEYS", "secrets.token_urlsafe(32)")
    assert "too short" not in result.stderr


def test_unreachable_database_stops_the_start() -> None:
    url = "postgresql://vaultra:pass%25word@127.0.0.1:1/vaultra"
    result = run("serve", VAULTRA_SECRET_KEYS=SECRET, DATABASE_URL=url)
    check_refusal(result, "The database does not answer", "DATABASE_URL")
    assert "pass" not in result.stderr


def test_database_that_does_not_exist_stops_the_start(server_url: URL) -> None:
    url = server_url.set(database="no_such_database").render_as_string(hide_password=False)
    result = run("serve", VAULTRA_SECRET_KEYS=SECRET, DATABASE_URL=url)
    check_refusal(result, "The database does not answer")


def test_other_kind_of_database_is_refused() -> None:
    result = run("serve", VAULTRA_SECRET_KEYS=SECRET, DATABASE_URL="mysql://localhost/x")
    check_refusal(result, "postgresql://")


async def test_database_that_is_not_migrated_stops_the_start(database_url: URL) -> None:
    await execute(database_url, "UPDATE alembic_version SET version_num = '20261122_1900'")
    url = database_url.render_as_string(hide_password=False)
    result = run("serve", VAULTRA_SECRET_KEYS=SECRET, DATABASE_URL=url)
    check_refusal(result, "20261122_1900", "vaultra migrate")


async def test_taken_port_stops_the_start(database_url: URL) -> None:
    url = database_url.render_as_string(hide_password=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("serve", "--port", port, VAULTRA_SECRET_KEYS=SECRET, DATABASE_URL=url)
    check_refusal(result, f"Port {port}", "VAULTRA_PORT")


def test_wrong_setting_is_named_and_not_repeated(tmp_path: Path) -> None:
    result = run("serve", VAULTRA_PORT="eighty", VAULTRA_STATE_FOLDER=str(tmp_path))
    check_refusal(result, "VAULTRA_PORT")
    assert "eighty" not in result.stderr


def test_reset_never_touches_a_configured_database(tmp_path: Path) -> None:
    url = "postgresql://vaultra@127.0.0.1:1/vaultra"
    result = run("demo", "--reset", DATABASE_URL=url, VAULTRA_STATE_FOLDER=str(tmp_path))
    check_refusal(result, "DATABASE_URL")


@pytest.mark.parametrize(
    "command",
    [
        "",
        "demo",
        "serve",
        "worker",
        "migrate",
        "chat",
        "sync",
        "token",
        "doctor",
        "secrets",
        "evals",
        "sandbox",
    ],
)
def test_every_command_has_help(command: str) -> None:
    result = run(*filter(None, [command]), "--help")
    assert result.returncode == 0
    assert "Usage" in result.stdout


async def test_doctor_tells_what_is_wrong(database_url: URL) -> None:
    url = database_url.render_as_string(hide_password=False)
    result = run("doctor", "--json", DATABASE_URL=url)
    assert result.returncode == 1
    assert "VAULTRA_SECRET_KEYS" in result.stdout
    assert "reachable and migrated" in result.stdout


async def test_token_opens_the_business_that_it_was_made_for(database_url: URL) -> None:
    url = database_url.render_as_string(hide_password=False)
    order = ("token", "--email", "Ann@Example.com", "--business", "Books", "--json")
    made = [
        json.loads(run(*order, VAULTRA_SECRET_KEYS=SECRET, DATABASE_URL=url).stdout)
        for _ in range(2)
    ]
    assert made[0]["business_id"] == made[1]["business_id"]
    assert str(read_token((SECRET,), made[0]["token"])) == made[0]["user_id"]


async def test_token_for_no_address_is_refused(database_url: URL) -> None:
    url = database_url.render_as_string(hide_password=False)
    order = ("token", "--email", "ann", "--business", "Books")
    result = run(*order, VAULTRA_SECRET_KEYS=SECRET, DATABASE_URL=url)
    check_refusal(result, "e-mail address")
