"""Runs of a process read and write together, in that order."""

import asyncio

from db.tick import Tick


async def test_what_is_called_comes_behind_those_who_waited() -> None:
    tick, order = Tick(), []

    async def read(name: str) -> None:
        await tick.next()
        order.append(name)

    tick.call(lambda: order.append("written"))
    async with asyncio.timeout(60):
        await asyncio.gather(read("first"), read("second"))
        await asyncio.sleep(0)
    assert order == ["first", "second", "written"]


async def test_who_was_woken_has_its_write_done_with_the_same_tick() -> None:
    tick = Tick()
    written = asyncio.Event()
    async with asyncio.timeout(60):
        await tick.next()
        tick.call(written.set)
        later = tick.next()
        await written.wait()
        assert not later.done()
        await later


async def test_tick_comes_to_those_who_did_not_give_up() -> None:
    tick = Tick()
    given_up, kept = tick.next(), tick.next()
    given_up.cancel()
    async with asyncio.timeout(60):
        await kept
    assert given_up.cancelled()
