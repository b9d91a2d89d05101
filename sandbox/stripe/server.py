"""The sandbox Stripe on the wire: keys, headers, faults and the read endpoints."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial

import orjson
from aiohttp import hdrs, web

from domain.errors import ConfigurationError, InvalidInputError
from sandbox.stripe import profiles, resources, wire
from sandbox.stripe.faults import Faults, RateLimit, Trouble
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.params import read_expand, read_list
from sandbox.stripe.render import Json
from sandbox.stripe.resources import RESOURCES, Resource

API_VERSION = "2026-10-28.endive"
DEFAULT_KEY = "rk_test_sandbox"
_KEY = re.compile(r"(?:sk|rk)_(test|live)_\w+")

Clock = Callable[[], datetime]
Keys = Iterable[str] | Mapping[str, Collection[str] | None]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Answer = Callable[[web.Request, int], Json]


def utc_now() -> datetime:
    """Return the real time."""
    return datetime.now(UTC)


class StripeApi:
    """One account's API: answers requests from the ledger as it stands at the clock's time.

    `faults` may be replaced while it serves; `traffic` counts requests by endpoint and
    `statuses` answers by HTTP status.
    """

    def __init__(self, ledger: Ledger, *, keys: Keys, clock: Clock, faults: Faults) -> None:
        """Take the keys that work; raise InvalidInputError for one that Stripe cannot have made."""
        self.ledger = ledger
        self.clock = clock
        self.faults = faults
        self.traffic: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self._keys = _permissions(keys, livemode=ledger.shop.livemode)
        self._limit = RateLimit(time.monotonic)
        self._admitted = 0

    def routes(self) -> list[web.RouteDef]:
        """Return every endpoint."""
        routes = [
            web.get("/v1/account", self._endpoint(resources.ACCOUNT_PERMISSION, self._account)),
            web.get(
                "/v1/accounts/{id}", self._endpoint(resources.ACCOUNT_PERMISSION, self._account)
            ),
        ]
        for resource in RESOURCES:
            page = self._endpoint(resource.permission, partial(self._list, resource))
            one = self._endpoint(resource.permission, partial(self._retrieve, resource))
            routes += [web.get(resource.path, page), web.get(f"{resource.path}/{{id}}", one)]
        return routes

    async def stamp(self, request: web.Request, response: web.StreamResponse) -> None:
        """Put Stripe's headers on a response that is about to be sent."""
        self.statuses[response.status] += 1
        headers = response.headers
        headers["Request-Id"] = f"req_{secrets.token_hex(7)}"
        headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
        headers[hdrs.CACHE_CONTROL] = "no-cache, no-store"
        headers[hdrs.DATE] = format_datetime(self.clock().astimezone(UTC), usegmt=True)
        if account := request.headers.get("Stripe-Account"):
            headers["Stripe-Account"] = account

    def _endpoint(self, permission: str, answer: _Answer) -> _Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            self._authorize(request, permission)
            trouble = await self._strike(request)
            body = orjson.dumps(answer(request, int(self.clock().timestamp())))
            if trouble is Trouble.TRUNCATED:
                return await _cut_short(request, body)
            return web.Response(body=body, content_type="application/json")

        return handle

    def _authorize(self, request: web.Request, permission: str) -> None:
        key, account_id = _presented_key(request), self.ledger.shop.account_id
        if key is None:
            raise wire.no_key()
        if key not in self._keys:
            raise wire.unknown_key(key)
        wanted = request.headers.get("Stripe-Account", account_id)
        if request.path.startswith("/v1/accounts/"):
            wanted = request.match_info["id"]
        if wanted != account_id:
            raise wire.foreign_account(key, wanted)
        granted = self._keys[key]
        if granted is not None and permission not in granted:
            raise wire.permission_needed(key, account_id, permission)

    async def _strike(self, request: web.Request) -> Trouble | None:
        """Count the request, let its trouble happen, and return what is left to do."""
        resource = request.match_info.route.resource
        endpoint = resource.canonical if resource is not None else request.path
        self.traffic[endpoint] += 1
        self._admitted += 1
        faults, trouble = self.faults, self.faults.of_request(self._admitted)
        delay_ms = faults.latency_ms + (faults.delay_ms if trouble is Trouble.DELAYED else 0)
        if delay_ms:
            await asyncio.sleep(delay_ms / 1_000)
        if not self._limit.admits(endpoint, faults.requests_per_second):
            raise wire.rate_limited("endpoint-rate")
        if trouble is Trouble.RATE_LIMITED:
            raise wire.rate_limited("global-rate")
        if trouble is Trouble.FAILED:
            raise wire.server_failure()
        return trouble

    def _account(self, request: web.Request, as_of: int) -> Json:
        del as_of
        read_expand(request.query.items(), expandable=())
        return profiles.account(self.ledger.shop)

    def _list(self, resource: Resource, request: web.Request, as_of: int) -> Json:
        query = read_list(
            request.query.items(),
            filters=resource.table(self.ledger).filters,
            expandable=resource.expandable,
        )
        return resources.list_page(self.ledger, resource, query, as_of=as_of)

    def _retrieve(self, resource: Resource, request: web.Request, as_of: int) -> Json:
        expand = read_expand(request.query.items(), expandable=resource.expandable)
        object_id = request.match_info["id"]
        return resources.retrieve(self.ledger, resource, object_id, expand, as_of=as_of)


