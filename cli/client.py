"""The HTTP client of the command line: streams runs, resumes them, cancels them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from httpx_sse import EventSource, SSEError, aconnect_sse

from domain.errors import ConfigurationError, ExternalServiceError, VaultraError

SERVER_FILE = "server.json"
# The first byte comes at once and a comment every 15 s; twice that is silence.
TIMEOUT = httpx.Timeout(10.0, read=35.0)
ATTEMPTS = 5
TERMINAL = frozenset({"RUN_FINISHED", "RUN_ERROR"})


@dataclass(frozen=True)
class ServerAddress:
    """Where a running Vaultra is and the token to talk to it."""

    url: str
    token: str


def find_server(folder: Path, url: str | None, token: str | None) -> ServerAddress:
    """Return what was asked for, or what a running demo has noted; else ConfigurationError."""
    if url and token:
        return ServerAddress(url.rstrip("/"), token)
    try:
        noted = json.loads((folder / SERVER_FILE).read_text(encoding="utf-8"))
        return ServerAddress(url or noted["url"], token or noted["token"])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(
            "There is no Vaultra to talk to.",
            hint="Start one with `make demo`, or give --url and --token.",
        ) from error


class ServiceError(VaultraError):
    """The service refused the request; an instance has the code that the service gave."""

    code = "service"


def question(text: str) -> dict[str, Any]:
    """Return a question as a run takes it."""
    return {"messages": [{"id": str(uuid4()), "role": "user", "content": text}]}


def answers(resume: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return answers to interrupts, all that are open, as a run takes them."""
    return {"messages": [], "resume": list(resume)}


class Client:
    """One user's connection to a running Vaultra."""

    def __init__(self, address: ServerAddress, http: httpx.AsyncClient) -> None:
        """Use an open HTTP client; `opened` makes one."""
        self._address = address
        self._http = http

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, address: ServerAddress) -> AsyncIterator[Client]:
        """Open a client for the length of the block."""
        headers = {"Authorization": f"Bearer {address.token}"}
        async with httpx.AsyncClient(
            base_url=address.url, headers=headers, timeout=TIMEOUT
        ) as http:
            yield cls(address, http)

    async def run(
        self, conversation_id: UUID, run_id: UUID, said: dict[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the run's events; a connection that breaks is taken up where it broke.

        `said` is what `question` or `answers` returned.
        """
        body = {"threadId": str(conversation_id), "runId": str(run_id), **said}
        last = 0
        for _attempt in range(ATTEMPTS):
            try:
                async for number, event in self._events(run_id, body, last):
                    last = number
                    yield event
                    if event["type"] in TERMINAL:
                        return
            except (httpx.TransportError, SSEError) as error:
                if last == 0:
                    raise self._unreachable() from error
        raise ExternalServiceError("The connection broke too often. Ask again.")

    async def _events(
        self, run_id: UUID, body: dict[str, Any], last: int
    ) -> AsyncIterator[tuple[int, dict[str, Any]]]:
        connection = (
            aconnect_sse(self._http, "POST", "/v1/runs", json=body)
            if last == 0
            else aconnect_sse(
                self._http,
                "GET",
                f"/v1/runs/{run_id}/events",
                headers={"Last-Event-ID": str(last)},
            )
        )
        async with connection as source:
            await _require_success(source)
            async for event in source.aiter_sse():
                yield int(event.id), json.loads(event.data)

    async def cancel(self, run_id: UUID) -> None:
        """Ask the run to stop."""
        await self._http.post(f"/v1/runs/{run_id}/cancel")

    async def withdraw(self, run_id: str) -> bool:
        """Cancel a run that waits for a person; return whether it still waited."""
        cancelled = await self.post(f"/v1/runs/{run_id}/cancel")
        return bool(cancelled["state"] == "cancelled")

    async def open_interrupts(self, conversation_id: UUID) -> list[dict[str, Any]]:
        """Return what the conversation waits for; nothing if it does not exist yet."""
        try:
            found = await self.get(f"/v1/conversations/{conversation_id}/interrupts")
        except ServiceError as error:
            if error.code == "not_found":
                return []
            raise
        return list(found["items"])

    async def get(self, path: str) -> Any:
        """Return the JSON of a GET."""
        return await self._send("GET", path)

    async def post(self, path: str) -> Any:
        """Return the JSON of a POST without a body."""
        return await self._send("POST", path)

    async def _send(self, method: str, path: str) -> Any:
        try:
            response = await self._http.request(method, path)
        except httpx.TransportError as error:
            raise self._unreachable() from error
        if response.is_error:
            raise _problem(response.content, response.status_code)
        return response.json()

    def _unreachable(self) -> ConfigurationError:
        return ConfigurationError(
            f"Vaultra does not answer at {self._address.url}.",
            hint="Start it with `make demo` or `vaultra serve`.",
        )


async def _require_success(source: EventSource) -> None:
    if source.response.is_error:
        raise _problem(await source.response.aread(), source.response.status_code)


def _problem(body: bytes, status: int) -> ServiceError:
    try:
        problem = json.loads(body)
        error = ServiceError(str(problem["detail"]), hint=problem.get("hint"))
        error.code = str(problem.get("code", error.code))
    except (ValueError, KeyError, TypeError):
        return ServiceError(f"The service answered {status}.")
    return error
