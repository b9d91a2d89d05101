"""One attempt of a sync: what it reads from and writes to, by what right, and how far it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from db.repositories import ledger, syncs
from db.session import Database, Session
from domain.errors import ConflictError, StripePermissionError
from integrations.stripe.gateway import Page, StripeGateway
from integrations.stripe.resources import Resource, StripeObject
from services.stripe_sync.feeds import Rows
from services.stripe_sync.lanes import errors_in
from services.stripe_sync.progress import ListProgress, to_cursors

T = TypeVar("T", bound=StripeObject)
_PARTS: tuple[tuple[type[ledger.ParentRow], type[ledger.ChildRow]], ...] = (
    (ledger.SubscriptionRow, ledger.SubscriptionItemRow),
    (ledger.InvoiceRow, ledger.InvoiceLineRow),
)


class SyncSupersededError(ConflictError):
    """Another worker has taken this sync over."""


@dataclass(slots=True)
class Attempt:
    """An attempt; `lists`, `missing` (permissions) and `findings` change while it runs.

    `version` was drawn before anything that is requested from now on; `cursors` are those that
    earlier attempts left, None for what is forgotten, and `account_id` is Stripe's.
    """

    database: Database
    gateway: StripeGateway
    owner: ledger.LedgerOwner
    account_id: str
    lease: syncs.Lease
    clock: Callable[[], datetime]
    version: int
    cursors: Mapping[str, Any]
    lists: dict[str, ListProgress]
    missing: set[str] = field(default_factory=set)
    findings: dict[str, Any] = field(default_factory=dict)

    async def save(self, session: Session, **cursors: Any) -> None:
        """Store cursors with what the transaction writes; raise SyncSupersededError."""
        patch = {**cursors, **to_cursors({}, saved_at=self.clock())}
        findings = {**self.findings, "missing": sorted(self.missing)}
        if not await syncs.save_cursor(session, self.lease, patch, findings=findings):
            raise SyncSupersededError

    async def forget(self, *names: str) -> None:
        """Do without some of the cursors that earlier attempts left."""
        self.cursors = {name: at for name, at in self.cursors.items() if name not in names}
        async with self.database.unit_of_work() as session:
            await self.save(session, **dict.fromkeys(names))

    async def draw_version(self, session: Session) -> int:
        """Draw the version of the requests to come; it counts once the transaction is committed."""
        return await ledger.next_version(session)

    def advance(self, version: int) -> None:
        """Take a version that was drawn and committed for the requests from now on."""
        self.version = max(self.version, version)


async def pages(
    gateway: StripeGateway, resource: Resource[T], **parameters: Any
) -> AsyncIterator[Page[T]]:
    """Read a list page by page; the next one is asked for once the last has been dealt with."""
    after, has_more = None, True
    while has_more:
        page = await gateway.list_page(resource, starting_after=after, **parameters)
        has_more = page.has_more and bool(page.items)
        after = page.items[-1].id if page.items else None
        yield page


async def write(session: Session, owner: ledger.LedgerOwner, found: Rows) -> None:
    """Write rows, and the parts that they consist of."""
    await ledger.upsert(session, owner, found.rows)
    for parent, child in _PARTS:
        parents = [row for row in found.rows if isinstance(row, parent)]
        parts = [row for row in found.children if isinstance(row, child)]
        await ledger.upsert_children(session, owner, parents, parts)


def only_denied(group: ExceptionGroup[Exception]) -> bool:
    """Tell whether a permission that is missing is all that went wrong."""
    return all(isinstance(error, StripePermissionError) for error in errors_in(group))
