"""What the operator's commands tell of stored tokens, connections and events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.columns import KeyRing, encrypt
from db.session import Database
from services.integrations import token_place
from tests.cli.test_startup import check_refusal, run
from tests.factories import Shop

pytestmark = pytest.mark.slow

OLD = "the old secret of the ring which is long enough"
NEW = "the new secret of the ring which is long enough"
ROTATED = f"{NEW},{OLD}"
KEY = "rk_test_a_key_that_nobody_may_see"
METADATA = {
    "livemode": False,
    "default_currency": "usd",
    "time_zone": "UTC",
    "auth": "restricted_key",
    "missing": ["rak_payout_read"],
}


@pytest.fixture
def url(database_url: URL) -> str:
    """The address of the database, as DATABASE_URL has it."""
    return database_url.render_as_string(hide_password=False)


@pytest.fixture
async def connected(database: Database, shop: Shop) -> Shop:
    """A business whose token the old secret encrypts."""
    token = encrypt(KeyRing([OLD]), KEY, bound_to=token_place(shop.business_id))
    async with database.unit_of_work() as session:
        await session.execute(
            text(
                "INSERT INTO integration_accounts"
                " (business_id, provider, external_id, access_token_encrypted, metadata)"
                " VALUES (:business, 'stripe', 'acct_1', :token, CAST(:metadata AS jsonb))"
            ),
            {"business": shop.business_id, "token": token, "metadata": json.dumps(METADATA)},
        )
    return shop


async def _set_aside(database: Database) -> None:
    async with database.unit_of_work() as session:
        await session.execute(
            text(
                "WITH event AS (INSERT INTO stripe_events"
                " (integration_id, stripe_event_id, event_type, payload)"
                " SELECT id, name, 'payout.paid', '{\"object_id\": \"po_1\"}'"
                " FROM integration_accounts, (VALUES ('evt_1'), ('evt_2')) AS e (name)"
                " RETURNING id, stripe_event_id)"
                " INSERT INTO stripe_event_failures"
                " (event_id, attempts, error_code, error_message, set_aside_at)"
                " SELECT id, 1, 'stripe_permission_missing', 'rak_payout_read', now()"
                " FROM event WHERE stripe_event_id = 'evt_1'"
            )
        )


def _rotate(url: str, keys: str, *options: str) -> tuple[int, dict[str, Any]]:
    result = run(
        "secrets", "rotate", "--json", *options, VAULTRA_SECRET_KEYS=keys, DATABASE_URL=url
    )
    assert KEY not in result.stdout + result.stderr
    told: dict[str, Any] = json.loads(result.stdout)
    return result.returncode, told


def test_check_tells_that_the_old_secret_is_needed(url: str, connected: Shop) -> None:
    code, told = _rotate(url, ROTATED, "--check")
    assert (code, told["changed"], told["remaining"]) == (1, 0, 1)
    assert told["old_secrets_can_be_dropped"] is False


def test_rotation_lets_the_old_secret_go(url: str, connected: Shop) -> None:
    code, told = _rotate(url, ROTATED)
    assert (code, told["changed"], told["old_secrets_can_be_dropped"]) == (0, 1, True)
    assert _rotate(url, ROTATED) == (0, {**told, "changed": 0})
    # Without the old secret, everything is still readable.
    assert _rotate(url, NEW, "--check") == (0, {**told, "changed": 0})


def test_person_is_told_what_was_done_and_what_can_go(url: str, connected: Shop) -> None:
    said = run("secrets", "rotate", VAULTRA_SECRET_KEYS=ROTATED, DATABASE_URL=url).stdout
    assert "1 token was encrypted again" in said
    assert "They can be dropped" in said


def test_token_of_a_dropped_secret_is_told(url: str, connected: Shop) -> None:
    result = run("secrets", "rotate", VAULTRA_SECRET_KEYS=NEW, DATABASE_URL=url)
    assert result.returncode == 1
    assert "put the secret back that wrote" in " ".join(result.stdout.split())


def test_rotation_without_a_ring_says_which_setting_is_missing(url: str) -> None:
    check_refusal(run("secrets", "rotate", DATABASE_URL=url), "VAULTRA_SECRET_KEYS")


def _doctor(url: str, **environment: str) -> tuple[int, dict[str, Any]]:
    result = run("doctor", "--json", VAULTRA_SECRET_KEYS=ROTATED, DATABASE_URL=url, **environment)
    assert KEY not in result.stdout + result.stderr
    told: dict[str, Any] = json.loads(result.stdout)
    return result.returncode, told


def test_doctor_shows_connections_with_what_they_lack(url: str, connected: Shop) -> None:
    code, told = _doctor(url)
    assert code == 0
    [shown] = told["connections"]["items"]
    assert (shown["account_id"], shown["status"]) == ("acct_1", "active")
    assert shown["business_id"] == str(connected.business_id)
    assert shown["missing_permissions"] == ["rak_payout_read"]
    assert shown["last_synced_at"] is None
    assert "never synced" in told["connections"]["finding"]
    assert "rak_payout_read" in told["connections"]["finding"]


def test_doctor_has_nothing_to_say_without_a_connection(url: str) -> None:
    code, told = _doctor(url)
    assert code == 0
    assert told["connections"]["finding"] == "no Stripe account is connected"
    assert told["events"]["finding"] == "0 waiting, 0 set aside"


async def test_doctor_finds_a_key_that_stripe_refused(
    url: str, connected: Shop, database: Database
) -> None:
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE integration_accounts SET status = 'revoked'"))
    code, told = _doctor(url)
    assert (code, told["connections"]["ok"]) == (1, False)
    assert "connect it again" in told["connections"]["finding"]


async def test_doctor_is_content_with_an_account_that_was_disconnected(
    url: str, connected: Shop, database: Database
) -> None:
    async with database.unit_of_work() as session:
        await session.execute(
            text(
                "UPDATE integration_accounts SET status = 'revoked', access_token_encrypted = NULL"
            )
        )
    assert _doctor(url)[0] == 0


async def test_doctor_shows_events_that_were_set_aside(
    url: str, connected: Shop, database: Database
) -> None:
    await _set_aside(database)
    code, told = _doctor(url)
    assert (code, told["events"]["ok"]) == (1, False)
    assert told["events"]["finding"].startswith("1 waiting, 1 set aside")
    [shown] = told["events"]["items"]
    assert (shown["stripe_event_id"], shown["object_id"]) == ("evt_1", "po_1")
    assert (shown["error_message"], shown["attempts"]) == ("rak_payout_read", 1)
    assert "connect it again" in shown["how_to_proceed"]


@pytest.mark.parametrize(
    ("configured", "code", "said"),
    [
        ("", 0, "no STRIPE_WEBHOOK_SECRET"),
        ("whsec_one,whsec_two", 0, "2 in STRIPE_WEBHOOK_SECRET"),
        ("whsec_one,", 1, "holds an empty secret"),
    ],
)
def test_doctor_tells_whether_webhooks_are_set_up(
    url: str, configured: str, code: int, said: str
) -> None:
    found, told = _doctor(url, STRIPE_WEBHOOK_SECRET=configured)
    assert found == code
    assert said in told["webhooks"]["finding"]
    assert "whsec_one" not in json.dumps(told)
