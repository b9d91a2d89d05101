"""`vaultra serve` as processes of their own, on this machine, before one database."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text
from sqlalchemy.engine import URL

from agent import approvals
from db.session import Database
from db.startup import PROJECT
from tests.api.service import KEY_RING, bearer, run_body
from tests.databases import cloned_database
from tests.factories import Shop, make_shop
from tests.processes import free_port
from tests.slow.deployment import plain_environment, wait_until_served
from tests.slow.reattaching import TIMEOUT, Reader

LOCALHOST = "127.0.0.1"
WRITING = ["create_recommendation", "update_recommendation"]


@dataclass(frozen=True)
class Services:
    """Processes that serve and work, and what they share."""

    urls: tuple[str, ...]
    database_url: URL
    shop: Shop
    model_port: int

    @contextlib.asynccontextmanager
    async def visited(self) -> AsyncIterator[Visit]:
        """Open a client and a way into the database, for the length of the block."""
        database = Database(self.database_url)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(database.dispose)
            clients = [
                await stack.enter_async_context(
                    httpx.AsyncClient(
                        base_url=url,
                        headers=bearer(self.shop.access.user_id),
                        timeout=TIMEOUT,
                        limits=httpx.Limits(max_connections=None),
                        trust_env=False,
                    )
                )
                for url in self.urls
            ]
            yield Visit(self, clients, database)


@dataclass(frozen=True)
class Visit:
    """A user of the services: a client of each process."""

    services: Services
    clients: list[httpx.AsyncClient]
    database: Database

    def reader(self, question: str, thread_id: str | None = None, process: int = 0) -> Reader:
        """Return a reader of a question that is not asked yet."""
        return Reader(self.clients[process], run_body(question, threadId=thread_id or str(uuid4())))

    async def ask(self, question: str, thread_id: str | None = None) -> Reader:
        """Ask and read to the end."""
        reader = self.reader(question, thread_id)
        await reader.read()
        reader.check_whole()
        return reader

    async def cancel(self, reader: Reader, process: int = 0) -> None:
        """Ask one of the processes to cancel the run."""
        answer = await self.clients[process].post(f"/v1/runs/{reader.run_id}/cancel")
        assert answer.status_code == 202, answer.text

    async def messages(self, reader: Reader) -> dict[str, str]:
        """Return what is stored of the conversation's answers, by message."""
        path = f"/v1/conversations/{reader.body['threadId']}/messages"
        answer = await self.clients[0].get(path)
        assert answer.status_code == 200, answer.text
        items = answer.json()["items"]
        return {item["id"]: item["content"] for item in items if item["role"] == "assistant"}

    async def note(self, title: str) -> str:
        """Store a recommendation; return its id."""
        noted = {"title": title, "description": "It helps.", "category": "risk"}
        path = f"/v1/businesses/{self.services.shop.business_id}/recommendations"
        answer = await self.clients[0].post(path, json=noted)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def value(self, statement: str, **values: Any) -> Any:
        """Return the first column of the first row."""
        async with self.database.unit_of_work() as session:
            return (await session.execute(text(statement), values)).scalar()

    async def calls(self, reader: Reader, but_for: str = "") -> list[str]:
        """Return the states of the run's tool calls that have a row, but for those of one tool."""
        async with self.database.unit_of_work() as session:
            rows = await session.execute(
                text(
                    "SELECT status FROM agent_tool_calls JOIN agent_runs AS r ON r.id = run_id"
                    " WHERE r.client_run_id = :run AND name <> :but_for"
                    " ORDER BY agent_tool_calls.id"
                ),
                {"run": reader.run_id, "but_for": but_for},
            )
            return [*rows.scalars()]


@contextlib.contextmanager
def services(
    server_url: URL,
    template: str,
    folder: Path,
    *,
    processes: int = 1,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Services]:
    """Run processes on a database of their own; the model's port is free until a test serves it."""
    with asyncio.Runner() as runner:
        cloned = cloned_database(server_url, template)
        url = runner.run(cloned.__aenter__())
        try:
            shop = runner.run(_shop(url))
            model_port = free_port()
            ports = [free_port() for _ in range(processes)]
            environment = _environment(url, folder, model_port) | dict(settings or {})
            with contextlib.ExitStack() as stack:
                for port in ports:
                    stack.enter_context(_process(port, folder, environment))
                urls = tuple(f"http://{LOCALHOST}:{port}" for port in ports)
                for url_of_one in urls:
                    wait_until_served(url_of_one)
                yield Services(urls, url, shop, model_port)
        finally:
            runner.run(cloned.__aexit__(None, None, None))


async def _shop(url: URL) -> Shop:
    database = Database(url)
    try:
        shop = await make_shop(database)
        async with database.unit_of_work() as session:
            # What the tests are about is not whether a person is asked first.
            await approvals.let_without_approval(session, shop.access, WRITING)
    finally:
        await database.dispose()
    return shop


def _environment(url: URL, folder: Path, model_port: int) -> dict[str, str]:
    return {
        **plain_environment(),
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "VAULTRA_SECRET_KEYS": ",".join(KEY_RING),
        "VAULTRA_STATE_FOLDER": str(folder),
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": f"http://{LOCALHOST}:{model_port}/v1",
        "VAULTRA_MODEL": "scripted",
        # The tests ask more in a minute than a person does.
        "VAULTRA_RUNS_PER_MINUTE": "0",
    }


@contextlib.contextmanager
def _process(port: int, folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    with (folder / f"serve-{port}").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "serve", "--port", str(port)],
            cwd=PROJECT,
            env=environment,
            stdout=said,
            stderr=said,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
