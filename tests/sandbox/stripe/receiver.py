"""A program that takes webhooks: keeps what came and answers as told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import stripe
from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Receiver:
    """`statuses` are the next answers; behind them it answers 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for body in self.bodies]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]

    @property
    def timestamps(self) -> list[int]:
        return [int(text.split(",")[0].removeprefix("t=")) for text in self.signatures]

    def verified(self, secret: str) -> list[bool]:
        """Tell of each delivery whether Stripe's own library takes its signature, at any age."""
        return [
            _verifies(body, signature, secret)
            for body, signature in zip(self.bodies, self.signatures, strict=True)
        ]

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.signatures.append(request.headers["Stripe-Signature"])
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


def _verifies(body: bytes, signature: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret)
    except stripe.SignatureVerificationError:
        return False
    return True


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    """Listen for the length of the block."""
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/hook", receiver.take)
    async with TestServer(app, host="127.0.0.1") as server:
        receiver.url = str(server.make_url("/hook"))
        yield receiver
