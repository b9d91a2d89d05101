"""Connecting a Stripe account by OAuth: an authorization is begun, and ended once.

The `state` that travels through Stripe is known here by its hash only, with the user and the
business it was made for. Whoever brings it back must be in the browser that it was made in, or be
that user: otherwise a link could make somebody connect their account to a stranger's business.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from db.columns import KeyRing
from db.repositories import oauth_states
from db.repositories.oauth_states import OAuthState
from db.session import Database, Session
from domain.access import Access, Permission
from domain.errors import ConflictError, StripeError
from integrations.stripe.gateway import StripeGateway
from integrations.stripe.oauth import Grant
from services import businesses, integrations
from services.inspection import Inspected, inspect_account
from services.integrations import StripeIntegration

LIFETIME = timedelta(minutes=15)
# RFC 6749, section 10.10: guessing must have a chance of at most 2^-160; this leaves 2^-256.
_SECRET_BYTES = 32


class AuthorizationRefusedError(ConflictError):
    """Stripe was not connected: begin again, in one browser and within 15 minutes."""

    code = "stripe_authorization_refused"


class AuthorizationDeniedError(ConflictError):
    """Stripe was not connected: access was denied there. Begin again if that was a mistake."""

    code = "stripe_authorization_denied"


class Connect(Protocol):
    """What is asked of Stripe Connect."""

    def authorize_url(self, *, state: str, redirect_uri: str) -> str:
        """Return the page on which the owner of an account grants access."""

    async def exchange(self, code: str) -> Grant:
        """Return what a code stands for; it works once."""

    async def deauthorize(self, account_id: str) -> None:
        """Give up the access to an account."""


OpenAccount = Callable[[str], AbstractAsyncContextManager[StripeGateway]]


@dataclass(frozen=True, slots=True)
class Authorization:
    """An authorization that was begun: where to go, and the secret that the browser keeps."""

    url: str = field(repr=False)
    browser_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Return:
    """What came back from Stripe, and who brought it; none of it belongs in a log.

    Without a `code`, access was denied; `browser_secret` is the cookie's, `user_id` that of a valid
    access token.
    """

    state: str = field(repr=False)
    code: str | None = field(repr=False)
    browser_secret: str | None = field(repr=False)
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class ConnectFlow:
    """What an authorization needs of its process."""

    database: Database
    stripe: Connect
    open_account: OpenAccount
    ring: KeyRing
    clock: Callable[[], datetime]


async def begin_authorization(
    session: Session, access: Access, stripe: Connect, *, redirect_uri: str, now: datetime
) -> Authorization:
    """Begin an authorization for the business; raise NotPermittedError for a viewer."""
    access.require(Permission.SYNC)
    state, browser_secret = (secrets.token_urlsafe(_SECRET_BYTES) for _ in range(2))
    await oauth_states.insert_state(
        session,
        _hash(state),
        access,
        expires_at=now + LIFETIME,
        browser_hash=_hash(browser_secret),
    )
    return Authorization(
        stripe.authorize_url(state=state, redirect_uri=redirect_uri), browser_secret
    )


async def finish_authorization(flow: ConnectFlow, returned: Return) -> StripeIntegration:
    """Store the access that was granted; no session is held while Stripe is asked.

    Whatever is wrong, the state is used up. Raise AuthorizationRefusedError for one that is
    unknown, expired, used or brought by somebody else, AuthorizationDeniedError if access was
    not granted; NotFoundError or NotPermittedError if the user lost the role meanwhile; and what
    `connect_stripe` and `inspect_account` raise.
    """
    async with flow.database.unit_of_work() as session:
        # Taken for good, in a transaction of its own: a refusal must not give it back.
        begun = await oauth_states.take_state(session, _hash(returned.state), flow.clock())
    if begun is None or not _is_same_person(begun, returned):
        raise AuthorizationRefusedError
    if returned.code is None:
        raise AuthorizationDeniedError
    await _access(flow, begun)
    grant = await flow.stripe.exchange(returned.code)
    inspected = await _inspect(flow, grant)
    async with flow.database.unit_of_work() as session:
        # Asked again: meanwhile Stripe was, and that may have taken a while.
        access = await businesses.access_for(session, begun.user_id, begun.business_id)
        return await integrations.connect_granted(
            session,
            access,
            grant.access_token,
            ring=flow.ring,
            inspected=inspected,
            now=flow.clock(),
        )


async def _access(flow: ConnectFlow, begun: OAuthState) -> None:
    async with flow.database.unit_of_work() as session:
        access = await businesses.access_for(session, begun.user_id, begun.business_id)
        access.require(Permission.SYNC)


async def _inspect(flow: ConnectFlow, grant: Grant) -> Inspected:
    async with flow.open_account(grant.access_token) as gateway:
        inspected = await inspect_account(gateway)
    if inspected.account.id != grant.account_id:
        raise StripeError("Stripe granted access to one account and answers for another.")
    # A token does not tell its mode by its form, as a key does.
    return replace(inspected, account=replace(inspected.account, livemode=grant.livemode))


def _is_same_person(begun: OAuthState, returned: Return) -> bool:
    given = _hash(returned.browser_secret or "")
    if secrets.compare_digest(given, begun.browser_hash):
        return True
    return returned.user_id is not None and returned.user_id == begun.user_id


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
