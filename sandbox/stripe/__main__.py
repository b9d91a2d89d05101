"""Run the sandbox Stripe as its own process: `python -m sandbox.stripe --help`."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from domain.errors import VaultraError
from sandbox.stripe import archetypes
from sandbox.stripe.accounts import Account
from sandbox.stripe.clock import milliseconds
from sandbox.stripe.options import Options, read_options
from sandbox.stripe.server import DEFAULT_KEY, SandboxStripe, serve
from sandbox.stripe.wire import redacted

# Stripe repeats over hours; a person who tries something out waits seconds.
_RETRY_WAITS_S = (1.0, 5.0, 25.0)
_TICK_S = 2.0


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m sandbox.stripe") -> int:
    """Serve until SIGINT or SIGTERM; return the exit status (2: the options are wrong)."""
    try:
        options = read_options(arguments, prog=prog)
        accounts = _load(options)
        asyncio.run(_serve(accounts, options))
    except VaultraError as error:
        sys.stderr.write(" ".join(filter(None, (error.message, error.hint))) + "\n")
        return 2
    except KeyboardInterrupt:
        # Only while a ledger is being built: afterwards the signal is handled.
        sys.stderr.write("Stopped.\n")
        return 130
    return 0


def _load(options: Options) -> list[Account]:
    accounts: list[Account] = []
    built: Counter[str] = Counter()
    for business in options.businesses:
        with _progress(f"Building {business.archetype}"):
            # A second one of a sort gets the next seed: no two shops have the same objects.
            ledger = archetypes.load(
                business.archetype,
                last_month=options.last_month,
                seed=options.seed + built[business.archetype],
                charges=business.charges,
            )
        built[business.archetype] += 1
        accounts.append(Account(ledger, business.keys))
    return accounts


@contextmanager
def _progress(what: str) -> Iterator[None]:
    """Tell on stderr, every other second, that the block is still at work."""
    done, started = threading.Event(), time.monotonic()

    def tell() -> None:
        while not done.wait(_TICK_S):
            sys.stderr.write(f"{what} … {time.monotonic() - started:.0f} s\n")
            sys.stderr.flush()

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


async def _serve(accounts: list[Account], options: Options) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = serve(
        accounts,
        host=options.host,
        port=options.port,
        clock=options.clock,
        faults=options.faults,
        platform=options.platform,
    )
    async with server as stripe, asyncio.TaskGroup() as tasks:
        stripe.deliveries.manner = options.manner
        stripe.deliveries.retry_waits_s = _RETRY_WAITS_S
        secrets = _add_endpoints(stripe, options)
        following = tasks.create_task(stripe.deliveries.follow())
        sys.stdout.write("\n".join([*_greeting(stripe, options), *secrets]) + "\n")
        sys.stdout.flush()
        await stop.wait()
        following.cancel()


def _add_endpoints(stripe: SandboxStripe, options: Options) -> list[str]:
    """Register the webhook URLs; return a line for each secret that is new."""
    api, platform = stripe.api, options.platform
    created = milliseconds(api.clock()) // 1_000
    wanted = [
        (ledger.shop.account_id, url, False)
        for ledger in api.accounts.businesses
        for url in options.webhook_urls
    ]
    wanted += [(platform.account_id, url, True) for url in options.connect_webhook_urls]
    lines: list[str] = []
    for account_id, url, connect in wanted:
        endpoint = api.endpoints.add(
            account_id, url, created=created, connect=connect, secret=options.webhook_secret
        )
        if options.webhook_secret is None:
            lines.append(f"Events of {account_id} go to {url}, signed by {endpoint.secrets[0]}")
    return lines


def _greeting(stripe: SandboxStripe, options: Options) -> Iterator[str]:
    yield f"Sandbox Stripe is ready at {stripe.url}"
    for ledger, business in zip(stripe.api.accounts.businesses, options.businesses, strict=True):
        keys = [key if key.startswith(DEFAULT_KEY) else redacted(key) for key in business.keys]
        shop = ledger.shop
        yield f"Account {shop.account_id} ({shop.name}) opens with {', '.join(keys)}"
    yield f"OAuth: {stripe.url}/oauth/authorize with client_id {options.platform.client_id}"


if __name__ == "__main__":
    sys.exit(main())
