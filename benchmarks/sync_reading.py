"""CPU of reading: pages of charges, and webhooks."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable
from statistics import median

import aiohttp
import orjson
import psutil
import stripe
from sqlalchemy import text

from benchmarks.sync_world import Connected, Sandbox, connected, sandbox
from db.repositories.stripe_events import Via, payload_of
from integrations.stripe.resources import CHARGES
from integrations.stripe.webhooks import verify
from sandbox.stripe.server import DEFAULT_KEY
from services.stripe_sync.events import seen
from services.stripe_sync.feeds import CHARGE
from services.webhooks import receive_event

PAGE = 100
ROUNDS = 3
WEBHOOKS, ACCEPTED, TURNS = 2_000, 300, 7
SECRET = "whsec_benchmark"
# The row that an event becomes, and nothing else.
INSERT = text("""
    INSERT INTO stripe_events (integration_id, stripe_event_id, event_type, payload)
    VALUES (:owner, :id, :type, CAST(:payload AS jsonb)) ON CONFLICT DO NOTHING
""")
INSERT_ALONE = """
    INSERT INTO stripe_events (integration_id, stripe_event_id, event_type, payload)
    VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1
"""
TYPE = "charge.succeeded"
PAYLOAD = '{"via":"webhook","object":"charge","created":1,"version":1,"object_id":"ch_1"}'


async def measure_client(charges: int) -> dict[str, float]:
    """Return microseconds of CPU for each charge: ours, and reading the bytes alone."""
    pages = min(charges, 10_000) // PAGE
    ours: list[float] = []
    floor: list[float] = []
    async with sandbox(charges) as stripe_api:
        for _ in range(ROUNDS):
            ours.append(await _read_pages(stripe_api, pages))
            floor.append(await _read_bytes(stripe_api, pages))
    return {
        "ours, us of CPU a charge": min(ours),
        "floor (bytes), us of CPU a charge": min(floor),
        "ratio": min(ours) / min(floor),
    }


async def _read_pages(stripe_api: Sandbox, pages: int) -> float:
    async with stripe_api.client() as client:
        begin, after, rows = time.process_time(), None, 0
        for _ in range(pages):
            page = await client.list_page(CHARGES, starting_after=after)
            rows += len(CHARGE.rows(page.items, 1).rows)
            after = page.items[-1].id
        return (time.process_time() - begin) / rows * 1e6


async def _read_bytes(stripe_api: Sandbox, pages: int) -> float:
    headers = {"Authorization": f"Bearer {DEFAULT_KEY}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        begin, after = time.process_time(), ""
        for _ in range(pages):
            url = f"{stripe_api.url}/v1/charges?limit={PAGE}{after}"
            async with session.get(url) as answer:
                body = await answer.read()
            # The cursor, without reading the rest.
            at = body.rindex(b'"id":"ch_')
            last = body[at + 6 : body.index(b'"', at + 6)]
            after = f"&starting_after={last.decode()}"
        return (time.process_time() - begin) / (pages * PAGE) * 1e6


async def measure_webhook(charges: int) -> dict[str, float]:
    """Return microseconds of CPU for each webhook.

    To verify and read it: ours, and the SDK's `construct_event`. All that is done beside the one
    call that inserts it: to verify and read it, and to choose what is kept. To accept it whole,
    from the body to the commit with its job, in this process and in PostgreSQL: ours, a transaction
    with the one insert, and the insert as a transaction by itself, which is how ours goes.
    """
    async with sandbox(charges) as stripe_api:
        charge = await _any_charge(stripe_api)
        async with connected(stripe_api) as world:
            taken = [await _turn(world, charge, turn) for turn in range(TURNS)]
    inserted, alone, accepted = map(median, zip(*taken, strict=True))
    body = _event(charge)
    now = int(time.time())
    signature = _sign(body, now)
    ours = _cpu(lambda: verify(body, signature, secrets=[SECRET], now=now))
    sdk = _cpu(lambda: stripe.Webhook.construct_event(body, signature, SECRET))
    return {
        "bytes of the body": len(body),
        "ours, us of CPU a webhook": ours,
        "SDK, us of CPU a webhook": sdk,
        "ratio": ours / sdk,
        "all beside the call, us of CPU": _cpu(lambda: _prepare(body, signature, now)),
        "accepted whole, us of CPU": accepted,
        "floor (a transaction, one insert)": inserted,
        "floor (one insert by itself)": alone,
        "beside the transaction, us of CPU": accepted - inserted,
        "beside the insert by itself": accepted - alone,
    }


def _prepare(body: bytes, signature: str, now: int) -> bytes:
    event = verify(body, signature, secrets=[SECRET], now=now)
    return orjson.dumps(payload_of(seen(event, Via.WEBHOOK)))


async def _any_charge(stripe_api: Sandbox) -> dict[str, object]:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {DEFAULT_KEY}"}) as session,
        session.get(f"{stripe_api.url}/v1/charges?limit=1") as answer,
    ):
        charge: dict[str, object] = (await answer.json())["data"][0]
        return charge


async def _turn(world: Connected, charge: dict[str, object], turn: int) -> list[float]:
    """Return microseconds of CPU of one insert, of one by itself, and of accepting an event."""
    now = int(time.time())
    bodies = [_event(charge, f"evt_{turn}_{number}") for number in range(ACCEPTED)]
    signed = iter([(body, _sign(body, now)) for body in bodies])
    owner = world.owner.integration_id

    async def insert(number: int) -> None:
        row = {"owner": owner, "type": TYPE, "id": f"evt_in_{turn}_{number}", "payload": PAYLOAD}
        async with world.database.unit_of_work() as session:
            await session.execute(INSERT, row)

    async def insert_alone(number: int) -> None:
        row = (owner, f"evt_alone_{turn}_{number}", TYPE, PAYLOAD)
        await world.database.call(INSERT_ALONE, *row)

    async def accept(_number: int) -> None:
        body, signature = next(signed)
        event = verify(body, signature, secrets=[SECRET], now=now)
        await receive_event(world.database, event)

    return [await _spent(world, work) for work in (insert, insert_alone, accept)]


async def _spent(world: Connected, work: Callable[[int], Awaitable[None]]) -> float:
    """Return microseconds of CPU of a piece of work, in this process and in its backend."""
    backend = psutil.Process(await world.database.call("SELECT pg_backend_pid()"))

    def seconds() -> float:
        server = backend.cpu_times()
        return time.process_time() + server.user + server.system

    begin = seconds()
    for number in range(ACCEPTED):
        await work(number)
    return (seconds() - begin) / ACCEPTED * 1e6


def _event(charge: dict[str, object], event_id: str = "evt_1") -> bytes:
    return orjson.dumps(
        {
            "id": event_id,
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": charge["created"],
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": "charge.succeeded",
            "data": {"object": charge},
        }
    )


def _sign(body: bytes, now: int) -> str:
    signed = hmac.new(SECRET.encode(), f"{now}.".encode() + body, "sha256")
    return f"t={now},v1={signed.hexdigest()}"


def _cpu(work: Callable[[], object]) -> float:
    work()
    begin = time.process_time()
    for _ in range(WEBHOOKS):
        work()
    return (time.process_time() - begin) / WEBHOOKS * 1e6
