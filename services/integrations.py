"""Connecting a Stripe account by a restricted key, and keeping that key."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from db.columns import KeyRing, binding, decrypt, encrypt
from db.models import IntegrationAccount
from db.repositories import integrations as accounts
from db.session import Session
from domain.access import Access, Permission
from domain.errors import ConflictError, InvalidInputError, StripeKeyError, StripePermissionError
from integrations.stripe.client import StripeClient
from integrations.stripe.gateway import StripeAccount, StripeGateway
from integrations.stripe.resources import PERMISSIONS, RESOURCES

_RESTRICTED_KEY = re.compile(r"rk_(?:test|live)_[A-Za-z0-9_]+")
# The dashboard fills its form from these parameters; without them the page works just as well.
_KEY_PAGE = "https://dashboard.stripe.com/apikeys/create?" + urlencode(
    [("name", "Vaultra"), *(("permissions[]", permission) for permission in PERMISSIONS)]
)
HOW_TO_MAKE_A_KEY = (
    f"Make a restricted key with these read permissions: {', '.join(PERMISSIONS)}. In the Stripe "
    f"dashboard: Developers, API keys, Create restricted key, or {_KEY_PAGE}"
)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A Stripe key as it is stored: encrypted, and bound to its business."""

    business_id: UUID
    encrypted: str | None


@dataclass(frozen=True, slots=True)
class StripeIntegration:
    """The connected account; `account_created` is when the Stripe account was opened.

    What Stripe did not tell is None.
    """

    id: UUID
    account_id: str
    status: str
    livemode: bool
    default_currency: str
    time_zone: str
    country: str | None
    business_name: str | None
    account_created: datetime | None
    charges_enabled: bool | None
    payouts_enabled: bool | None
    last_synced_at: datetime | None
    connected_at: datetime

    @property
    def usable(self) -> bool:
        """Whether Stripe accepted the key the last time it was used."""
        return self.status != accounts.IntegrationStatus.REVOKED


OpenGateway = Callable[[StoredKey], AbstractAsyncContextManager[StripeGateway]]


def stripe_opener(ring: KeyRing, *, api_base: str, timeout_seconds: float) -> OpenGateway:
    """Return what opens a stored key's account at Stripe.

    Its calls raise ConfigurationError if the key ring lacks the key's secret, and StripeKeyError
    if no key is stored.
    """

    def open_gateway(stored: StoredKey) -> AbstractAsyncContextManager[StripeGateway]:
        key = open_key(ring, stored)
        return StripeClient(key, api_base=api_base, timeout_seconds=timeout_seconds)

    return open_gateway


def require_restricted_key(text: str) -> str:
    """Return the key without blanks around it; raise InvalidInputError if it is not an `rk_` one.

    A secret key (`sk_…`) could move money; we want none in our database.
    """
    key = text.strip()
    if _RESTRICTED_KEY.fullmatch(key):
        return key
    if key.startswith("sk_"):
        problem = "A secret key can move money, so it is not accepted. It was not stored."
    else:
        problem = "This is not a restricted Stripe key, which starts with rk_live_ or rk_test_."
    raise InvalidInputError(problem, hint=HOW_TO_MAKE_A_KEY)


async def inspect_account(gateway: StripeGateway) -> StripeAccount:
    """Return the key's account after reading one item of each list.

    Raise StripePermissionError that names every list the key may not read, StripeKeyError if it
    is refused. Holds no database session: call it before `connect_stripe`.
    """
    account = await gateway.account()
    missing = []
    for resource in RESOURCES:
        try:
            await gateway.list_page(resource, limit=1)
        except StripePermissionError:
            missing.append(resource.permission)
    if missing:
        named = ", ".join(dict.fromkeys(missing))
        raise StripePermissionError(
            f"The Stripe key lacks: {named}.", hint="Add them to the restricted key, for reading."
        )
    return account


async def connect_stripe(
    session: Session,
    access: Access,
    key: str,
    *,
    ring: KeyRing,
    account: StripeAccount,
    now: datetime,
) -> StripeIntegration:
    """Store the account and its encrypted key; a renewed key makes it active again.

    Raise NotPermittedError for a viewer, InvalidInputError for a key that is not restricted, and
    ConflictError if the business has another account, or this one in the other mode: their
    ledgers must not be mixed.
    """
    access.require(Permission.SYNC)
    place = _place(access.business_id)
    saved = await accounts.save_integration(
        session,
        access,
        external_id=account.id,
        encrypted_token=encrypt(ring, require_restricted_key(key), bound_to=place),
        metadata=_metadata(account),
        now=now,
    )
    if saved is None:
        raise ConflictError(
            "Another Stripe account, or the other mode of this one, is connected already.",
            hint="Create another business for it: two ledgers cannot share one.",
        )
    return _integration(saved)


async def find_integration(session: Session, access: Access) -> StripeIntegration | None:
    """Return the business's Stripe account, or None if none was connected."""
    found = await accounts.find_integration(session, access)
    return None if found is None else _integration(found)


def open_key(ring: KeyRing, stored: StoredKey) -> str:
    """Decrypt a key; raise ConfigurationError if it cannot be, StripeKeyError if there is none."""
    if stored.encrypted is None:
        raise StripeKeyError("No Stripe key is stored. Connect the account with a restricted key.")
    return decrypt(ring, stored.encrypted, bound_to=_place(stored.business_id))


def _place(business_id: UUID) -> str:
    return binding("integration_accounts", business_id, "access_token_encrypted")


def _metadata(account: StripeAccount) -> dict[str, Any]:
    """Return what is kept of the account beside its id; `created` in UTC seconds."""
    kept = asdict(account)
    del kept["id"]
    kept["created"] = None if account.created is None else int(account.created.timestamp())
    return kept


def _integration(row: IntegrationAccount) -> StripeIntegration:
    metadata = row.account_metadata or {}
    created = metadata.get("created")
    return StripeIntegration(
        id=row.id,
        account_id=row.external_id,
        status=row.status or accounts.IntegrationStatus.ACTIVE,
        livemode=metadata["livemode"],
        default_currency=metadata["default_currency"],
        time_zone=metadata["time_zone"],
        country=metadata.get("country"),
        business_name=metadata.get("business_name"),
        account_created=None if created is None else datetime.fromtimestamp(created, UTC),
        charges_enabled=metadata.get("charges_enabled"),
        payouts_enabled=metadata.get("payouts_enabled"),
        last_synced_at=row.last_synced_at,
        connected_at=row.created_at,
    )
