"""Requests leave at an even pace, for each endpoint and for each account."""

import asyncio
import gc
from collections import Counter
from itertools import pairwise

import pytest
from aiohttp import web

from integrations.stripe.limits import AccountPace, RateLimits
from integrations.stripe.resources import CHARGES, CUSTOMERS
from tests.integrations.stripe.answering import answering, client, listed

PER_SECOND = 25


async def departures(pace: AccountPace, endpoints: list[str]) -> list[tuple[float, str]]:
    """Return when each request could be sent, all of them having been asked for at once."""
    clock = asyncio.get_running_loop().time
    sent: list[tuple[float, str]] = []

    async def send(endpoint: str) -> None:
        await pace.wait(endpoint)
        sent.append((clock(), endpoint))

    await asyncio.gather(*map(send, endpoints))
    return sorted(sent)


def most_in_a_second(times: list[float]) -> int:
    return max(sum(1 for other in times if 0 <= other - first < 1) for first in times)


async def test_no_second_holds_more_requests_to_an_endpoint_than_stripe_takes() -> None:
    sent = await departures(AccountPace(livemode=True), ["charges"] * 40)
    times = [moment for moment, _ in sent]
    assert most_in_a_second(times) <= PER_SECOND
    assert times[-1] - times[0] < 3 * 39 / PER_SECOND


async def test_requests_leave_evenly_from_the_first_one_on() -> None:
    times = [moment for moment, _ in await departures(AccountPace(livemode=True), ["a"] * 8)]
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.5 / PER_SECOND


async def test_endpoints_do_not_wait_for_each_other_in_live_mode() -> None:
    endpoints = [*"abcdefghij"] * 4
    sent = await departures(AccountPace(livemode=True), endpoints)
    assert sent[-1][0] - sent[0][0] < 0.85 * len(endpoints) / PER_SECOND
    assert Counter(name for _, name in sent) == Counter(endpoints)


async def test_a_test_account_has_one_pace_for_all_its_endpoints() -> None:
    sent = await departures(AccountPace(livemode=False), ["a", "b", "c"] * 8)
    assert sent[-1][0] - sent[0][0] > 22 / PER_SECOND


async def test_one_key_has_one_pace_and_others_have_theirs() -> None:
    limits = RateLimits()
    first = limits.of("rk_test_1", None, livemode=False)
    assert limits.of("rk_test_1", None, livemode=False) is first
    assert limits.of("rk_test_2", None, livemode=False) is not first
    assert limits.of("rk_test_1", "acct_1", livemode=False) is not first


async def test_keys_of_one_connected_account_share_its_pace() -> None:
    limits = RateLimits()
    first = limits.of("sk_test_1", "acct_1", livemode=False)
    assert limits.of("sk_test_2", "acct_1", livemode=False) is first
    assert limits.of("sk_live_1", "acct_1", livemode=True) is not first


async def test_nothing_is_kept_of_an_account_that_nobody_reads() -> None:
    limits = RateLimits()
    held = limits.of("rk_test_1", None, livemode=False)
    limits.of("rk_test_2", None, livemode=False)
    gc.collect()
    assert len(limits._paces) == 1
    assert "rk_test_1" not in f"{dict(limits._paces)}"
    del held


@pytest.mark.parametrize("shared", [True, False])
async def test_clients_of_one_account_share_the_pace_they_were_given(shared: bool) -> None:
    times: list[float] = []

    async def answer(_request: web.Request) -> web.Response:
        times.append(asyncio.get_running_loop().time())
        return web.json_response(listed())

    limits = RateLimits()
    async with (
        answering(answer) as url,
        client(url, limits=limits) as one,
        client(url, limits=limits if shared else RateLimits()) as other,
    ):
        asks = [gateway.list_page(CHARGES) for gateway in (one, other) for _ in range(6)]
        await asyncio.gather(*asks)
    # Twelve requests one after the other, or two times six.
    assert (max(times) - min(times) > 9 / PER_SECOND) is shared


async def test_attempts_after_a_refusal_are_paced_too() -> None:
    times: list[float] = []

    async def answer(_request: web.Request) -> web.Response:
        times.append(asyncio.get_running_loop().time())
        return web.json_response(listed(), status=500 if len(times) <= 6 else 200)

    async with answering(answer) as url, client(url) as gateway:
        await asyncio.gather(*(gateway.list_page(CUSTOMERS) for _ in range(6)))
    assert len(times) == 12
    assert most_in_a_second(times) <= PER_SECOND
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.3 / PER_SECOND
