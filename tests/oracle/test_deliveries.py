"""Webhooks over HTTP, through the application's own route, as badly as they may be delivered."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from sandbox.stripe.accounts import Account
from sandbox.stripe.delivery import Delivery, Manner, Mischief
from tests.api.stripe_steps import SECRET, WEBHOOKS, opened
from tests.integrations.stripe.ledgers import KEY
from tests.oracle.shops import moment_in, shop
from tests.oracle.stage import Crew, Pace, Stage
from tests.oracle.world import DAY_MS, connected

MANNER = Manner(
    every={
        Mischief.DROP: 5,
        Mischief.DELAY: 4,
        Mischief.DUPLICATE: 3,
        Mischief.BAD_SIGNATURE: 7,
        Mischief.OLD: 11,
        Mischief.FUTURE: 13,
        Mischief.THIN: 2,
    },
    shuffle=1,
)


async def test_ledger_is_exact_after_webhooks_of_every_sort_through_the_real_route(
    database_url: URL,
) -> None:
    ledger = shop("turbulent")
    accounts = [Account(ledger, (KEY,))]
    crew = Crew(database_url)
    with capture_logs():
        async with opened(database_url, accounts=accounts, STRIPE_WEBHOOK_SECRET=SECRET) as stripe:
            pace, api = Pace(moment_in(ledger, 60)), stripe.sandbox.api
            api.clock = pace
            api.endpoints.add(
                ledger.shop.account_id,
                f"{stripe.service.url}{WEBHOOKS}",
                created=0,
                secret=SECRET,
            )
            stage = Stage(stripe.sandbox.url, api, pace, ledger)
            present = await connected(crew, stripe.service.shop, stage)
            await present.work(present.sync, None)
            for _ in range(3):
                since, pace.ms = pace.ms, pace.ms + 3 * DAY_MS
                sent = await stripe.sandbox.deliveries.send(
                    since=since, until=pace.ms, manner=MANNER
                )
                check(sent)
                await present.work(present.apply, None)
            await present.settle(by_polls=True)
    await crew.dismiss()


def check(sent: Sequence[Delivery]) -> None:
    """What was rightly signed was taken, and nothing else."""
    assert {what for one in sent for what in one.mischief} == set(MANNER.every)
    for one in sent:
        if one.attempts:
            # An hour too early and an hour too late is just in time.
            late = (Mischief.OLD in one.mischief) != (Mischief.FUTURE in one.mischief)
            wrong = late or Mischief.BAD_SIGNATURE in one.mischief
            assert one.status == (400 if wrong else 200), one.mischief
