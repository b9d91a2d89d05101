"""The command's options: how they are written, and what they amount to."""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.errors import InvalidInputError
from domain.periods import Month, last_complete_month
from sandbox.stripe.accounts import Platform
from sandbox.stripe.archetypes import ARCHETYPES
from sandbox.stripe.cdnow import TIMEZONE
from sandbox.stripe.clock import Clock, SandboxClock, read_instant, utc_now
from sandbox.stripe.delivery import Manner, Mischief, read_switches
from sandbox.stripe.faults import Faults, Trouble, read_script
from sandbox.stripe.server import DEFAULT_KEY

DEFAULT_ARCHETYPE = "cdnow"
_ACCOUNT = re.compile(r"([a-z0-9_-]+)(?::([1-9]\d{0,6}))?")
_PERMISSIONS = re.compile(r"rak_\w+(?:,rak_\w+)*")


@dataclass(frozen=True, slots=True)
class Business:
    """One account to build; `charges` None leaves the number to the archetype."""

    archetype: str
    charges: int | None
    keys: Mapping[str, Collection[str] | None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Options:
    """What to serve, and how."""

    host: str
    port: int
    businesses: Sequence[Business]
    last_month: Month
    seed: int
    clock: Clock
    faults: Faults
    platform: Platform
    webhook_urls: Sequence[str]
    connect_webhook_urls: Sequence[str]
    webhook_secret: str | None = field(repr=False)
    manner: Manner


def read_options(arguments: Sequence[str] | None, *, prog: str) -> Options:
    """Read the command line; raise InvalidInputError, or exit (2) as argparse does."""
    given = _parser(prog).parse_args(arguments)
    faults = Faults(
        latency_ms=given.latency_ms,
        requests_per_second=given.rate_limit,
        account_requests_per_second=given.account_rate_limit,
        script=read_script(given.script),
    )
    return Options(
        host=given.host,
        port=given.port,
        businesses=_businesses(given.account or [DEFAULT_ARCHETYPE], given.key or []),
        last_month=Month.parse(given.last_month) if given.last_month else _default_month(),
        seed=given.seed,
        clock=_clock(given.clock, given.speed),
        faults=faults.with_switches(given.fault),
        platform=_platform(given),
        webhook_urls=given.webhook_url,
        connect_webhook_urls=given.connect_webhook_url,
        webhook_secret=_webhook_secret(given.webhook_secret),
        manner=replace(read_switches(given.webhook_fault), shuffle=given.webhook_shuffle),
    )


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="A local Stripe to read from, with made-up businesses in it.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (127.0.0.1)")
    parser.add_argument("--port", type=_port, default=12111, help="port (12111); 0: a free one")
    _add_business_options(parser.add_argument_group("businesses"))
    _add_time_options(parser.add_argument_group("time"))
    _add_fault_options(parser.add_argument_group("trouble"))
    _add_connect_options(parser.add_argument_group("Connect and webhooks"))
    return parser


def _epilog() -> str:
    width = max(map(len, ARCHETYPES))
    listed = [f"  {name:{width}}  {kind.summary}" for name, kind in ARCHETYPES.items()]
    change = "While it runs, POST JSON to /_sandbox/faults and /_sandbox/clock to change them."
    return "\n".join(["archetypes:", *listed, "", change])


# What `add_argument_group` returns has no public name.
def _add_business_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--account",
        action="append",
        metavar="ARCHETYPE[:CHARGES]",
        help=f"an account to serve; again for several ({DEFAULT_ARCHETYPE})",
    )
    group.add_argument(
        "--key",
        action="append",
        metavar="[N:]KEY[=PERMISSION,…]",
        help=f"a key of the Nth account, all-powerful or with rak_… permissions ({DEFAULT_KEY}, "
        f"{DEFAULT_KEY}_2, …)",
    )
    group.add_argument("--last-month", metavar="YYYY-MM", help="newest month (the last one)")
    group.add_argument("--seed", type=_count, default=1, help="seed of what is synthetic (1)")


def _add_time_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--clock", default="real", metavar="INSTANT", help="start there, like 2026-03-01T12:00:00Z"
    )
    group.add_argument(
        "--speed", type=_speed, help="sandbox seconds in a real one (0 with --clock, else 1)"
    )


