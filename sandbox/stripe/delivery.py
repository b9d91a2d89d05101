"""Webhooks on their way: the events of a span of time, signed, sent, and sent badly if asked."""

from __future__ import annotations

import asyncio
import hmac
import random
import re
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256

import aiohttp
import msgspec
import orjson

from domain.errors import InvalidInputError
from sandbox.stripe.clock import from_milliseconds, milliseconds
from sandbox.stripe.occurrences import EventSource, Occurrence, occurrences
from sandbox.stripe.render import Json
from sandbox.stripe.webhooks import WebhookEndpoint, new_secret

# Far outside the five minutes that Stripe's libraries tolerate (docs.stripe.com/webhooks).
SKEW_S = 3_600
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class Mischief(StrEnum):
    """What happens to a delivery."""

    DROP = "drop"
    DELAY = "delay"
    DUPLICATE = "duplicate"
    BAD_SIGNATURE = "bad-signature"
    OLD = "old"
    FUTURE = "future"
    THIN = "thin"


@dataclass(frozen=True, slots=True)
class Manner:
    """How deliveries go, counted from 1: the k-th meets the k-th set of `script`.

    Behind the script's end, `every` strikes each Nth with its mischief. `shuffle` is a seed by
    which the deliveries of one `send` change places.
    """

    script: Sequence[Collection[Mischief]] = ()
    every: Mapping[Mischief, int] = field(default_factory=dict)
    shuffle: int | None = None

    def of_delivery(self, number: int) -> frozenset[Mischief]:
        """Return what happens to the delivery."""
        if number <= len(self.script):
            return frozenset(self.script[number - 1])
        return frozenset(what for what, nth in self.every.items() if nth and number % nth == 0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint: as it was sent last, and how that ended.

    `status` None means that nothing was answered, or (with no `attempts`) that it was not sent.
    """

    event: Occurrence
    endpoint: WebhookEndpoint
    mischief: frozenset[Mischief] = frozenset()
    attempts: int = 0
    status: int | None = None
    body: bytes = b""
    signature: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the endpoint answered with a 2xx; a redirect is a failure, as for Stripe."""
        return self.status is not None and 200 <= self.status < 300


class Deliveries:
    """Sends what became visible in a sandbox to its webhook endpoints.

    A delivery that is not accepted is repeated once for each of `retry_waits_s`, with a new
    timestamp and signature. Stripe waits for hours; here it is seconds. `sent` are the latest
    thousand. `now` gives the UTC seconds that signatures carry: real time, as receivers check it.
    """

    def __init__(
        self,
        api: EventSource,
        *,
        manner: Manner | None = None,
        retry_waits_s: Sequence[float] = (0.0, 0.0, 0.0),
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take the API whose events and endpoints these are; `manner` holds unless one is given."""
        self.manner = manner or Manner()
        self.retry_waits_s = retry_waits_s
        self.sent: deque[Delivery] = deque(maxlen=1_000)
        self._api = api
        self._now = now
        self._count = 0
        self._held: list[Delivery] = []
        self._session: aiohttp.ClientSession | None = None

    async def send(self, *, since: int, until: int, manner: Manner | None = None) -> list[Delivery]:
        """Send all events of (since, until], milliseconds, and what was delayed before.

        With a `manner`, deliveries are counted from 1. Return them in the order of sending, a
        duplicate twice; those that were dropped or are being held have no attempts.
        """
        events = occurrences(self._api, since=since, until=until)
        return await self.send_events(events, manner=manner)

    async def send_events(
        self, events: Iterable[Occurrence], *, manner: Manner | None = None
    ) -> list[Delivery]:
        """Send the events, and what was delayed before, to the endpoints that want them."""
        held, self._held = self._held, []
        fresh = self._plan(events, manner)
        return await self._send_all([*fresh, *held])

    async def flush(self) -> list[Delivery]:
        """Send what was delayed."""
        return await self.send_events(())

    async def follow(self, *, interval_s: float = 0.2) -> None:
        """Send what becomes visible as the sandbox's clock moves, until cancelled."""
        since = milliseconds(self._api.clock())
        async with asyncio.TaskGroup() as batches:
            while True:
                await asyncio.sleep(interval_s)
                until = milliseconds(self._api.clock())
                if len(self._api.endpoints):
                    batches.create_task(self.send(since=since, until=until))
                since = until

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _plan(self, events: Iterable[Occurrence], manner: Manner | None) -> list[Delivery]:
        """Return the deliveries in the order in which they go out; delayed ones are put aside."""
        chosen, first = (self.manner, self._count + 1) if manner is None else (manner, 1)
        pairs = [(event, at) for event in events for at in endpoints_for(self._api, event)]
        planned = [
            Delivery(event, at, chosen.of_delivery(number))
            for number, (event, at) in enumerate(pairs, first)
        ]
        if manner is None:
            self._count += len(planned)
        if chosen.shuffle is not None:
            random.Random(chosen.shuffle).shuffle(planned)
        planned = [one for one in planned for _ in range(1 + (Mischief.DUPLICATE in one.mischief))]
        delayed = [one for one in planned if Mischief.DELAY in one.mischief]
        self._held += [replace(one, mischief=one.mischief - {Mischief.DELAY}) for one in delayed]
        return planned

    async def _send_all(self, planned: Sequence[Delivery]) -> list[Delivery]:
        done = [await self._attempt(delivery) for delivery in planned]
        for wait_s in self.retry_waits_s:
            if not any(map(_wants_retry, done)):
                break
            await asyncio.sleep(wait_s)
            done = [await self._attempt(one) if _wants_retry(one) else one for one in done]
        self.sent += done
        for delivery in done:
            change = (
                self._api.undelivered.discard if delivery.accepted else self._api.undelivered.add
            )
            change(delivery.event.id)
        return done

    async def _attempt(self, delivery: Delivery) -> Delivery:
        """Send once, and return the delivery with what came of it."""
        if delivery.mischief & {Mischief.DROP, Mischief.DELAY}:
            return delivery
        body = payload(delivery)
        signature = self._sign(delivery, body)
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0"}
        headers["Stripe-Signature"] = signature
        status: int | None = None
        try:
            async with self._http().post(
                delivery.endpoint.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            status = None
        attempts = delivery.attempts + 1
        return replace(delivery, attempts=attempts, status=status, body=body, signature=signature)

    def _sign(self, delivery: Delivery, body: bytes) -> str:
        timestamp, mischief = int(self._now()), delivery.mischief
        if Mischief.OLD in mischief:
            timestamp -= SKEW_S
        if Mischief.FUTURE in mischief:
            timestamp += SKEW_S
        secrets = delivery.endpoint.secrets
        if Mischief.BAD_SIGNATURE in mischief:
            secrets = (new_secret(),)
        return signature_header(body, secrets=secrets, timestamp=timestamp)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self._session


def signature_header(body: bytes, *, secrets: Sequence[str], timestamp: int) -> str:
    """Return the Stripe-Signature of a body: HMAC-SHA256 of `timestamp.body` by each secret.

    See docs.stripe.com/webhooks#verify-manually.
    """
    signed = f"{timestamp}.".encode() + body
    digests = (hmac.new(secret.encode(), signed, sha256).hexdigest() for secret in secrets)
    return ",".join((f"t={timestamp}", *(f"v1={digest}" for digest in digests)))


def payload(delivery: Delivery) -> bytes:
    """Return the body that is sent: the event as it was created, or a thin notification of it."""
    event, endpoint = delivery.event, delivery.endpoint
    body = dict(event.body)
    if endpoint.connect:
        body["account"] = event.account_id
    if endpoint.api_version is not None:
        body["api_version"] = endpoint.api_version
    return orjson.dumps(thin_event(body, event) if Mischief.THIN in delivery.mischief else body)


def thin_event(body: Json, event: Occurrence) -> Json:
    """Return the `v2.core.event` of an event: what changed, without its state.

    Shape: docs.stripe.com/event-destinations#thin-payload.
    """
    changed = body["data"]["object"]
    related = {"id": changed.get("id"), "type": changed["object"], "url": event.object_url}
    return {
        "id": body["id"].replace("evt_", "evt_thin_", 1),
        "object": "v2.core.event",
        "type": f"v1.{body['type']}",
        "livemode": body["livemode"],
        "created": from_milliseconds(event.at).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "context": body.get("account"),
        "reason": None,
        "related_object": related if event.object_url else None,
        "snapshot_event": body["id"],
    }


def endpoints_for(api: EventSource, event: Occurrence) -> list[WebhookEndpoint]:
    """Return where the event goes: to its account's endpoints and to the platform's for Connect."""
    platform, kind = api.accounts.platform, event.body["type"]
    found = [at for at in api.endpoints.of_account(event.account_id) if not at.connect]
    if platform is not None and (event.of_application or api.accounts.connected(event.account_id)):
        found += [at for at in api.endpoints.of_account(platform.account_id) if at.connect]
    return [endpoint for endpoint in found if endpoint.wants(kind)]


def read_manner(values: Mapping[str, object]) -> Manner:
    """Return the manner of a JSON object with `script` (lists of mischief), `every`, `shuffle`.

    Raise InvalidInputError for anything else.
    """
    try:
        if set(values) <= {"script", "every", "shuffle"}:
            return msgspec.convert(values, Manner)
        fault = "it has other fields than script, every and shuffle"
    except msgspec.ValidationError as error:
        fault = str(error)
    raise InvalidInputError(
        f"That is no manner of delivery: {fault}. Write for example "
        '{"script": [["duplicate"], []], "every": {"drop": 5}, "shuffle": 1}.'
    )


def read_switches(switches: Iterable[str]) -> Manner:
    """Return the manner of texts like `duplicate:3`; raise InvalidInputError for any other."""
    every: dict[Mischief, int] = {}
    for switch in switches:
        match = re.fullmatch(r"([\w-]+):([1-9]\d{0,8})", switch)
        if match is None or match[1] not in set(Mischief):
            known = ", ".join(f"{what}:N" for what in Mischief)
            raise InvalidInputError(f"{switch!r} is no webhook fault. Write one of {known}.")
        every[Mischief(match[1])] = int(match[2])
    return Manner(every=every)


def _wants_retry(delivery: Delivery) -> bool:
    return delivery.attempts > 0 and not delivery.accepted
