"""The state of an authorization works once, and not after its time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text

from db.models import OAuthState as StoredState
from db.repositories.oauth_states import OAuthState, insert_state, take_state
from db.session import Database
from tests.factories import Shop

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STATE, BROWSER = "5" * 64, "b" * 64


async def begin(database: Database, shop: Shop, state: str = STATE) -> None:
    async with database.unit_of_work() as session:
        expires_at = NOW + timedelta(minutes=15)
        await insert_state(session, state, shop.access, expires_at, BROWSER)


async def take(database: Database, state: str = STATE, *, minutes: int = 0) -> OAuthState | None:
    async with database.unit_of_work() as session:
        return await take_state(session, state, NOW + timedelta(minutes=minutes))


async def test_state_comes_back_with_who_asked(database: Database, shop: Shop) -> None:
    await begin(database, shop)
    assert await take(database) == OAuthState(shop.access.user_id, shop.business_id, BROWSER)


async def test_state_works_once(database: Database, shop: Shop) -> None:
    await begin(database, shop)
    taken = await asyncio.gather(*(take(database) for _ in range(4)))
    assert sum(state is not None for state in taken) == 1


async def test_unknown_state_is_none(database: Database, shop: Shop) -> None:
    await begin(database, shop)
    assert await take(database, "6" * 64) is None


async def test_expired_state_is_none_and_used_up(database: Database, shop: Shop) -> None:
    await begin(database, shop)
    assert await take(database, minutes=15) is None
    assert await take(database) is None


async def test_state_works_to_its_last_minute(database: Database, shop: Shop) -> None:
    await begin(database, shop)
    assert await take(database, minutes=14) is not None


async def test_abandoned_states_go_with_the_next_one(database: Database, shop: Shop) -> None:
    await begin(database, shop)
    await begin(database, shop, "6" * 64)
    async with database.unit_of_work() as session:
        await session.execute(
            text(
                "UPDATE oauth_states SET created_at = now() - INTERVAL '25 hours'"
                " WHERE state_hash = :state"
            ),
            {"state": STATE},
        )
    await begin(database, shop, "7" * 64)
    async with database.unit_of_work() as session:
        left = (await session.execute(select(StoredState.state_hash))).scalars().all()
    assert sorted(left) == ["6" * 64, "7" * 64]