def _add_fault_options(group: argparse._ArgumentGroup) -> None:
    known = "|".join(Trouble)
    group.add_argument(
        "--fault", action="append", default=[], metavar="WHAT:N", help=f"{known}: every Nth request"
    )
    group.add_argument(
        "--script", default="", metavar="STEPS", help='request by request, like "ok 429 500*3"'
    )
    group.add_argument("--latency-ms", type=_count, default=0, help="delay of every answer (0)")
    group.add_argument(
        "--rate-limit", type=_count, default=0, help="requests/s an endpoint (0: off)"
    )
    group.add_argument(
        "--account-rate-limit", type=_count, default=0, help="requests/s an account (0: off)"
    )


def _add_connect_options(group: argparse._ArgumentGroup) -> None:
    own, known = Platform(), "|".join(Mischief)
    group.add_argument("--client-id", default=own.client_id, help=f"({own.client_id})")
    group.add_argument("--platform-key", default=own.secret_key, help=f"({own.secret_key})")
    group.add_argument(
        "--redirect-uri", action="append", metavar="URI", help="registered (any on this computer)"
    )
    group.add_argument(
        "--webhook-url", action="append", default=[], metavar="URL", help="send events there"
    )
    group.add_argument(
        "--connect-webhook-url",
        action="append",
        default=[],
        metavar="URL",
        help="send events of connected accounts there",
    )
    group.add_argument("--webhook-secret", metavar="WHSEC", help="signs them (a new one)")
    group.add_argument(
        "--webhook-fault",
        action="append",
        default=[],
        metavar="WHAT:N",
        help=f"{known}: every Nth delivery",
    )
    group.add_argument(
        "--webhook-shuffle", type=_count, metavar="SEED", help="let them change places"
    )


def _businesses(accounts: Sequence[str], keys: Sequence[str]) -> list[Business]:
    keyed: list[dict[str, Collection[str] | None]] = [{} for _ in accounts]
    for text in keys:
        number, key, permissions = _read_key(text)
        if not 1 <= number <= len(accounts):
            raise InvalidInputError(
                f"--key {number}:… is for account {number}, but there are {len(accounts)}."
            )
        keyed[number - 1][key] = permissions
    return [
        _business(text, own or {_default_key(number): None})
        for number, (text, own) in enumerate(zip(accounts, keyed, strict=True), 1)
    ]


def _business(text: str, keys: Mapping[str, Collection[str] | None]) -> Business:
    match = _ACCOUNT.fullmatch(text)
    if match is None:
        message = f"--account {text!r} is none. Write an archetype, or like saas:10000."
        raise InvalidInputError(message)
    return Business(match[1], int(match[2]) if match[2] else None, keys)


def _read_key(text: str) -> tuple[int, str, Collection[str] | None]:
    """Return the account's number (from 1), the key, and its permissions (None: all)."""
    number, colon, rest = text.partition(":")
    if not colon or not number.isdigit():
        number, rest = "1", text
    key, equals, permissions = rest.partition("=")
    if equals and not _PERMISSIONS.fullmatch(permissions):
        message = f"{permissions!r} are no permissions. Write them like rak_charge_read,…"
        raise InvalidInputError(message)
    return int(number), key, permissions.split(",") if equals else None


def _default_key(number: int) -> str:
    return DEFAULT_KEY if number == 1 else f"{DEFAULT_KEY}_{number}"


def _platform(given: argparse.Namespace) -> Platform:
    if not re.fullmatch(r"sk_(test|live)_\w+", given.platform_key):
        raise InvalidInputError("--platform-key must be a secret key: sk_test_….")
    registered = tuple(given.redirect_uri) if given.redirect_uri else None
    return Platform(given.client_id, given.platform_key, registered)


def _webhook_secret(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"whsec_\w+", text):
        raise InvalidInputError("--webhook-secret must look like whsec_….")
    return text


def _clock(start: str, speed: float | None) -> Clock:
    if start == "real":
        return utc_now if speed is None else SandboxClock(speed=speed)
    return SandboxClock(read_instant(start), speed=speed or 0.0)


def _default_month() -> Month:
    return last_complete_month(datetime.now(ZoneInfo(TIMEZONE)).date())


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,12}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 0")
    return int(text)


def _port(text: str) -> int:
    number = _count(text)
    if number > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is above 65535")
    return number


def _speed(text: str) -> float:
    if not re.fullmatch(r"\d{1,7}(\.\d{1,6})?", text) or float(text) > 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1000000")
    return float(text)
