"""Stripe Connect: an account's owner lets us in, at Stripe, without making a key.

Stripe's documentation: docs.stripe.com/connect/oauth-reference. A code is good for five minutes
and for one exchange; Stripe revokes the grant of one that comes twice, so no request is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import aiohttp
import msgspec
import stripe
from stripe.oauth_error import InvalidClientError, InvalidGrantError, OAuthError

from domain.errors import StripeError
from integrations.stripe.failures import TransientStripeError
from integrations.stripe.sdk import open_sdk
from integrations.stripe.transport import require_encryption

Scope = Literal["read_only", "read_write"]
_CLIENT = (
    "Stripe does not accept this service as a Connect platform. "
    "Check STRIPE_CLIENT_ID and STRIPE_SECRET_KEY."
)
_GRANT = (
    "Stripe does not know this authorisation: it is used up or older than five minutes. "
    "Connect Stripe again."
)
_BUSY = "Stripe could not be reached to finish the connection. Connect Stripe again in a minute."
_FORM = "Stripe's answer to the authorisation does not have the documented form."


@dataclass(frozen=True, slots=True)
class Grant:
    """The access that an owner gave: `access_token` is used like an API key."""

    account_id: str
    access_token: str = field(repr=False)
    livemode: bool
    scope: str


class _Token(msgspec.Struct):
    stripe_user_id: str
    access_token: str
    livemode: bool
    scope: str


class StripeConnect:
    """Our platform at Stripe. Every error is a sentence without a code, a token or a key in it."""

    def __init__(
        self,
        client_id: str,
        secret_key: str,
        api_base: str,
        connect_base: str,
        *,
        timeout_seconds: float = 30.0,
    ) -> None:
        """Raise ConfigurationError if a live key would travel unencrypted."""
        bases = {"STRIPE_API_BASE": api_base, "STRIPE_CONNECT_BASE": connect_base}
        require_encryption(secret_key, bases)
        self._client_id = client_id
        self._secret_key = secret_key
        self._api_base = api_base.rstrip("/")
        self._connect_base = connect_base.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    def authorize_url(self, *, state: str, redirect_uri: str, scope: Scope = "read_only") -> str:
        """Return the page at Stripe where the owner agrees and is sent back to `redirect_uri`."""
        sdk = stripe.StripeClient(
            self._secret_key,
            client_id=self._client_id,
            base_addresses={"connect": self._connect_base},
        )
        return sdk.oauth.authorize_url(
            {"scope": scope, "state": state, "redirect_uri": redirect_uri}
        )

    async def exchange(self, code: str) -> Grant:
        """Return what the code of a redirect stands for; it works once."""
        answer = await self._post("/oauth/token", grant_type="authorization_code", code=code)
        try:
            given = msgspec.convert(answer, _Token)
        except msgspec.ValidationError:
            raise StripeError(_FORM) from None
        return Grant(given.stripe_user_id, given.access_token, given.livemode, given.scope)

    async def deauthorize(self, account_id: str) -> None:
        """Give the access back; it is no error if the owner has taken it away already."""
        try:
            await self._post(
                "/oauth/deauthorize", client_id=self._client_id, stripe_user_id=account_id
            )
        except _NotConnectedError:
            return

    async def _post(self, path: str, **parameters: str) -> object:
        async with aiohttp.ClientSession(timeout=self._timeout) as session:
            sdk = open_sdk(
                self._secret_key,
                session,
                api_base=self._api_base,
                connect_base=self._connect_base,
                client_id=self._client_id,
            )
            try:
                # `sdk.oauth` would make the same request, but hold up the event loop meanwhile.
                answer = await sdk.raw_request_async("post", path, base="connect", **parameters)
            except stripe.StripeError as error:
                # `from None`: the SDK's errors hold the code that was sent.
                raise _explained(error) from None
            except (AttributeError, TypeError, UnicodeDecodeError):
                # The SDK's, where an error is in no documented form.
                raise StripeError(_FORM) from None
            return answer.data


class _NotConnectedError(StripeError):
    """The account is not connected to this service. Connect Stripe again."""


def _explained(error: stripe.StripeError) -> StripeError:
    status = error.http_status
    if isinstance(error, OAuthError) and "not connected" in (error.user_message or ""):
        return _NotConnectedError()
    if isinstance(error, InvalidGrantError):
        return StripeError(_GRANT)
    if isinstance(error, InvalidClientError) or status == 401:
        return StripeError(_CLIENT)
    if status is None or status == 429 or status >= 500:
        return TransientStripeError(_BUSY)
    if status == 200:
        return StripeError(_FORM)
    return StripeError(f"Stripe refused the authorisation ({status}). Connect Stripe again.")
