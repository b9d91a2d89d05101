"""Run the sandbox Stripe as its own process: `python -m sandbox.stripe --help`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.errors import VaultraError
from domain.periods import Month, last_complete_month
from sandbox.stripe.cdnow import TIMEZONE, load_shop
from sandbox.stripe.faults import Faults
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.server import DEFAULT_KEY, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status (2: the options are wrong)."""
    options = _parser().parse_args(arguments)
    try:
        faults = Faults(latency_ms=options.latency_ms, requests_per_second=options.rate_limit)
        faults = faults.with_switches(options.fault)
        last_month = Month.parse(options.last_month) if options.last_month else _default_month()
        ledger = load_shop(last_month=last_month, seed=options.seed)
        asyncio.run(_serve(ledger, faults, options))
    except VaultraError as error:
        sys.stderr.write(" ".join(filter(None, (error.message, error.hint))) + "\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.stripe",
        description="A local Stripe with the CDNOW shop in it, for the demo and for tests.",
        epilog="Point the product at it with STRIPE_API_BASE and connect the account by the key.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--port", type=_port, default=12111, help="port; 0 takes a free one")
    parser.add_argument("--last-month", metavar="YYYY-MM", help="newest month; unset: the last one")
    parser.add_argument("--seed", type=_count, default=1, help="seed of what is synthetic")
    parser.add_argument("--key", action="append", help=f"key that works; unset: {DEFAULT_KEY}")
    parser.add_argument("--latency-ms", type=_count, default=0, help="delay of every answer")
    parser.add_argument(
        "--rate-limit", type=_count, default=0, help="requests/s an endpoint; 0 off"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="WHAT:N",
        help="strike every Nth request: 429:N, 500:N, truncate:N or delay:N",
    )
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def _port(text: str) -> int:
    number = _count(text)
    if number > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is above 65535")
    return number


def _default_month() -> Month:
    return last_complete_month(datetime.now(ZoneInfo(TIMEZONE)).date())


async def _serve(ledger: Ledger, faults: Faults, options: argparse.Namespace) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    keys = options.key or [DEFAULT_KEY]
    server = serve(ledger, host=options.host, port=options.port, keys=keys, faults=faults)
    async with server as stripe:
        sys.stdout.write(f"Sandbox Stripe is ready at {stripe.url}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
