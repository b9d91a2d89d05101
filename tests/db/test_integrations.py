"""One business holds a Stripe account, and notes on it do not undo each other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import null, update

from db.models import IntegrationAccount
from db.repositories import integrations
from db.repositories.integrations import IntegrationStatus
from db.session import Database
from domain.errors import ConflictError
from tests.factories import Shop, make_shop

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = int(NOW.timestamp())


async def connect(
    database: Database, shop: Shop, *, account: str = "acct_1", livemode: bool = False, **kept: Any
) -> IntegrationAccount | None:
    async with database.unit_of_work() as session:
        return await integrations.save_integration(
            session,
            shop.access,
            external_id=account,
            encrypted_token="v1.token",
            metadata={"livemode": livemode, **kept},
            now=NOW,
        )


async def stored(database: Database, shop: Shop) -> IntegrationAccount:
    async with database.unit_of_work() as session:
        found = await integrations.find_integration(session, shop.access)
    assert found is not None
    return found


async def revoke(database: Database, shop: Shop) -> None:
    account = await stored(database, shop)
    async with database.unit_of_work() as session:
        await integrations.revoke(session, account.id, account.access_token_encrypted)


async def patch(database: Database, account: IntegrationAccount, **values: Any) -> None:
    async with database.unit_of_work() as session:
        await integrations.patch_metadata(session, account.id, values)


async def due(database: Database, before: datetime = NOW) -> list[str]:
    async with database.unit_of_work() as session:
        return [row.external_id for row in await integrations.due_for_poll(session, before)]


async def test_account_of_another_business_is_refused(database: Database, shop: Shop) -> None:
    await connect(database, shop)
    other = await make_shop(database, "Other shop")
    with pytest.raises(ConflictError, match="another business"):
        await connect(database, other)
    async with database.unit_of_work() as session:
        assert await integrations.find_integration(session, other.access) is None


async def test_businesses_that_connect_an_account_at_once_are_not_both_let_in(
    database: Database,
) -> None:
    shops = [await make_shop(database, f"Shop {number}") for number in range(4)]
    results = await asyncio.gather(
        *(connect(database, shop) for shop in shops), return_exceptions=True
    )
    assert sum(isinstance(result, IntegrationAccount) for result in results) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == 3


async def test_other_mode_of_an_account_is_another_account(database: Database, shop: Shop) -> None:
    await connect(database, shop)
    assert await connect(database, await make_shop(database), livemode=True) is not None


async def test_account_is_free_again_once_it_is_revoked(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Other shop")
    await connect(database, shop)
    await revoke(database, shop)
    assert await connect(database, other) is not None
    with pytest.raises(ConflictError):
        await connect(database, shop)


async def test_account_that_is_in_trouble_is_not_free(database: Database, shop: Shop) -> None:
    await connect(database, shop)
    async with database.unit_of_work() as session:
        await session.execute(update(IntegrationAccount).values(status=IntegrationStatus.ERROR))
    with pytest.raises(ConflictError):
        await connect(database, await make_shop(database, "Other shop"))


async def test_renewed_key_keeps_how_far_events_were_read(database: Database, shop: Shop) -> None:
    account = await connect(database, shop, country="DE", missing=["rak_event_read"])
    assert account is not None
    await patch(database, account, events_since=SECOND, polled_at=SECOND)
    await revoke(database, shop)
    renewed = await connect(database, shop, country="FR", missing=[])
    assert renewed is not None
    assert (renewed.id, renewed.status) == (account.id, "active")
    assert renewed.account_metadata == {
        "livemode": False,
        "country": "FR",
        "missing": [],
        "events_since": SECOND,
        "polled_at": SECOND,
    }


async def test_notes_at_once_do_not_undo_each_other(database: Database, shop: Shop) -> None:
    account = await connect(database, shop)
    assert account is not None
    await asyncio.gather(*(patch(database, account, **{f"n{n}": n}) for n in range(8)))
    metadata = (await stored(database, shop)).account_metadata
    assert metadata == {"livemode": False, **{f"n{n}": n for n in range(8)}}


async def test_note_replaces_lists_and_works_without_any_metadata(
    database: Database, shop: Shop
) -> None:
    account = await connect(database, shop)
    assert account is not None
    async with database.unit_of_work() as session:
        await session.execute(update(IntegrationAccount).values(account_metadata=null()))
    await patch(database, account, missing=["a", "b"])
    await patch(database, account, missing=["c"])
    assert (await stored(database, shop)).account_metadata == {"missing": ["c"]}


async def test_account_is_due_that_was_not_polled_since(database: Database) -> None:
    polled = {"acct_new": SECOND, "acct_old": SECOND - 2, "acct_older": SECOND - 9}
    for account, second in polled.items():
        row = await connect(database, await make_shop(database), account=account)
        assert row is not None
        await patch(database, row, polled_at=second)
    await connect(database, await make_shop(database), account="acct_never")
    assert await due(database) == ["acct_never", "acct_older", "acct_old"]


async def test_account_that_cannot_be_read_is_never_due(database: Database, shop: Shop) -> None:
    await connect(database, shop)
    await revoke(database, shop)
    token_gone = await make_shop(database)
    await connect(database, token_gone, account="acct_2")
    async with database.unit_of_work() as session:
        await session.execute(
            update(IntegrationAccount)
            .where(IntegrationAccount.external_id == "acct_2")
            .values(access_token_encrypted=None)
        )
    assert await due(database) == []


async def test_success_never_goes_back(database: Database, shop: Shop) -> None:
    account = await connect(database, shop)
    assert account is not None
    for moment in (NOW, NOW - timedelta(hours=1)):
        async with database.unit_of_work() as session:
            await integrations.record_success(session, account.id, moment)
    assert (await stored(database, shop)).last_synced_at == NOW


async def test_success_does_not_bring_back_what_was_revoked(database: Database, shop: Shop) -> None:
    account = await connect(database, shop)
    assert account is not None
    await revoke(database, shop)
    async with database.unit_of_work() as session:
        await integrations.record_success(session, account.id, NOW)
    row = await stored(database, shop)
    assert (row.status, row.last_synced_at) == ("revoked", NOW)


async def test_success_ends_trouble(database: Database, shop: Shop) -> None:
    account = await connect(database, shop)
    assert account is not None
    async with database.unit_of_work() as session:
        await session.execute(update(IntegrationAccount).values(status=IntegrationStatus.ERROR))
    async with database.unit_of_work() as session:
        await integrations.record_success(session, account.id, NOW)
    assert (await stored(database, shop)).status == "active"
