"""Connecting Stripe by OAuth: away to Stripe, and back in the same browser."""

from __future__ import annotations

from html import escape
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel

from api.auth import read_token
from api.deps import BusinessAccess, DbSession, State
from api.errors import problem, status_of
from api.state import AppState
from api.stripe_access import open_account, public_url, stripe_connect
from config.logs import get_logger
from db.columns import KeyRing
from domain.access import Permission
from domain.errors import NotAuthenticatedError, VaultraError
from services import oauth
from services.oauth import ConnectFlow, Return

CALLBACK = "/v1/integrations/stripe/callback"
COOKIE = "vaultra_stripe"
router = APIRouter(prefix="/v1", tags=["stripe"])
_logger = get_logger(__name__)
_Returned = Annotated[str | None, Query(max_length=512)]
_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Vaultra</title>
<h1>Stripe is not connected</h1><p>{told}</p><p><a href="/">Back to Vaultra</a></p></html>"""


class AuthorizeAddress(BaseModel):
    """Where to send the browser that asked; the address works once, for 15 minutes."""

    url: str


@router.post("/businesses/{business_id}/integrations/stripe/authorize")
async def authorize_stripe(
    state: State, session: DbSession, access: BusinessAccess, response: Response
) -> AuthorizeAddress:
    """Begin to connect a Stripe account by OAuth; the answer binds the browser by a cookie."""
    access.require(Permission.SYNC)
    stripe, address = stripe_connect(state.settings), public_url(state.settings)
    begun = await oauth.begin_authorization(
        session,
        access,
        stripe,
        redirect_uri=address + CALLBACK,
        now=state.agent.clock(),
    )
    response.headers["Cache-Control"] = "no-store"
    response.set_cookie(
        COOKIE,
        begun.browser_secret,
        max_age=int(oauth.LIFETIME.total_seconds()),
        path=CALLBACK,
        secure=urlsplit(address).scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return AuthorizeAddress(url=begun.url)


@router.get(
    "/integrations/stripe/callback",
    status_code=303,
    response_class=RedirectResponse,
    responses={
        409: {"description": "Denied, expired, used before, or begun in another browser."},
    },
)
async def finish_stripe_authorization(
    request: Request,
    state: State,
    returned_state: Annotated[str, Query(alias="state", max_length=512)] = "",
    code: _Returned = None,
    error: _Returned = None,
) -> Response:
    """Store the access that Stripe granted, and go back to the page.

    Needs no access token, but the browser that began, or a token of the user who did.
    """
    returned = Return(
        state=returned_state,
        code=None if error else code,
        browser_secret=request.cookies.get(COOKIE),
        user_id=_user_of(request, state),
    )
    try:
        home = public_url(state.settings)
        connected = await oauth.finish_authorization(_flow(state), returned)
    except VaultraError as refusal:
        _logger.warning("stripe.not_connected", error_code=refusal.code)
        answer = _refusal(request, refusal)
    else:
        _logger.info("stripe.connected", integration_id=str(connected.id))
        answer = RedirectResponse(f"{home}/?stripe=connected", 303, _PRIVATE)
    answer.delete_cookie(COOKIE, path=CALLBACK)
    return answer


def _flow(state: AppState) -> ConnectFlow:
    return ConnectFlow(
        state.database,
        stripe_connect(state.settings),
        lambda token: open_account(state, token),
        KeyRing(state.wiring.key_ring),
        state.agent.clock,
    )


def _user_of(request: Request, state: AppState) -> UUID | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        return read_token(state.wiring.key_ring, token)
    except NotAuthenticatedError:
        return None


def _refusal(request: Request, error: VaultraError) -> Response:
    """Return a page for a browser, a problem for a program."""
    status = status_of(error)
    if "text/html" not in request.headers.get("accept", ""):
        return problem(status, error.code, error.message, headers=_PRIVATE, hint=error.hint)
    told = " ".join(filter(None, (error.message, error.hint)))
    headers = {**_PRIVATE, "Content-Security-Policy": "default-src 'none'"}
    return HTMLResponse(_PAGE.format(told=escape(told)), status, headers)
