"""A request to the API as its endpoints see it, and Stripe's memory of repeated writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import hdrs, web

from sandbox.stripe import wire
from sandbox.stripe.accounts import Caller
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.render import Json

Answer = Callable[["Call"], Json]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted request: `params` are those of the query or the form, `as_of` milliseconds."""

    caller: Caller
    params: list[tuple[str, str]]
    path: Mapping[str, str]
    as_of: int

    @property
    def ledger(self) -> Ledger:
        """The ledger of the account that is asked for."""
        return self.caller.ledger


async def read_params(request: web.Request) -> list[tuple[str, str]]:
    """Return the form of a POST or else the query, in the order sent."""
    if request.method != hdrs.METH_POST:
        return list(request.query.items())
    form = await request.post()
    return [(name, value) for name, value in form.items() if isinstance(value, str)]


class Replays:
    """The answers to writes, by account and idempotency key.

    What counts as a repetition: docs.stripe.com/api/idempotent_requests.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], tuple[object, Json]] = {}

    def answer(self, request: web.Request, call: Call, answer: Answer) -> tuple[Json, bool]:
        """Return the answer and whether it is a replay of an earlier one.

        Raise ApiError for a key that came with another request before.
        """
        key = request.headers.get("Idempotency-Key")
        if request.method != hdrs.METH_POST or not key:
            return answer(call), False
        place, asked = (call.caller.account_id, key), (request.path, call.params)
        if place in self._answers:
            before, body = self._answers[place]
            if before != asked:
                raise wire.reused_idempotency_key(key)
            return body, True
        body = answer(call)
        self._answers[place] = (asked, body)
        return body, False
