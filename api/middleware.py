"""What happens to every request: an id, an answer even to a bug, and a limit to its body."""

from __future__ import annotations

import re
from collections.abc import Collection
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import internal_problem, problem
from config.logs import get_logger

MAX_BODY_BYTES = 256 * 1024
# A client's own id is taken over if it can do no harm in a log.
_REQUEST_ID = re.compile(r"[\w.-]{1,128}", re.ASCII)
_logger = get_logger(__name__)


class RequestIdMiddleware:
    """Gives every response an X-Request-ID, and every log line of the request the same."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)


class BugMiddleware:
    """Answers a request that met a bug with a problem, which has an id like every response.

    The framework's own last resort answers outside of all middleware, and so without one.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; a response that has begun can only be broken off."""
        begun = False

        async def watched_send(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception:
            if begun or scope["type"] != "http":
                raise
            _logger.exception("request.failed", path=scope["path"])
            await internal_problem()(scope, receive, send)


class BodyLimitMiddleware:
    """Refuses a body over 256 KiB, by its declared length or while it is read.

    FastAPI's own `max_body_size` answers a declared length in plain text, not as a problem.
    """

    def __init__(self, app: ASGIApp, *, but_for: Collection[str] = ()) -> None:
        """Wrap the application; the paths `but_for` limit their bodies themselves."""
        self._app = app
        self._but_for = frozenset(but_for)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, within the limit, before the application does."""
        if not self._concerns(scope):
            await self._app(scope, receive, send)
            return
        size = _declared_length(scope)
        body = bytearray()
        more = True
        while more and size <= MAX_BODY_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            size = max(size, len(body))
            more = message.get("more_body", False)
        if size > MAX_BODY_BYTES:
            detail = f"The body is over {MAX_BODY_BYTES // 1024} KiB. Send less."
            await problem(413, "body_too_large", detail)(scope, receive, send)
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, replay, send)

    def _concerns(self, scope: Scope) -> bool:
        return (
            scope["type"] == "http"
            and scope["method"] in {"POST", "PUT", "PATCH"}
            and scope["path"] not in self._but_for
        )


def _declared_length(scope: Scope) -> int:
    text = Headers(scope=scope).get("content-length", "")
    return int(text) if text.isdecimal() else 0
