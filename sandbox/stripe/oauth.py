"""Connect OAuth: the page that asks the owner, and the routes that give and take access."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast, get_args
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import hdrs, web

from sandbox.stripe import wire
from sandbox.stripe.accounts import Accounts, Grant, Platform, Scope, presented_key
from sandbox.stripe.authorize_page import render_page
from sandbox.stripe.clock import Clock
from sandbox.stripe.render import Json

# A code can be exchanged once, within five minutes (docs.stripe.com/connect/oauth-reference).
CODE_LIFETIME = timedelta(minutes=5)
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class _Code:
    account_id: str
    scope: Scope
    made_at: datetime


class Connect:
    """The OAuth side of a platform; `announce` is told of `account.application.…` events."""

    def __init__(
        self, accounts: Accounts, clock: Callable[[], Clock], announce: Callable[[str, str], None]
    ) -> None:
        """Take the accounts that may be connected, and a way to the clock in force."""
        self._accounts = accounts
        self._clock = clock
        self._announce = announce
        self._codes: dict[str, _Code] = {}
        self._used: dict[str, _Code] = {}

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        """Show the page, or answer it: `approve=1` (or 0) with `account` decides at once."""
        query = request.query
        platform = self._application(query.get("client_id", ""))
        redirect_uri = _registered(platform, query.get("redirect_uri"))
        back = {"state": query["state"]} if "state" in query else {}
        scope = query.get("scope", "read_only")
        if query.get("response_type") != "code":
            description = "Unsupported response_type: only 'code' is supported."
            return _redirect(redirect_uri, back, _error("unsupported_response_type", description))
        if scope not in get_args(Scope):
            return _redirect(redirect_uri, back, _error("invalid_scope", f"Invalid scope: {scope}"))
        if "approve" not in query:
            page = render_page(platform, self._accounts.connectable, dict(query), scope)
            return web.Response(text=page, content_type="text/html")
        if query["approve"] != "1":
            denied = _error("access_denied", "The user denied your request")
            return _redirect(redirect_uri, back, denied)
        code = self._new_code(query.get("account"), cast("Scope", scope))
        return _redirect(redirect_uri, back, {"scope": scope, "code": code})

    def token(self, request: web.Request, form: Mapping[str, str]) -> Json:
        """Exchange a code or a refresh token; raise OAuthError."""
        platform = self._authenticated(request, form)
        kind = form.get("grant_type")
        if kind == "authorization_code":
            return _granted(self._redeem(_required(form, "code")), platform)
        if kind == "refresh_token":
            return _granted(self._renew(_required(form, "refresh_token"), form), platform)
        if kind is None:
            raise wire.OAuthError(400, "invalid_request", "No grant type specified")
        raise wire.OAuthError(400, "unsupported_grant_type", f"Invalid grant type: {kind}")

    def deauthorize(self, request: web.Request, form: Mapping[str, str]) -> Json:
        """Take the platform's access to an account away; raise OAuthError."""
        platform = self._authenticated(request, form)
        if _required(form, "client_id") != platform.client_id:
            raise _no_application(form["client_id"])
        account_id = _required(form, "stripe_user_id")
        if not self._accounts.connected(account_id):
            description = (
                "This application is not connected to stripe account "
                f"{account_id}, or that account does not exist."
            )
            raise wire.OAuthError(401, "invalid_client", description)
        self.disconnect(account_id)
        return {"stripe_user_id": account_id}

    def disconnect(self, account_id: str) -> None:
        """Revoke the access as the owner does in the dashboard, and announce it."""
        self._accounts.disconnect(account_id)
        self._announce(account_id, "account.application.deauthorized")

    def _new_code(self, account_id: str | None, scope: Scope) -> str:
        own = [ledger.shop.account_id for ledger in self._accounts.connectable]
        chosen = account_id or next(iter(own), None)
        if chosen is None or chosen not in own:
            raise wire.ApiError(400, f"No such account: '{chosen}'", param="account")
        code = f"ac_{secrets.token_hex(16)}"
        self._codes[code] = _Code(chosen, scope, self._now())
        return code

    def _redeem(self, text: str) -> Grant:
        code = self._codes.pop(text, None)
        if text in self._used:
            # A second use means that somebody else may hold the code: what it gave is revoked.
            self._accounts.disconnect(self._used[text].account_id, code=text)
            description = (
                "This authorization code has already been used. All tokens issued with this code "
                "have been revoked."
            )
            raise wire.OAuthError(400, "invalid_grant", description)
        if code is None:
            description = f"Authorization code does not exist: {text}"
            raise wire.OAuthError(400, "invalid_grant", description)
        if self._now() - code.made_at > CODE_LIFETIME:
            raise wire.OAuthError(400, "invalid_grant", f"Authorization code expired: {text}")
        self._used[text] = code
        grant = self._accounts.connect(code.account_id, code.scope, code=text)
        self._announce(code.account_id, "account.application.authorized")
        return grant

    def _renew(self, token: str, form: Mapping[str, str]) -> Grant:
        grant = self._accounts.find_grant(token)
        if grant is None:
            raise wire.OAuthError(400, "invalid_grant", "Refresh token does not exist")
        scope = form.get("scope", grant.scope)
        if scope not in get_args(Scope) or (scope, grant.scope) == ("read_write", "read_only"):
            raise wire.OAuthError(400, "invalid_scope", f"Invalid scope: {scope}")
        narrowed = cast("Scope", scope)
        return self._accounts.connect(
            grant.account_id, narrowed, code=grant.code, refresh_token=token
        )

    def _application(self, client_id: str) -> Platform:
        platform = self._accounts.platform
        if platform is None or platform.client_id != client_id:
            raise _no_application(client_id)
        return platform

    def _authenticated(self, request: web.Request, form: Mapping[str, str]) -> Platform:
        """Return the platform whose secret key came as `client_secret` or in the header."""
        key = presented_key(request.headers.get(hdrs.AUTHORIZATION, ""))
        key = form.get("client_secret") or key
        platform = self._accounts.platform
        if key is None:
            raise wire.OAuthError(401, "invalid_client", "No client secret provided")
        if platform is None or key != platform.secret_key:
            description = f"Invalid API key provided: '{wire.redacted(key)}'"
            raise wire.OAuthError(401, "invalid_client", description)
        return platform

    def _now(self) -> datetime:
        return self._clock()()


