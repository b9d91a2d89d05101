"""Every stored token comes to the ring's first secret, whenever that is broken off."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select, update

from db.columns import KeyRing, encrypt
from db.models import IntegrationAccount
from db.session import Database
from domain.errors import ConfigurationError
from services import key_rotation
from services.integrations import StoredKey, open_key, token_place
from services.key_rotation import Rotation, check_tokens, rotate_tokens
from tests.factories import make_shop

OLD, NEW, LOST = ("the old secret of the ring, long enough", "the new one" * 4, "the lost" * 5)
OLD_RING, BOTH, NEW_RING = KeyRing([OLD]), KeyRing([NEW, OLD]), KeyRing([NEW])


async def _store(database: Database, ring: KeyRing, key: str) -> UUID:
    """Store a business with a token that the ring has encrypted."""
    shop = await make_shop(database, key)
    async with database.unit_of_work() as session:
        session.add(
            IntegrationAccount(
                business_id=shop.business_id,
                provider="stripe",
                external_id=f"acct_{key}",
                access_token_encrypted=encrypt(ring, key, bound_to=token_place(shop.business_id)),
            )
        )
    return shop.business_id


async def _stored(database: Database) -> dict[str, StoredKey]:
    async with database.unit_of_work() as session:
        rows = (await session.execute(select(IntegrationAccount))).scalars()
        return {
            row.external_id.removeprefix("acct_"): StoredKey(
                row.business_id, row.access_token_encrypted
            )
            for row in rows
        }


async def _opened(database: Database, ring: KeyRing) -> dict[str, str]:
    return {name: open_key(ring, stored) for name, stored in (await _stored(database)).items()}


@pytest.fixture
async def five(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Five tokens of the old secret, rotated two at a time."""
    monkeypatch.setattr(key_rotation, "BATCH", 2)
    keys = [f"rk_test_{number}" for number in range(5)]
    for key in keys:
        await _store(database, OLD_RING, key)
    return keys


async def test_all_tokens_come_to_the_new_secret(database: Database, five: list[str]) -> None:
    assert await rotate_tokens(database, BOTH) == Rotation(5, 0, 0)
    assert await _opened(database, NEW_RING) == {key: key for key in five}


async def test_second_rotation_finds_nothing_to_do(database: Database, five: list[str]) -> None:
    await rotate_tokens(database, BOTH)
    before = await _stored(database)
    assert await rotate_tokens(database, BOTH) == Rotation(0, 0, 0)
    assert await _stored(database) == before


async def test_check_counts_and_changes_nothing(database: Database, five: list[str]) -> None:
    before = await _stored(database)
    checked = await check_tokens(database, BOTH)
    assert (checked, checked.complete) == (Rotation(0, 5, 0), False)
    assert await _stored(database) == before


async def test_rotation_that_broke_off_goes_on_where_it_was(
    database: Database, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def breaking(*args: object, **named: object) -> str:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return encrypt(*args, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(key_rotation, "encrypt", breaking)
        with pytest.raises(KeyboardInterrupt):
            await rotate_tokens(database, BOTH)
    # Two of the first batch are done; of the second, none.
    assert await check_tokens(database, BOTH) == Rotation(0, 3, 0)
    assert await _opened(database, BOTH) == {key: key for key in five}
    assert await rotate_tokens(database, BOTH) == Rotation(3, 0, 0)


async def test_two_rotations_at_once_do_each_token_once(
    database: Database, five: list[str]
) -> None:
    done = await asyncio.gather(rotate_tokens(database, BOTH), rotate_tokens(database, BOTH))
    assert sum(rotation.changed for rotation in done) == 5
    assert await _opened(database, NEW_RING) == {key: key for key in five}


async def test_token_of_a_lost_secret_is_told_and_left(database: Database, five: list[str]) -> None:
    await _store(database, KeyRing([LOST]), "rk_test_lost")
    lost = (await _stored(database))["rk_test_lost"]
    assert await rotate_tokens(database, BOTH) == Rotation(5, 1, 1)
    assert (await _stored(database))["rk_test_lost"] == lost


async def test_token_of_another_row_is_not_made_readable(
    database: Database, five: list[str]
) -> None:
    stored = await _stored(database)
    async with database.unit_of_work() as session:
        await session.execute(
            update(IntegrationAccount)
            .where(IntegrationAccount.business_id == stored["rk_test_0"].business_id)
            .values(access_token_encrypted=stored["rk_test_1"].encrypted)
        )
    assert await rotate_tokens(database, BOTH) == Rotation(4, 1, 1)
    with pytest.raises(ConfigurationError):
        open_key(BOTH, (await _stored(database))["rk_test_0"])


async def test_disconnected_account_has_nothing_to_rotate(database: Database) -> None:
    await _store(database, OLD_RING, "rk_test_1")
    async with database.unit_of_work() as session:
        await session.execute(update(IntegrationAccount).values(access_token_encrypted=None))
    assert await rotate_tokens(database, NEW_RING) == Rotation(0, 0, 0)
