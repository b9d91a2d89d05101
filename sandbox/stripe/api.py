"""The API of the sandbox's accounts: who may ask, what is counted, what goes wrong, the answers."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from email.utils import format_datetime
from functools import partial

import orjson
from aiohttp import hdrs, web

from sandbox.stripe import profiles, resources, webhooks, wire
from sandbox.stripe.accounts import Accounts
from sandbox.stripe.calls import Answer, Call, Handler, Replays, read_params
from sandbox.stripe.clock import Clock, milliseconds
from sandbox.stripe.facts import API_VERSION
from sandbox.stripe.faults import Faults, Trouble
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.limits import Limits
from sandbox.stripe.mishaps import never_answer, send_json
from sandbox.stripe.oauth import Connect
from sandbox.stripe.occurrences import Occurrence, application_event
from sandbox.stripe.params import read_expand, read_list
from sandbox.stripe.render import Json
from sandbox.stripe.resources import RESOURCES, Resource
from sandbox.stripe.webhooks import WebhookEndpoints


class StripeApi:
    """Answers requests from the ledgers as they stand at the clock's time.

    `clock` and `faults` may be replaced while it serves; new faults count requests from 1.
    `traffic` counts admitted requests by endpoint and `statuses` answers by HTTP status.
    `announced` are events that are in no ledger, `undelivered` the ids of those that a webhook
    endpoint did not accept.
    """

    def __init__(self, accounts: Accounts, *, clock: Clock, faults: Faults) -> None:
        """Take the accounts to serve."""
        self.accounts = accounts
        self.clock = clock
        self.traffic: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.announced: list[Occurrence] = []
        self.undelivered: set[str] = set()
        platform = accounts.platform
        self.endpoints = WebhookEndpoints(platform.client_id if platform else None)
        self.connect = Connect(accounts, lambda: self.clock, self._announce)
        self.stopping = asyncio.Event()
        self._faults, self._concerned = faults, 0
        self._limits = Limits(time.monotonic)
        self._replays = Replays()

    @property
    def ledger(self) -> Ledger:
        """The ledger of the first account."""
        return next(iter(self.accounts.ledgers.values()))

    @property
    def faults(self) -> Faults:
        """The switches in force."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults, self._concerned = faults, 0

    def routes(self) -> list[web.RouteDef]:
        """Return every endpoint of Stripe's."""
        account = self._endpoint(resources.ACCOUNT_PERMISSION, _account)
        routes = [web.get("/v1/account", account), web.get("/v1/accounts/{id}", account)]
        for resource in RESOURCES:
            page = self._endpoint(resource.permission, partial(self._list, resource))
            one = self._endpoint(resource.permission, partial(_retrieve, resource))
            routes += [web.get(resource.path, page), web.get(f"{resource.path}/{{id}}", one)]
        lines = self._endpoint(resources.INVOICE.permission, _invoice_lines)
        routes.append(web.get(resources.INVOICE_LINES.path, lines))
        return [*routes, *self._webhook_routes(), *self._oauth_routes()]

    async def stamp(self, request: web.Request, response: web.StreamResponse) -> None:
        """Put Stripe's headers on a response that is about to be sent."""
        if request.path.startswith("/_sandbox"):
            return
        self.statuses[response.status] += 1
        headers = response.headers
        headers["Request-Id"] = f"req_{secrets.token_hex(7)}"
        headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
        headers[hdrs.CACHE_CONTROL] = "no-cache, no-store"
        headers[hdrs.DATE] = format_datetime(self.clock().astimezone(UTC), usegmt=True)
        for repeated in ("Stripe-Account", "Idempotency-Key"):
            if value := request.headers.get(repeated):
                headers[repeated] = value

    def _webhook_routes(self) -> list[web.RouteDef]:
        one, endpoints = f"{webhooks.PATH}/{{id}}", self.endpoints
        read = partial(self._endpoint, webhooks.READ_PERMISSION)
        write = partial(self._endpoint, webhooks.WRITE_PERMISSION)
        return [
            web.get(webhooks.PATH, read(endpoints.list)),
            web.post(webhooks.PATH, write(endpoints.create)),
            web.get(one, read(endpoints.retrieve)),
            web.post(one, write(endpoints.update)),
            web.delete(one, write(endpoints.delete)),
        ]

    def _oauth_routes(self) -> list[web.RouteDef]:
        if self.accounts.platform is None:
            return []
        return [
            web.get("/oauth/authorize", self.connect.authorize),
            web.post("/oauth/token", self._oauth_endpoint(self.connect.token)),
            web.post("/oauth/deauthorize", self._oauth_endpoint(self.connect.deauthorize)),
        ]

    def _endpoint(self, permission: str, answer: Answer) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            caller = self.accounts.caller(request)
            caller.require(permission)

            async def work() -> tuple[Json, bool]:
                params, as_of = await read_params(request), milliseconds(self.clock())
                call = Call(caller, params, request.match_info, as_of)
                return self._replays.answer(request, call, answer)

            return await self._carry_out(request, caller.account_id, work)

        return handle

    def _oauth_endpoint(self, answer: Callable[[web.Request, Mapping[str, str]], Json]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            async def work() -> tuple[Json, bool]:
                return answer(request, dict(await read_params(request))), False

            return await self._carry_out(request, "oauth", work)

        return handle

    async def _carry_out(
        self,
        request: web.Request,
        account_id: str,
        work: Callable[[], Awaitable[tuple[Json, bool]]],
    ) -> web.StreamResponse:
        """Count the request and answer it, with the trouble that strikes it."""
        resource = request.match_info.route.resource
        endpoint = resource.canonical if resource is not None else request.path
        self.traffic[endpoint] += 1
        faults, trouble = self._faults, self._next_trouble(request.path)
        with self._limits.admit(account_id, endpoint, faults):
            delay_ms = faults.latency_ms + (faults.delay_ms if trouble is Trouble.DELAYED else 0)
            if delay_ms:
                await asyncio.sleep(delay_ms / 1_000)
            if trouble is Trouble.TIMED_OUT:
                return await never_answer(request, self.stopping)
            _refuse(trouble, faults)
            body, replayed = await work()
            headers = {"Idempotent-Replayed": "true"} if replayed else {}
            return await send_json(
                request, orjson.dumps(body), trouble=trouble, faults=faults, headers=headers
            )

    def _list(self, resource: Resource, call: Call) -> Json:
        query = resources.read_query(resource, call.params)
        return resources.list_page(
            call.ledger,
            resource,
            query,
            as_of=call.as_of,
            delivered=lambda event_id: event_id not in self.undelivered,
        )

    def _next_trouble(self, path: str) -> Trouble | None:
        if not self._faults.concern(path):
            return None
        self._concerned += 1
        return self._faults.of_request(self._concerned)

    def _announce(self, account_id: str, kind: str) -> None:
        platform = self.accounts.platform
        if platform is not None:
            at = milliseconds(self.clock())
            self.announced.append(application_event(platform, account_id, kind, at=at))


def _refuse(trouble: Trouble | None, faults: Faults) -> None:
    if trouble is Trouble.RATE_LIMITED:
        raise wire.rate_limited(faults.reason)
    if trouble is Trouble.LOCKED:
        raise wire.lock_timeout()
    if trouble is Trouble.FAILED:
        raise wire.server_failure()


def _account(call: Call) -> Json:
    read_expand(call.params, expandable=())
    return profiles.account(call.ledger.shop)


def _retrieve(resource: Resource, call: Call) -> Json:
    expand = read_expand(call.params, expandable=resource.expandable_alone)
    return resources.retrieve(call.ledger, resource, call.path["id"], expand, as_of=call.as_of)


def _invoice_lines(call: Call) -> Json:
    expandable = resources.INVOICE_LINES.expandable
    query = read_list(call.params, filters=(), expandable=expandable)
    return resources.list_invoice_lines(call.ledger, call.path["id"], query, as_of=call.as_of)