def _registered(platform: Platform, redirect_uri: str | None) -> str:
    """Return where to send the owner back to; raise ApiError unless the platform registered it."""
    registered = platform.redirect_uris
    if redirect_uri is None and registered:
        return registered[0]
    if redirect_uri is not None:
        address = urlsplit(redirect_uri)
        local = address.scheme in ("http", "https") and address.hostname in _LOOPBACK
        if local if registered is None else redirect_uri in registered:
            return redirect_uri
    message = (
        f"Invalid redirect URI '{redirect_uri or ''}'. Ensure this URI exactly matches one of the "
        "URIs specified in your application settings."
    )
    raise wire.ApiError(400, message, param="redirect_uri")


def _redirect(uri: str, *fields: Mapping[str, str]) -> web.Response:
    parts, added = urlsplit(uri), [pair for given in fields for pair in given.items()]
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added])
    location = urlunsplit(parts._replace(query=query))
    return web.Response(status=302, headers={hdrs.LOCATION: location})


def _error(name: str, description: str) -> dict[str, str]:
    return {"error": name, "error_description": description}


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise wire.OAuthError(400, "invalid_request", f"Missing required parameter: {name}")
    return form[name]


def _no_application(client_id: str) -> wire.OAuthError:
    return wire.OAuthError(401, "invalid_client", f"No such application: '{client_id}'")


def _granted(grant: Grant, platform: Platform) -> Json:
    mode = "live" if platform.livemode else "test"
    return {
        "access_token": grant.access_token,
        "livemode": platform.livemode,
        "refresh_token": grant.refresh_token,
        "token_type": "bearer",
        "stripe_publishable_key": f"pk_{mode}_{grant.account_id.removeprefix('acct_')}",
        "stripe_user_id": grant.account_id,
        "scope": grant.scope,
    }
