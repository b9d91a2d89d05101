"""The real application in a real server on a socket, on a database of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.engine import URL

from api.app import create_app
from api.auth import issue_token
from api.slow_readers import protocol_dropping
from config.settings import (
    DatabaseSettings,
    LimitSettings,
    ModelSettings,
    SecuritySettings,
    ServerSettings,
    Settings,
    StripeSettings,
)
from db.models import Membership, Model, User
from db.session import Database
from domain.access import Role
from sandbox.model.script import Script
from sandbox.model.server import ScriptedModel
from sandbox.model.server import serve as serve_model
from tests.api.frames import frames_of, read_events
from tests.factories import Shop, make_shop

KEY_RING = (
    "the secret that writes while the API is tested",
    "the older secret that is still read by it",
)
AN_HOUR = timedelta(hours=1)


# Tests ask faster than people; those of the limits set their own.
NO_LIMITS: Mapping[str, Any] = {
    "VAULTRA_DAILY_BUDGET_USD": None,
    "VAULTRA_RUNS_PER_MINUTE": 0,
    "VAULTRA_RUNS_PER_DAY": 0,
}


def settings_for(
    model: ScriptedModel | None = None,
    *,
    pool_size: int = 5,
    limits: Mapping[str, Any] = NO_LIMITS,
    prices: str | None = None,
) -> Settings:
    """Return settings that nothing in the environment of the tests can change."""
    key = None if model is None else "sk-test"
    url = None if model is None else model.url
    return Settings(
        database=DatabaseSettings(VAULTRA_POOL_SIZE=pool_size),
        model=ModelSettings(
            OPENAI_API_KEY=key,
            OPENAI_BASE_URL=url,
            VAULTRA_MODEL="scripted",
            VAULTRA_MODEL_PRICES=prices,
            VAULTRA_MODEL_MAX_OUTPUT_TOKENS=None,
        ),
        limits=LimitSettings(**{**NO_LIMITS, **limits}),
        # Nobody listens there: a test that asks Stripe learns so at once.
        stripe=StripeSettings(STRIPE_API_BASE="http://127.0.0.1:1"),
        security=SecuritySettings(VAULTRA_SECRET_KEYS=",".join(KEY_RING)),
        server=ServerSettings(VAULTRA_HOST="127.0.0.1", VAULTRA_PORT=0),
    )


def token_for(
    user_id: UUID, *, ring: tuple[str, ...] = KEY_RING, age: timedelta = timedelta()
) -> str:
    """Return an access token that was issued so long ago, for an hour."""
    return issue_token(ring, user_id, now=datetime.now(UTC) - age, lifetime=AN_HOUR)


def bearer(user_id: UUID) -> dict[str, str]:
    """Return the header of a user's requests."""
    return {"Authorization": f"Bearer {token_for(user_id)}"}


def run_body(question: str = "What is 6 * 7?", **changed: Any) -> dict[str, Any]:
    """Return the body of a run, with some members replaced."""
    return {
        "threadId": str(uuid4()),
        "runId": str(uuid4()),
        "messages": [{"id": str(uuid4()), "role": "user", "content": question}],
        **changed,
    }


