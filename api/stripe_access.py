"""Ways to Stripe, from the settings: an account by its key or token, and Stripe Connect."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from api.state import AppState
from config.settings import Settings
from domain.errors import ConfigurationError
from integrations.stripe.client import StripeClient
from integrations.stripe.gateway import StripeGateway
from integrations.stripe.oauth import StripeConnect


def open_account(state: AppState, key: str) -> AbstractAsyncContextManager[StripeGateway]:
    """Return what opens the account of a key or token, at the pace of the process's jobs."""
    stripe = state.settings.stripe
    return StripeClient(
        key,
        api_base=stripe.api_base,
        timeout_seconds=stripe.timeout_seconds,
        limits=state.wiring.limits,
    )


def stripe_connect(settings: Settings) -> StripeConnect:
    """Return Stripe Connect; raise ConfigurationError if one of its settings is missing."""
    stripe = settings.stripe
    if stripe.client_id is None or stripe.secret_key is None:
        raise _not_set(settings)
    return StripeConnect(
        stripe.client_id,
        stripe.secret_key.get_secret_value(),
        stripe.api_base,
        stripe.connect_base,
    )


def public_url(settings: Settings) -> str:
    """Return our address for browsers, or raise ConfigurationError as `stripe_connect` does."""
    if settings.server.public_url is None:
        raise _not_set(settings)
    return settings.server.public_url.rstrip("/")


def _not_set(settings: Settings) -> ConfigurationError:
    """Name everything that is missing, so that nobody has to come back for the next."""
    needed = {
        "STRIPE_CLIENT_ID": settings.stripe.client_id,
        "STRIPE_SECRET_KEY": settings.stripe.secret_key,
        "VAULTRA_PUBLIC_URL": settings.server.public_url,
    }
    missing = ", ".join(name for name, value in needed.items() if value is None)
    return ConfigurationError(
        f"Connecting by OAuth needs settings that are missing: {missing}.",
        hint="Set them and start again, or connect with a restricted key.",
    )
