"""The sandbox's own routes, below /_sandbox: no part of Stripe, and for this computer alone.

They let another process change faults and time while it runs, read what was asked, and have
webhooks sent. What they take and return is JSON.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from ipaddress import ip_address

import orjson
from aiohttp import hdrs, web

from domain.errors import InvalidInputError
from sandbox.stripe.api import StripeApi
from sandbox.stripe.clock import (
    SandboxClock,
    from_milliseconds,
    milliseconds,
    read_instant,
)
from sandbox.stripe.delivery import Deliveries, Delivery, read_manner
from sandbox.stripe.faults import read_faults
from sandbox.stripe.render import Json

_Control = Callable[[Json], Json] | Callable[[Json], Awaitable[Json]]
_CLOCK_FIELDS = {"now", "advance_ms", "speed"}


class Controls:
    """The routes over one sandbox."""

    def __init__(self, api: StripeApi, deliveries: Deliveries) -> None:
        """Take what they control."""
        self._api = api
        self._deliveries = deliveries

    def routes(self) -> list[web.RouteDef]:
        """Return every control."""
        return [
            web.get("/_sandbox", _control(self._show_all)),
            web.get("/_sandbox/faults", _control(self._show_faults)),
            web.post("/_sandbox/faults", _control(self._set_faults)),
            web.get("/_sandbox/clock", _control(self._show_clock)),
            web.post("/_sandbox/clock", _control(self._set_clock)),
            web.get("/_sandbox/traffic", _control(self._show_traffic)),
            web.post("/_sandbox/traffic", _control(self._clear_traffic)),
            web.post("/_sandbox/deliveries", _control(self._deliver)),
        ]

    def _show_all(self, given: Json) -> Json:
        accounts = [ledger.shop for ledger in self._api.accounts.businesses]
        return {
            "accounts": [{"id": shop.account_id, "name": shop.name} for shop in accounts],
            "clock": self._show_clock(given),
            "faults": self._show_faults(given),
            "traffic": self._show_traffic(given),
        }

    def _show_faults(self, _: Json) -> Json:
        return self._api.faults.to_json()

    def _set_faults(self, given: Json) -> Json:
        self._api.faults = read_faults(given)
        return self._show_faults({})

    def _show_clock(self, _: Json) -> Json:
        clock = self._api.clock
        now = clock()
        speed = clock.speed if isinstance(clock, SandboxClock) else None
        return {"now": now.isoformat(), "now_ms": milliseconds(now), "speed": speed}

    def _set_clock(self, given: Json) -> Json:
        """Go to `now` (ISO 8601 or milliseconds) or by `advance_ms`, and run at `speed`."""
        advance, speed = given.get("advance_ms", 0), given.get("speed")
        numbers = type(advance) is int and (speed is None or type(speed) in (int, float))
        if not numbers or set(given) - _CLOCK_FIELDS:
            raise InvalidInputError(
                'Write {"now": "2026-03-01T12:00:00Z"}, {"advance_ms": 1000} or {"speed": 0}.'
            )
        present = self._api.clock
        now = _read_now(given["now"]) if "now" in given else present()
        if speed is None:
            speed = present.speed if isinstance(present, SandboxClock) else 1.0
        moment = now + timedelta(milliseconds=advance)
        self._api.clock = SandboxClock(moment, speed=speed)
        return self._show_clock({})

    def _show_traffic(self, _: Json) -> Json:
        statuses = {str(status): count for status, count in self._api.statuses.items()}
        return {"requests": dict(self._api.traffic), "statuses": statuses}

    def _clear_traffic(self, _: Json) -> Json:
        self._api.traffic.clear()
        self._api.statuses.clear()
        return self._show_traffic({})

    async def _deliver(self, given: Json) -> Json:
        """Send the events of (since, until], milliseconds; the rest is a Manner."""
        since, until = given.pop("since", None), given.pop("until", None)
        if type(since) is not int or type(until) is not int:
            raise InvalidInputError("Write since and until in milliseconds since the epoch.")
        manner = read_manner(given) if given else None
        done = await self._deliveries.send(since=since, until=until, manner=manner)
        return {"deliveries": [_described(delivery) for delivery in done]}


def _described(delivery: Delivery) -> Json:
    return {
        "event": delivery.event.id,
        "type": delivery.event.body["type"],
        "account": delivery.event.account_id,
        "url": delivery.endpoint.url,
        "mischief": sorted(delivery.mischief),
        "attempts": delivery.attempts,
        "status": delivery.status,
    }


def _read_now(given: object) -> datetime:
    if type(given) is int:
        return from_milliseconds(given)
    return read_instant(str(given))


def _control(work: _Control) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        if not _is_local(request.remote):
            return _answer(403, {"error": "The sandbox is controlled from its own computer only."})
        try:
            outcome = work(await _read_json(request))
            return _answer(200, outcome if isinstance(outcome, dict) else await outcome)
        except InvalidInputError as error:
            return _answer(400, {"error": error.message})

    return handle


async def _read_json(request: web.Request) -> Json:
    """Return the body of a POST; it must say that it is JSON, which no form of a web page can."""
    if request.method != hdrs.METH_POST:
        return {}
    message = "Send a JSON object, with Content-Type: application/json."
    if request.content_type != "application/json":
        raise InvalidInputError(message)
    try:
        body = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        raise InvalidInputError(message) from None
    if not isinstance(body, dict):
        raise InvalidInputError(message)
    return body


def _answer(status: int, body: Json) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")


def _is_local(remote: str | None) -> bool:
    try:
        return remote is not None and ip_address(remote).is_loopback
    except ValueError:
        return False
