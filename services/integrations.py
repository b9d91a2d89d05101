"""Connecting a Stripe account, keeping its key or token, and parting from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from db.columns import KeyRing, binding, decrypt, encrypt
from db.models import IntegrationAccount
from db.repositories import connections, stripe_events
from db.repositories import integrations as accounts
from db.repositories.connections import OAUTH, RESTRICTED_KEY
from db.session import Session
from domain.access import Access, Permission
from domain.errors import (
    ConflictError,
    NotFoundError,
    StripeError,
    StripeKeyError,
    StripePermissionError,
)
from integrations.stripe.client import StripeClient
from integrations.stripe.gateway import StripeAccount, StripeGateway
from integrations.stripe.limits import RateLimits
from services.inspection import Inspected, require_restricted_key


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A Stripe key as it is stored: encrypted, and bound to its business."""

    business_id: UUID
    encrypted: str | None

    @classmethod
    def of(cls, account: IntegrationAccount) -> StoredKey:
        """Return the key of an account."""
        return cls(account.business_id, account.access_token_encrypted)


@dataclass(frozen=True, slots=True)
class StripeIntegration:
    """The connected account; `account_created` is when the Stripe account was opened.

    `auth` is restricted_key or oauth. `missing_permissions` are those of lists that cannot be read
    until the key has them. What Stripe did not tell is None.
    """

    id: UUID
    account_id: str
    status: str
    auth: str
    missing_permissions: list[str]
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


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The account that was parted from, and whether Stripe must be told to forget the grant."""

    account_id: str
    deauthorize: bool


# Why events were set aside that a new connection, or a new version of the service, may apply.
CURABLE = (StripePermissionError.code, StripeError.code, "unstorable_object")
OpenGateway = Callable[[StoredKey], AbstractAsyncContextManager[StripeGateway]]


def stripe_opener(
    ring: KeyRing, *, api_base: str, timeout_seconds: float, limits: RateLimits | None = None
) -> OpenGateway:
    """Return what opens a stored key's account at Stripe, within the process's limits.

    Its calls raise ConfigurationError if the key ring lacks the key's secret, and StripeKeyError
    if no key is stored.
    """

    def open_gateway(stored: StoredKey) -> AbstractAsyncContextManager[StripeGateway]:
        key = open_key(ring, stored)
        return StripeClient(key, api_base=api_base, timeout_seconds=timeout_seconds, limits=limits)

    return open_gateway


async def connect_stripe(
    session: Session,
    access: Access,
    key: str,
    *,
    ring: KeyRing,
    account: StripeAccount,
    missing: Sequence[str] = (),
    now: datetime,
) -> StripeIntegration:
    """Store the account and its encrypted key; a renewed key makes it active again.

    Raise NotPermittedError for a viewer, InvalidInputError for a key that is not restricted, and
    ConflictError if the business has another account, or this one in the other mode (their
    ledgers must not be mixed), or if another business has this one.
    """
    token = require_restricted_key(key)
    metadata = _metadata(Inspected(account, tuple(missing)), RESTRICTED_KEY, now)
    return await _store(session, access, token, ring, account.id, metadata)


async def connect_granted(
    session: Session,
    access: Access,
    token: str,
    *,
    ring: KeyRing,
    inspected: Inspected,
    now: datetime,
) -> StripeIntegration:
    """Store the account and the token that its owner granted; see `connect_stripe`."""
    metadata = _metadata(inspected, OAUTH, now)
    return await _store(session, access, token, ring, inspected.account.id, metadata)


async def _store(
    session: Session,
    access: Access,
    token: str,
    ring: KeyRing,
    external_id: str,
    metadata: dict[str, Any],
) -> StripeIntegration:
    access.require(Permission.SYNC)
    saved = await accounts.save_integration(
        session,
        access,
        external_id=external_id,
        encrypted_token=encrypt(ring, token, bound_to=token_place(access.business_id)),
        metadata=metadata,
        now=datetime.fromtimestamp(metadata["authorized_at"], UTC),
    )
    if saved is None:
        raise ConflictError(
            "Another Stripe account, or the other mode of this one, is connected already.",
            hint="Create another business for it: two ledgers cannot share one.",
        )
    # What was in their way may be gone with the old key; if not, they are set aside again.
    for code in CURABLE:
        await stripe_events.free_set_aside(session, saved.id, code)
    return view_of(saved)


async def find_integration(session: Session, access: Access) -> StripeIntegration | None:
    """Return the business's Stripe account, or None if none was connected."""
    found = await accounts.find_integration(session, access)
    return None if found is None else view_of(found)


async def disconnect_stripe(session: Session, access: Access) -> Disconnected:
    """Delete the business's token; what was read with it stays. Doing it again does no harm.

    Raise NotPermittedError for a viewer, NotFoundError if nothing was ever connected.
    """
    access.require(Permission.SYNC)
    parted = await connections.disconnect(session, access)
    if parted is None:
        raise NotFoundError("No Stripe account is connected.")
    view = view_of(parted)
    # The grant is one for all businesses of ours: another one may have the account by now.
    elsewhere = await connections.is_in_use(session, view.account_id, livemode=view.livemode)
    return Disconnected(view.account_id, deauthorize=view.auth == OAUTH and not elsewhere)


def open_key(ring: KeyRing, stored: StoredKey) -> str:
    """Decrypt a key; raise ConfigurationError if it cannot be, StripeKeyError if there is none."""
    if stored.encrypted is None:
        raise StripeKeyError("No Stripe key is stored. Connect the account with a restricted key.")
    return decrypt(ring, stored.encrypted, bound_to=token_place(stored.business_id))


def token_place(business_id: UUID) -> str:
    """Return what a business's token is bound to."""
    return binding("integration_accounts", business_id, "access_token_encrypted")


def _metadata(inspected: Inspected, auth: str, now: datetime) -> dict[str, Any]:
    """Return what is kept of the account beside its id; moments in UTC seconds."""
    account = inspected.account
    kept = asdict(account)
    del kept["id"]
    kept["created"] = None if account.created is None else int(account.created.timestamp())
    return {
        **kept,
        "auth": auth,
        "missing": list(inspected.missing),
        "authorized_at": int(now.timestamp()),
    }


def view_of(row: IntegrationAccount) -> StripeIntegration:
    """Return a stored account as it is shown; nothing of its token is."""
    metadata = row.account_metadata or {}
    created = metadata.get("created")
    return StripeIntegration(
        id=row.id,
        account_id=row.external_id,
        status=row.status or accounts.IntegrationStatus.ACTIVE,
        auth=metadata.get("auth", RESTRICTED_KEY),
        missing_permissions=metadata.get("missing", []),
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
