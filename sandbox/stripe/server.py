"""The sandbox Stripe on the wire: an application over one or several accounts, and its server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
from aiohttp import web

from domain.errors import ConfigurationError, InvalidInputError
from sandbox.stripe import wire
from sandbox.stripe.accounts import Account, Accounts, Keys, Platform
from sandbox.stripe.api import StripeApi
from sandbox.stripe.calls import Handler
from sandbox.stripe.clock import Clock, utc_now
from sandbox.stripe.controls import Controls
from sandbox.stripe.delivery import Deliveries
from sandbox.stripe.faults import Faults
from sandbox.stripe.ledger import Ledger

# More than it can answer: without faults it has no limits, and its clients need none.
REQUESTS_PER_SECOND = 100_000
DEFAULT_KEY = "rk_test_sandbox"
API = web.AppKey("stripe_api", StripeApi)
DELIVERIES = web.AppKey("deliveries", Deliveries)


@dataclass(frozen=True, slots=True)
class SandboxStripe:
    """A running sandbox: `url` is what production code takes as Stripe's base URL.

    `await deliveries.send(since=…, until=…)` sends webhooks.
    """

    url: str
    api: StripeApi
    deliveries: Deliveries


def create_app(
    ledgers: Ledger | Sequence[Account | Ledger],
    *,
    keys: Keys | None = None,
    clock: Clock = utc_now,
    faults: Faults | None = None,
    platform: Platform | None = None,
) -> web.Application:
    """Return the application; its `StripeApi` is at `app[API]`.

    `keys` open the one ledger (see Account; unset: DEFAULT_KEY); several accounts bring their
    own, and one without keys is open to OAuth alone. `clock` is the T that objects are derived
    for. With a `platform` there are OAuth and `Stripe-Account`. Raise InvalidInputError for a
    key of another form or mode.
    """
    accounts = Accounts(_accounts(ledgers, keys), platform)
    api = StripeApi(accounts, clock=clock, faults=faults or Faults())
    deliveries = Deliveries(api)
    app = web.Application(middlewares=[_answer_errors])
    app[API], app[DELIVERIES] = api, deliveries
    app.on_response_prepare.append(api.stamp)
    app.on_shutdown.append(_stop)
    app.add_routes([*api.routes(), *Controls(api, deliveries).routes()])
    return app


@asynccontextmanager
async def serve(
    ledgers: Ledger | Sequence[Account | Ledger],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    keys: Keys | None = None,
    clock: Clock = utc_now,
    faults: Faults | None = None,
    platform: Platform | None = None,
) -> AsyncIterator[SandboxStripe]:
    """Serve until the block ends; port 0 takes a free one. See `create_app` for the rest.

    Raise ConfigurationError if the address cannot be listened on.
    """
    app = create_app(ledgers, keys=keys, clock=clock, faults=faults, platform=platform)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await _listen(site, host, port)
        address = f"[{host}]" if ":" in host else host
        url = f"http://{address}:{runner.addresses[0][1]}"
        yield SandboxStripe(url, app[API], app[DELIVERIES])
    finally:
        await runner.cleanup()


def _accounts(ledgers: Ledger | Sequence[Account | Ledger], keys: Keys | None) -> Sequence[Account]:
    if isinstance(ledgers, Ledger):
        return [Account(ledgers, (DEFAULT_KEY,) if keys is None else keys)]
    if keys is not None:
        raise InvalidInputError("Several accounts bring their own keys: Account(ledger, keys=…).")
    if not ledgers:
        raise InvalidInputError("A sandbox needs at least one account.")
    return [Account(one) if isinstance(one, Ledger) else one for one in ledgers]


async def _stop(app: web.Application) -> None:
    """Let go of the requests that are never answered, and close what deliveries opened."""
    app[API].stopping.set()
    await app[DELIVERIES].close()


async def _listen(site: web.TCPSite, host: str, port: int) -> None:
    try:
        await site.start()
    except OSError as error:
        message = f"The sandbox Stripe cannot listen at {host}:{port}: {error.strerror}."
        raise ConfigurationError(
            message, hint="Choose another port, or 0 for a free one."
        ) from error


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
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
