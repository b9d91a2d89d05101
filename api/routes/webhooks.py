"""Where Stripe tells what has happened: verified, stored and acknowledged, before any work."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from api.deps import State
from api.errors import problem
from api.state import AppState
from config.logs import get_logger
from domain.errors import VaultraError
from integrations.stripe.webhooks import WebhookRefusedError, verify
from services.webhooks import EventRefusedError, Outcome, receive_event

MAX_BODY_BYTES = 1024 * 1024
# Who sends no more than this has sent all of it, and so can read the answer.
MAX_THROWN_AWAY_BYTES = 8 * MAX_BODY_BYTES
PATH = "/v1/webhooks/stripe"
NOT_CONFIGURED = "no_secret"
router = APIRouter(tags=["stripe"])
_logger = get_logger(__name__)


class UnreadBodyError(VaultraError):
    """The body was not read to its end."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Take the status and the code of the answer."""
        super().__init__(message)
        self.status = status
        self.code = code


class Received(BaseModel):
    """What became of the event: stored, seen before, or of no concern here."""

    outcome: Outcome


_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The signature, its time or the account is not right; nothing is stored."},
    404: {"description": "STRIPE_WEBHOOK_SECRET is not set: no events are taken."},
    413: {"description": "The body is over 1 MiB."},
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "An event, exactly as Stripe signed it.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    "parameters": [
        {
            "name": "Stripe-Signature",
            "in": "header",
            "required": True,
            "schema": {"type": "string"},
        }
    ],
}


@router.post(PATH, response_model=Received, responses=_REFUSALS, openapi_extra=_BODY)
async def receive_webhook(request: Request, state: State) -> Received | Response:
    """Take an event of Stripe's; it needs a signature and no access token.

    A 200 means that it is stored, or need not be. What is refused is counted by reason.
    """
    try:
        outcome = await _receive(request, state)
    except (WebhookRefusedError, EventRefusedError) as error:
        status = 404 if error.reason == NOT_CONFIGURED else 400
        return _refuse(state, status, error, reason=error.reason)
    except UnreadBodyError as error:
        return _refuse(state, error.status, error, reason=error.code)
    return Received(outcome=outcome)


async def _receive(request: Request, state: AppState) -> Outcome:
    secrets = state.settings.stripe.webhook_secrets()
    body = await _read(request)
    signature = request.headers.get("stripe-signature")
    now = int(state.agent.clock().timestamp())
    event = verify(body, signature, secrets=secrets, now=now)
    return await receive_event(state.database, event)


async def _read(request: Request) -> bytes:
    """Return the body, or raise once it is over the limit."""
    body, size = bytearray(), 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size <= MAX_BODY_BYTES:
                body += piece
            elif size > MAX_THROWN_AWAY_BYTES:
                break
    except ClientDisconnect:
        raise UnreadBodyError(400, "body_cut_short", "The body broke off.") from None
    if size > MAX_BODY_BYTES:
        raise UnreadBodyError(413, "body_too_large", "The body is over 1 MiB; no event is.")
    return bytes(body)


def _refuse(state: AppState, status: int, error: VaultraError, *, reason: str) -> Response:
    # Counted in the process and told in the log, not in PostgreSQL: who has no valid signature
    # must not be able to make us write.
    state.refused_webhooks[reason] += 1
    _logger.warning("webhook.refused", reason=reason)
    # Closed, or the server would read what may still come, only to throw it away.
    headers = {"Connection": "close"} if status == 413 else None
    return problem(
        status, error.code, error.message, headers=headers, hint=error.hint, reason=reason
    )
