"""What shows late in Stripe's lists, or only while they are read, is not lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from integrations.stripe.gateway import Page
from integrations.stripe.resources import BALANCE_TRANSACTIONS, CHARGES, EVENTS
from tests.services.stripe_sync.connected import START, SmallPages, truth
from tests.services.stripe_sync.moving import Moving


class Late(SmallPages):
    """What happens shows in the lists four minutes after the time it bears."""

    async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
        page = await super().list_page(resource, **parameters)
        return replace(page, server_time=page.server_time + 240)


async def test_event_that_is_listed_late_is_seen_by_the_next_sync(busy: Moving) -> None:
    await busy.sync(Late)
    busy.time.pass_by(seconds=61)
    await busy.sync()
    assert await busy.refunded("ch_Old19") == 300
    assert await busy.differences() == []


async def test_event_that_is_listed_late_during_a_long_first_sync_is_seen(busy: Moving) -> None:
    class Long(Late):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            page = await super().list_page(resource, **parameters)
            if resource is CHARGES:
                busy.time.pass_by(hours=2)
            return page

    await busy.sync(Long)
    await busy.sync()
    assert await busy.refunded("ch_Old19") == 300
    assert await busy.differences() == []


async def test_line_without_an_event_made_during_a_long_first_sync_is_read_by_the_next(
    busy: Moving,
) -> None:
    class Silent(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            page = await super().list_page(resource, **parameters)
            if resource is BALANCE_TRANSACTIONS:
                busy.time.pass_by(hours=2)
            return replace(page, items=[], has_more=False) if resource is EVENTS else page

    await busy.sync(Silent)
    await busy.sync(Silent)
    lines = await busy.value("SELECT count(*) FROM ledger_balance_transactions")
    assert lines == len((await truth(busy.url))["balance_transactions"])


async def test_line_of_the_balance_that_is_listed_late_comes_with_its_webhook(
    busy: Moving,
) -> None:
    await busy.sync(Late)
    busy.time.pass_by(seconds=61)
    await busy.receive(*await busy.events())
    await busy.apply()
    assert await busy.differences() == []


async def test_new_lines_of_the_balance_are_read_to_their_last_page_and_each_page_once(
    busy: Moving,
) -> None:
    await busy.sync()
    busy.time.pass_by(days=10)
    await busy.receive(*await busy.events())
    before = busy.stripe.api.traffic.copy()
    await busy.apply(lambda gateway: SmallPages(gateway, 3))
    pages = (busy.stripe.api.traffic - before)["/v1/balance_transactions"]
    assert await busy.differences() == []
    new = "SELECT count(*) FROM ledger_balance_transactions WHERE created_at > :since"
    lines = await busy.value(new, since=START)
    assert lines > 6
    assert pages == -(-lines // 3)


async def test_line_that_comes_while_others_are_read_is_read_behind_the_next_webhooks(
    busy: Moving,
) -> None:
    """Pages come newest first: what is made after the first one was answered is in none."""

    class Slow(SmallPages):
        async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
            page = await super().list_page(resource, **{**parameters, "limit": 3})
            busy.time.pass_by(days=1)
            return page

    await busy.sync()
    busy.time.pass_by(days=4)
    await busy.receive(*await busy.events())
    await busy.apply(Slow)
    await busy.receive(*await busy.events())
    await busy.apply()
    assert await busy.differences() == []