API = web.AppKey("stripe_api", StripeApi)


@dataclass(frozen=True, slots=True)
class SandboxStripe:
    """A running sandbox: `url` is what production code takes as Stripe's base URL."""

    url: str
    api: StripeApi


def create_app(
    ledger: Ledger,
    *,
    keys: Keys = (DEFAULT_KEY,),
    clock: Clock = utc_now,
    faults: Faults | None = None,
) -> web.Application:
    """Return the application; its `StripeApi` is at `app[API]`.

    `keys` are `rk_…` or `sk_…` keys of the shop's mode: a plain iterable grants everything, a
    mapping gives each key its `rak_…` permissions (None: all). `clock` is the T that objects are
    derived for. Raise InvalidInputError for a key of another form or mode.
    """
    api = StripeApi(ledger, keys=keys, clock=clock, faults=faults or Faults())
    app = web.Application(middlewares=[_answer_errors])
    app[API] = api
    app.on_response_prepare.append(api.stamp)
    app.add_routes(api.routes())
    return app


@asynccontextmanager
async def serve(
    ledger: Ledger,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    keys: Keys = (DEFAULT_KEY,),
    clock: Clock = utc_now,
    faults: Faults | None = None,
) -> AsyncIterator[SandboxStripe]:
    """Serve until the block ends; port 0 takes a free one. See `create_app` for the rest.

    Raise ConfigurationError if the address cannot be listened on.
    """
    app = create_app(ledger, keys=keys, clock=clock, faults=faults)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await _listen(site, host, port)
        address = f"[{host}]" if ":" in host else host
        yield SandboxStripe(f"http://{address}:{runner.addresses[0][1]}", app[API])
    finally:
        await runner.cleanup()


async def _listen(site: web.TCPSite, host: str, port: int) -> None:
    try:
        await site.start()
    except OSError as error:
        message = f"The sandbox Stripe cannot listen at {host}:{port}: {error.strerror}."
        raise ConfigurationError(
            message, hint="Choose another port, or 0 for a free one."
        ) from error


@web.middleware
async def _answer_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except wire.ApiError as error:
        return _refusal(error)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return _refusal(wire.unrecognized_url(request.method, request.path))


def _refusal(error: wire.ApiError) -> web.Response:
    return web.Response(
        status=error.status,
        body=orjson.dumps(error.body),
        content_type="application/json",
        headers=error.headers,
    )


async def _cut_short(request: web.Request, body: bytes) -> web.StreamResponse:
    """Send half of what Content-Length promises, then close the connection."""
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/json"})
    response.content_length = len(body)
    response.force_close()
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    return response


def _presented_key(request: web.Request) -> str | None:
    """Return the key of a Bearer or Basic header, or None if there is none."""
    scheme, _, credentials = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip() or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[0] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def _permissions(keys: Keys, *, livemode: bool) -> dict[str, frozenset[str] | None]:
    granted = keys if isinstance(keys, Mapping) else dict.fromkeys(keys)
    mode = "live" if livemode else "test"
    for key in granted:
        match = _KEY.fullmatch(key)
        if match is None or match[1] != mode:
            expected = f"rk_{mode}_… or sk_{mode}_…"
            raise InvalidInputError(f"{wire.redacted(key)!r} is no key of this shop: {expected}.")
    return {
        key: None if permissions is None else frozenset(permissions)
        for key, permissions in granted.items()
    }