@dataclass
class Service:
    """A running application, its owner's client, nobody's, and a way into its database."""

    app: FastAPI
    url: str
    client: httpx.AsyncClient
    anonymous: httpx.AsyncClient
    database: Database
    shop: Shop
    model: ScriptedModel | None = None
    thread_id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def business(self) -> str:
        """The path of the owner's business."""
        return f"/v1/businesses/{self.shop.business_id}"

    def headers_of(self, user_id: UUID) -> dict[str, str]:
        """Return the headers of another user's requests."""
        return bearer(user_id)

    @property
    def waiting(self) -> int:
        """How many topics somebody waits for in the application."""
        return len(self.app.state.vaultra.agent.notifications._waiters)

    @property
    def checked_out(self) -> int:
        """How many connections of the application's pool are in use."""
        pool: Any = self.app.state.vaultra.database.engine.pool
        return int(pool.checkedout())

    def body(self, question: str = "What is 6 * 7?", **changed: Any) -> dict[str, Any]:
        """Return the body of a run in the service's own conversation."""
        return run_body(question, **{"threadId": self.thread_id, **changed})

    async def ask(self, question: str = "What is 6 * 7?", **changed: Any) -> list[dict[str, Any]]:
        """Ask, and return all the events of the answer."""
        return await self.post_run(self.body(question, **changed))

    async def post_run(self, body: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        """Post a run and return all its events."""
        async with self.client.stream("POST", "/v1/runs", json=body, **more) as response:
            assert response.status_code == 200, await response.aread()
            return await read_events(response)

    @asynccontextmanager
    async def streaming(self, body: dict[str, Any]) -> AsyncIterator[httpx.Response]:
        """Post a run and leave the reading to the block."""
        async with self.client.stream("POST", "/v1/runs", json=body) as response:
            assert response.status_code == 200, await response.aread()
            yield response

    async def begin(self, question: str = "What is 6 * 7?", **changed: Any) -> str:
        """Post a run, leave after its first event, and return its id."""
        body = self.body(question, **changed)
        async with (
            self.streaming(body) as response,
            contextlib.aclosing(frames_of(response)) as frames,
        ):
            await anext(frames)
        return str(body["runId"])

    async def replay(self, run_id: str, **more: Any) -> bytes:
        """Follow a run to its end and return the stream."""
        response = await self.client.get(f"/v1/runs/{run_id}/events", **more)
        assert response.status_code == 200, response.text
        return response.content

    async def cancel(self, run_id: str) -> str:
        """Cancel a run and return the state it was found in."""
        response = await self.client.post(f"/v1/runs/{run_id}/cancel")
        assert response.status_code == 202, response.text
        return str(response.json()["state"])

    async def run(self, run_id: str) -> dict[str, Any]:
        """Return where a run stands."""
        found: dict[str, Any] = await self.get(f"/v1/runs/{run_id}")
        return found

    async def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of a GET that succeeds."""
        response = await self.client.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    async def conversation(self, thread_id: str) -> dict[str, Any]:
        """Return a conversation as lists have it, without what it has used."""
        found: dict[str, Any] = await self.get(f"/v1/conversations/{thread_id}")
        return {name: value for name, value in found.items() if name != "usage"}

    async def messages(self, thread_id: str | None = None) -> list[dict[str, Any]]:
        """Return the conversation's stored messages."""
        thread = thread_id or self.thread_id
        items: list[dict[str, Any]] = (await self.get(f"/v1/conversations/{thread}/messages"))[
            "items"
        ]
        return items

    async def query(self, statement: str, **values: Any) -> Any:
        """Return the first column of the first row."""
        async with self.database.unit_of_work() as session:
            return (await session.execute(text(statement), values)).scalar()

    async def execute(self, statement: str, **values: Any) -> None:
        """Change something behind the application's back."""
        async with self.database.unit_of_work() as session:
            await session.execute(text(statement), values)

    async def rows(self) -> dict[str, int]:
        """Return how many rows each table of the product holds."""
        counts = ", ".join(
            f"'{name}', (SELECT count(*) FROM {name})" for name in Model.metadata.tables
        )
        found: dict[str, int] = await self.query(f"SELECT json_build_object({counts})")
        return found

    async def add_member(self, role: Role) -> UUID:
        """Store another user with a role in the business; return their id."""
        user_id = await self.add_stranger()
        async with self.database.unit_of_work() as session:
            session.add(
                Membership(user_id=user_id, business_id=self.shop.business_id, role=role.value)
            )
        return user_id

    async def add_stranger(self) -> UUID:
        """Store a user who is a member of nothing; return their id."""
        user_id = uuid4()
        async with self.database.unit_of_work() as session:
            session.add(User(id=user_id, email=f"{user_id}@example.com"))
        return user_id


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to pytest."""
        yield


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """Serve the application on a free port while the block runs; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=protocol_dropping(app.state.metrics.slow_readers.inc),
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        # uvicorn tells that it has started by a flag only.
        while not server.started and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert server.started
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def client_of(url: str, headers: Mapping[str, str]) -> httpx.AsyncClient:
    """Return a client that may have as many connections as it likes."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=10)
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=60.0, limits=limits)


@asynccontextmanager
async def running(
    database_url: URL,
    script: Script | None = None,
    *,
    pool_size: int = 5,
    with_worker: bool = True,
    settings: Settings | None = None,
    **wanted: Any,
) -> AsyncIterator[Service]:
    """Run the application on a database; without a script, the built-in planner answers."""
    async with AsyncExitStack() as stack:
        model = None if script is None else await stack.enter_async_context(serve_model(script))
        database = Database(database_url)
        stack.push_async_callback(database.dispose)
        shop = await make_shop(database)
        settings = settings or settings_for(model, pool_size=pool_size, **wanted)
        plain_url = database_url.render_as_string(hide_password=False)
        app = create_app(settings, plain_url, with_worker=with_worker)
        url = await stack.enter_async_context(listening(app))
        owner = await stack.enter_async_context(client_of(url, bearer(shop.access.user_id)))
        anonymous = await stack.enter_async_context(client_of(url, {}))
        yield Service(app, url, owner, anonymous, database, shop, model)


OpenService = Callable[..., AbstractAsyncContextManager[Service]]
