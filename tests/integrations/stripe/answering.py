"""A server that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from integrations.stripe.client import RetryPolicy, StripeClient
from tests.integrations.stripe.ledgers import KEY

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUICK = RetryPolicy(attempts=4, first_wait_seconds=0.001, longest_wait_seconds=0.002)


def client(url: str, key: str = KEY, timeout_seconds: float = 5.0, **more: Any) -> StripeClient:
    """Return a client that does not wait long before it tries again."""
    return StripeClient(key, api_base=url, timeout_seconds=timeout_seconds, retries=QUICK, **more)


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[str]:
    """A server whose every answer is the handler's."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Script:
    """Answers each path with its JSON, given by the path and query as they were sent."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        asked = str(request.rel_url).removeprefix("/v1/")
        self.asked.append(asked)
        self.headers.append(request.headers)
        if asked not in self.answers:
            error = {"code": "resource_missing", "type": "invalid_request_error"}
            return web.json_response({"error": error}, status=404)
        return web.json_response(self.answers[asked])


def listed(*items: Any, has_more: bool = False) -> dict[str, Any]:
    """Return Stripe's list object."""
    return {"object": "list", "data": list(items), "has_more": has_more, "url": "/v1/these"}
