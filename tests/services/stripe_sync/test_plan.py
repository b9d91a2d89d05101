"""What a sync reads, by what the last one left behind."""

from datetime import timedelta

import pytest

from services.stripe_sync.feeds import FEEDS
from services.stripe_sync.plan import (
    OVERLAP_SECONDS,
    AccountCursor,
    Mode,
    healed_permissions,
    mode_for,
    since_of,
)

NOW = 1_800_000_000
DAY = 86_400
SYNCED = AccountCursor(events_since=NOW - DAY, lists_since=NOW - 2 * DAY)
NEVER = AccountCursor()


def sinces(mode: Mode, cursor: AccountCursor, *, due: int | None = None) -> dict[str, int | None]:
    return {feed.name: since_of(feed, mode, cursor, lines_due_since=due) for feed in FEEDS}


def test_account_that_was_never_read_is_read_for_the_first_time() -> None:
    assert mode_for(NEVER, now=NOW, events_denied=False) is Mode.FIRST
    assert mode_for(NEVER, now=NOW, events_denied=True) is Mode.FIRST


@pytest.mark.parametrize(
    ("gap", "mode"),
    [
        (timedelta(minutes=17), Mode.LATER),
        (timedelta(days=25), Mode.LATER),
        (timedelta(days=25, seconds=1), Mode.GAP),
    ],
)
def test_events_are_trusted_for_25_days(gap: timedelta, mode: Mode) -> None:
    cursor = AccountCursor(NOW - int(gap.total_seconds()), NOW - 40 * DAY)
    assert mode_for(cursor, now=NOW, events_denied=False) is mode


def test_without_events_what_may_have_changed_is_read_again() -> None:
    assert mode_for(SYNCED, now=NOW, events_denied=True) is Mode.GAP


def test_first_sync_reads_every_list_whole() -> None:
    assert set(sinces(Mode.FIRST, NEVER).values()) == {None}


def test_later_sync_reads_what_was_created_since_lists_were_read() -> None:
    """A poll has moved the events' cursor on; not everything that is created has an event."""
    assert set(sinces(Mode.LATER, SYNCED).values()) == {NOW - 2 * DAY - OVERLAP_SECONDS}


def test_after_a_gap_as_much_is_read_as_may_have_changed_in_it() -> None:
    days = {
        name: None if since is None else (NOW - 2 * DAY - OVERLAP_SECONDS - since) / DAY
        for name, since in sinces(Mode.GAP, SYNCED).items()
    }
    assert days == {
        **dict.fromkeys(("charges", "payment_intents", "refunds", "invoices"), 180),
        "balance_transactions": 30,
        **dict.fromkeys(("customers", "disputes", "early_fraud_warnings", "payouts")),
        **dict.fromkeys(("subscriptions", "products", "prices")),
    }


@pytest.mark.parametrize("mode", [Mode.LATER, Mode.GAP])
def test_lines_that_are_due_to_become_available_are_read_again(mode: Mode) -> None:
    read, as_ever = sinces(mode, SYNCED, due=NOW - 90 * DAY), sinces(mode, SYNCED)
    assert read.pop("balance_transactions") == NOW - 90 * DAY
    assert read.items() <= as_ever.items()


def test_lines_that_are_read_anyway_change_nothing() -> None:
    assert sinces(Mode.LATER, SYNCED, due=NOW) == sinces(Mode.LATER, SYNCED)


def test_list_that_could_not_be_read_before_is_read_whole() -> None:
    cursor = AccountCursor(NOW - DAY, NOW - DAY, unread=("rak_dispute_read",))
    read = sinces(Mode.LATER, cursor)
    assert {name for name, since in read.items() if since is None} == {"disputes"}


def test_permission_heals_once_it_is_not_missing_any_more() -> None:
    cursor = AccountCursor(unread=("rak_dispute_read", "rak_payout_read"))
    assert healed_permissions(cursor, {"rak_payout_read"}) == ("rak_dispute_read",)


def test_cursor_is_read_from_the_accounts_metadata() -> None:
    kept = {"livemode": False, "events_since": 5, "lists_since": 4, "unread": ["rak_event_read"]}
    assert AccountCursor.of(kept) == AccountCursor(5, 4, ("rak_event_read",))
    assert AccountCursor.of({"livemode": False, "missing": ["rak_event_read"]}) == NEVER
    assert AccountCursor.of(None) == NEVER
