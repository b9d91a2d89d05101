"""Businesses: entered by members only, and told about as far as they are known."""

from datetime import UTC, date, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from pydantic_core import to_jsonable_python

from db.models import Membership
from db.session import Database
from domain.access import Access, Role
from domain.errors import InvalidInputError, NotFoundError
from services import businesses, snapshots
from services.businesses import BusinessProfile
from tests.factories import Shop, make_shop
from tests.services.books import Books

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def profile(database: Database, access: Access) -> BusinessProfile:
    async with database.unit_of_work() as session:
        return await businesses.profile(session, access)


async def test_member_gets_access_with_their_role(database: Database, shop: Shop) -> None:
    async with database.unit_of_work() as session:
        access = await businesses.access_for(session, shop.access.user_id, shop.business_id)
    assert access == shop.access


async def test_access_has_the_role_of_that_business(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    async with database.unit_of_work() as session:
        session.add(
            Membership(user_id=shop.access.user_id, business_id=other.business_id, role="viewer")
        )
    async with database.unit_of_work() as session:
        access = await businesses.access_for(session, shop.access.user_id, other.business_id)
        mine = await businesses.list_for_user(session, shop.access.user_id)
    assert access.role is Role.VIEWER
    assert [(view.name, view.role) for view in mine] == [
        ("Record shop", Role.OWNER),
        ("Book shop", Role.VIEWER),
    ]


async def test_stranger_finds_no_business(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    async with database.unit_of_work() as session:
        for business_id in (other.business_id, uuid4()):
            with pytest.raises(NotFoundError, match="no such business"):
                await businesses.access_for(session, shop.access.user_id, business_id)
        assert await businesses.list_for_user(session, uuid4()) == []


async def test_creator_owns_the_business(database: Database, shop: Shop) -> None:
    async with database.unit_of_work() as session:
        view = await businesses.create_business(
            session,
            shop.access.user_id,
            "  Tea room ",
            legal_entity="Tea Ltd",
            industry="hospitality",
            founded_at=date(2020, 5, 1),
        )
    async with database.unit_of_work() as session:
        access = await businesses.access_for(session, shop.access.user_id, view.id)
    assert access.role is Role.OWNER
    assert (view.name, view.legal_entity, view.industry, view.founded_at) == (
        "Tea room",
        "Tea Ltd",
        "hospitality",
        date(2020, 5, 1),
    )


@pytest.mark.parametrize("name", ["", "  ", "x" * 256, "nul \x00"])
async def test_impossible_name_is_refused(database: Database, shop: Shop, name: str) -> None:
    async with database.unit_of_work() as session:
        with pytest.raises(InvalidInputError, match="The name"):
            await businesses.create_business(session, shop.access.user_id, name)


async def test_profile_before_stripe_says_what_is_unknown(database: Database, shop: Shop) -> None:
    assert to_jsonable_python(await profile(database, shop.access)) == {
        "name": "Record shop",
        "legal_entity": None,
        "industry": None,
        "founded_at": None,
        "currency": None,
        "time_zone": "UTC",
        "first_charge_at": None,
        "months_of_history": 0,
        "stripe_account_status": "not_connected",
    }


async def test_profile_after_connecting_knows_the_account(database: Database, shop: Shop) -> None:
    await Books(shop.access, synced_at=None, zone="Pacific/Auckland").save(database)
    found = await profile(database, shop.access)
    assert (found.currency, found.time_zone, found.stripe_account_status) == (
        "usd",
        "Pacific/Auckland",
        "active",
    )


async def test_profile_after_a_sync_counts_the_history(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    books.charge("2026-06-20T08:00:00", status="failed")
    books.charge("2026-07-20T08:00:00", currency="eur")
    await books.save(database)
    async with database.unit_of_work() as session:
        await snapshots.rebuild(session, shop.access, zone=ZoneInfo("America/New_York"), now=NOW)
    found = await profile(database, shop.access)
    assert found.first_charge_at == datetime(2026, 7, 20, 8, tzinfo=UTC)
    # July to October are over, November is not.
    assert (found.months_of_history, found.currency) == (4, "eur")


async def test_profile_of_a_business_that_is_gone_is_not_found(
    database: Database, shop: Shop
) -> None:
    with pytest.raises(NotFoundError):
        await profile(database, Access(uuid4(), uuid4(), Role.OWNER))
