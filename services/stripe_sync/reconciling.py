"""Reconciliation: the lines that Stripe says a payout consists of must add up to what was paid.

Lines that the ledger lacks are added; a payout that does not add up even so is named in the
sync's findings and looked at again the next night.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from db.repositories import payouts
from db.repositories.payouts import PayoutToReconcile
from integrations.stripe.resources import BALANCE_TRANSACTIONS, BalanceTransaction
from services.stripe_sync.attempt import Attempt, pages, write
from services.stripe_sync.feeds import BALANCE_TRANSACTION

# As long as a charge can be disputed (docs.stripe.com/disputes): later nothing moves any more.
LOOK_BACK = timedelta(days=120)
# A night's reading stays within a few hundred requests; a new account is done within days.
MOST_PAYOUTS = 40
_CHECKED = "payouts_checked"
_NOTHING_FOUND: Mapping[str, Any] = {
    "payouts_checked": 0,
    "payouts_differing": [],
    "lines_added": 0,
}


async def reconcile_payouts(attempt: Attempt) -> None:
    """Compare payouts with their lines, the newest first, and record what was found.

    A payout that an earlier attempt of this sync has compared is not compared again.
    """
    seen = set(attempt.cursors.get(_CHECKED, ()))
    attempt.findings = {**_NOTHING_FOUND, **attempt.findings}
    async with attempt.database.unit_of_work() as session:
        due = await payouts.list_unreconciled(
            session, attempt.owner, since=attempt.clock() - LOOK_BACK, limit=MOST_PAYOUTS
        )
        await attempt.save(session)
    for payout in due:
        if payout.stripe_id not in seen:
            await _add_lines(attempt, payout)
            seen.add(payout.stripe_id)
            await _compare(attempt, payout, seen)


async def _add_lines(attempt: Attempt, payout: PayoutToReconcile) -> None:
    version = attempt.version
    lines = pages(attempt.gateway, BALANCE_TRANSACTIONS, filters={"payout": payout.stripe_id})
    async for page in lines:
        await _store_lines(attempt, payout, page.items, version)
        version = attempt.version


async def _store_lines(
    attempt: Attempt, payout: PayoutToReconcile, lines: Sequence[BalanceTransaction], version: int
) -> None:
    own = [line.id for line in lines if not _pays_out(line, payout)]
    async with attempt.database.unit_of_work() as session:
        missing = await payouts.list_missing_lines(session, attempt.owner, own)
        await write(session, attempt.owner, BALANCE_TRANSACTION.rows(lines, version))
        await payouts.assign_lines(session, attempt.owner, payout.stripe_id, own)
        attempt.findings["lines_added"] += len(missing)
        next_version = await attempt.draw_version(session)
        await attempt.save(session)
    attempt.advance(next_version)


async def _compare(attempt: Attempt, payout: PayoutToReconcile, seen: set[str]) -> None:
    findings = attempt.findings
    async with attempt.database.unit_of_work() as session:
        net = await payouts.net_of_lines(session, attempt.owner, payout)
        if net == payout.amount:
            await payouts.mark_reconciled(session, attempt.owner, payout.stripe_id, attempt.clock())
        else:
            findings["payouts_differing"] = [*findings["payouts_differing"], payout.stripe_id]
        findings["payouts_checked"] += 1
        await attempt.save(session, **{_CHECKED: sorted(seen)})


def _pays_out(line: BalanceTransaction, payout: PayoutToReconcile) -> bool:
    """Tell whether the line is the payout itself, which Stripe lists with its lines."""
    return line.id == payout.balance_transaction_id or line.source == payout.stripe_id
