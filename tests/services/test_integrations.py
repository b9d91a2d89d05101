"""Only restricted keys are taken; they are stored encrypted, and bound to their business."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from db.columns import KeyRing
from db.session import Database
from domain.access import Role
from domain.errors import (
    ConfigurationError,
    ConflictError,
    InvalidInputError,
    NotPermittedError,
    StripeKeyError,
    StripePermissionError,
)
from integrations.stripe.client import StripeClient
from integrations.stripe.resources import PERMISSIONS
from sandbox.stripe.server import serve
from services.inspection import inspect_account, require_restricted_key
from services.integrations import (
    StoredKey,
    connect_stripe,
    find_integration,
    open_key,
    stripe_opener,
)
from tests.factories import Shop, make_shop
from tests.integrations.stripe.ledgers import KEY, small_shop
from tests.services.stripe_sync.connected import ACCOUNT, RING, START, account_row, connect


async def stored_key(database: Database, shop: Shop) -> StoredKey:
    async with database.unit_of_work() as session:
        found = await find_integration(session, shop.access)
    assert found is not None
    row = await account_row(database, found.id)
    return StoredKey(row.business_id, row.access_token_encrypted)


def test_restricted_key_is_taken_without_blanks() -> None:
    assert require_restricted_key(f" {KEY}\n") == KEY


def test_secret_key_is_refused_with_the_way_to_a_restricted_one() -> None:
    with pytest.raises(InvalidInputError, match="can move money") as caught:
        require_restricted_key("sk_live_1234567890abcdef")
    assert caught.value.hint is not None
    assert all(permission in caught.value.hint for permission in PERMISSIONS)
    assert "1234567890" not in f"{caught.value!r} {caught.value.hint}"


@pytest.mark.parametrize("text", ["", "rk_", "rk_prod_1234", "pk_test_123", "rk_test_1 2", "hello"])
def test_anything_else_is_no_restricted_key(text: str) -> None:
    with pytest.raises(InvalidInputError, match="rk_live_"):
        require_restricted_key(text)


async def test_connected_account_is_found_again(database: Database, shop: Shop) -> None:
    integration_id = await connect(database, shop.access)
    async with database.unit_of_work() as session:
        found = await find_integration(session, shop.access)
    assert found is not None
    assert (found.id, found.account_id, found.status) == (integration_id, ACCOUNT.id, "active")
    assert (found.time_zone, found.default_currency, found.livemode) == (
        "America/New_York",
        "usd",
        False,
    )
    assert (found.account_created, found.last_synced_at) == (ACCOUNT.created, None)


async def test_no_account_is_found_before_one_is_connected(database: Database, shop: Shop) -> None:
    async with database.unit_of_work() as session:
        assert await find_integration(session, shop.access) is None


async def test_viewer_cannot_connect_an_account(database: Database, shop: Shop) -> None:
    with pytest.raises(NotPermittedError):
        await connect(database, shop.as_role(Role.VIEWER))


async def test_secret_key_is_not_stored_even_if_asked(database: Database, shop: Shop) -> None:
    with pytest.raises(InvalidInputError):
        await connect(database, shop.access, "sk_test_1234567890")
    async with database.unit_of_work() as session:
        assert await find_integration(session, shop.access) is None


async def test_key_is_stored_encrypted_and_opens_again(database: Database, shop: Shop) -> None:
    await connect(database, shop.access)
    async with database.unit_of_work() as session:
        rows = await session.execute(text("SELECT to_jsonb(a)::text FROM integration_accounts a"))
        dump = "".join(rows.scalars())
    assert ACCOUNT.id in dump
    assert KEY not in dump
    assert open_key(RING, await stored_key(database, shop)) == KEY


async def test_key_copied_to_another_business_does_not_open(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Other shop")
    await connect(database, shop.access)
    async with database.unit_of_work() as session:
        account = replace(ACCOUNT, id="acct_1Other")
        await connect_stripe(
            session, other.access, "rk_test_other", ring=RING, account=account, now=START
        )
    async with database.unit_of_work() as session:
        await session.execute(
            text(
                "UPDATE integration_accounts SET access_token_encrypted = :stolen"
                " WHERE business_id = :victim"
            ),
            {
                "stolen": (await stored_key(database, shop)).encrypted,
                "victim": other.business_id,
            },
        )
    with pytest.raises(ConfigurationError, match="another row"):
        open_key(RING, await stored_key(database, other))


async def test_new_key_replaces_the_old_one_and_revives_the_account(
    database: Database, shop: Shop
) -> None:
    integration_id = await connect(database, shop.access)
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE integration_accounts SET status = 'revoked'"))
    assert await connect(database, shop.access, "rk_test_renewed") == integration_id
    assert open_key(RING, await stored_key(database, shop)) == "rk_test_renewed"
    assert (await account_row(database, integration_id)).status == "active"


@pytest.mark.parametrize(
    "other", [replace(ACCOUNT, id="acct_1Other"), replace(ACCOUNT, livemode=True)]
)
async def test_second_account_or_mode_is_refused_and_the_first_stays(
    database: Database, shop: Shop, other: object
) -> None:
    await connect(database, shop.access)
    with pytest.raises(ConflictError, match="connected already"):
        async with database.unit_of_work() as session:
            await connect_stripe(
                session, shop.access, "rk_test_other", ring=RING, account=other, now=START
            )
    assert open_key(RING, await stored_key(database, shop)) == KEY


def test_missing_key_asks_for_a_connection() -> None:
    with pytest.raises(StripeKeyError, match="Connect"):
        open_key(RING, StoredKey(uuid4(), encrypted=None))


async def test_opener_reads_the_account_of_the_stored_key(database: Database, shop: Shop) -> None:
    await connect(database, shop.access)
    stored = await stored_key(database, shop)
    async with serve(small_shop(), keys=[KEY]) as sandbox:
        opener = stripe_opener(RING, api_base=sandbox.url, timeout_seconds=5.0)
        async with opener(stored) as gateway:
            assert (await gateway.account()).id == ACCOUNT.id


async def test_opener_needs_the_ring_that_wrote(database: Database, shop: Shop) -> None:
    await connect(database, shop.access)
    opener = stripe_opener(KeyRing(["b" * 32]), api_base="http://127.0.0.1:1", timeout_seconds=1)
    with pytest.raises(ConfigurationError, match="VAULTRA_SECRET_KEYS"):
        opener(await stored_key(database, shop))


async def test_inspection_returns_the_account_of_a_sufficient_key() -> None:
    async with (
        serve(small_shop(), keys={KEY: PERMISSIONS}) as sandbox,
        StripeClient(KEY, api_base=sandbox.url, timeout_seconds=5.0) as gateway,
    ):
        inspected = await inspect_account(gateway)
    assert inspected.account.id == ACCOUNT.id
    assert inspected.missing == ()


async def test_inspection_records_permissions_that_can_be_done_without() -> None:
    missing = {"rak_payout_read", "rak_customer_read", "rak_event_read"}
    granted = [p for p in PERMISSIONS if p not in missing]
    async with (
        serve(small_shop(), keys={KEY: granted}) as sandbox,
        StripeClient(KEY, api_base=sandbox.url, timeout_seconds=5.0) as gateway,
    ):
        assert set((await inspect_account(gateway)).missing) == missing


async def test_inspection_names_every_missing_permission_at_once() -> None:
    granted = [p for p in PERMISSIONS if p not in {"rak_charge_read", "rak_customer_read"}]
    async with (
        serve(small_shop(), keys={KEY: granted}) as sandbox,
        StripeClient(KEY, api_base=sandbox.url, timeout_seconds=5.0) as gateway,
    ):
        with pytest.raises(StripePermissionError, match="rak_charge_read, rak_customer_read"):
            await inspect_account(gateway)


async def test_inspection_of_a_refused_key_says_so_and_nothing_of_permissions() -> None:
    async with (
        serve(small_shop(), keys=[KEY]) as sandbox,
        StripeClient("rk_test_unknown", api_base=sandbox.url, timeout_seconds=5.0) as gateway,
    ):
        with pytest.raises(StripeKeyError, match="refused the key"):
            await inspect_account(gateway)
