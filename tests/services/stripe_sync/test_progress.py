"""The percentage never goes back, and a stored cursor is read back as it was."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from integrations.stripe.gateway import Page
from integrations.stripe.resources import Customer
from services.stripe_sync.feeds import FEEDS
from services.stripe_sync.progress import (
    REREAD,
    FeedProgress,
    from_cursors,
    percent,
    plan,
    saved_at,
    to_cursors,
)

STARTED = datetime(2026, 11, 22, 10, tzinfo=UTC)
OPENED = datetime(2024, 1, 1, tzinfo=UTC)
NAMES = {feed.name for feed in FEEDS}


def page(*created: int, has_more: bool = True) -> Page[Customer]:
    items = [Customer(id=f"cus_{second}", created=second) for second in created]
    return Page(items, has_more, 0)


def test_weights_are_percentages_of_a_whole() -> None:
    assert sum(feed.weight for feed in FEEDS) == 100


def test_first_sync_reads_everything() -> None:
    planned = plan(last_synced_at=None, account_created=OPENED)
    assert set(planned) == NAMES
    assert {part.since for part in planned.values()} == {None}
    assert {part.expected_end for part in planned.values()} == {int(OPENED.timestamp())}


def test_later_sync_reads_what_is_new_since_a_week_before_and_what_changes_whole() -> None:
    planned = plan(last_synced_at=STARTED, account_created=OPENED)
    lately = int((STARTED - timedelta(days=7)).timestamp())
    assert timedelta(days=7) == REREAD
    assert {name for name, part in planned.items() if part.since is None} == {
        "refunds",
        "disputes",
    }
    assert {part.since for part in planned.values()} == {None, lately}


def test_pages_move_the_cursor_behind_their_last_item() -> None:
    start = FeedProgress(None, None)
    read = start.behind([page(9, 8), page(7, 6)])
    assert (read.after, read.oldest, read.rows, read.done) == ("cus_6", 6, 4, False)


def test_last_page_ends_the_list_even_if_it_is_empty() -> None:
    read = FeedProgress(None, None, "cus_6", 6, 4).behind([page(has_more=False)])
    assert (read.after, read.oldest, read.rows, read.done) == ("cus_6", 6, 4, True)


def test_stored_cursors_are_read_back() -> None:
    planned = plan(last_synced_at=STARTED, account_created=None)
    planned["charges"] = planned["charges"].behind([page(9, 8)])
    stored = json.loads(json.dumps(to_cursors(planned, saved_at=STARTED)))
    assert from_cursors(stored) == planned
    assert saved_at(stored) == STARTED


def test_sync_that_never_started_has_no_cursors() -> None:
    assert (from_cursors({}), saved_at({})) == ({}, None)


def test_unknown_age_of_the_account_counts_finished_lists_only() -> None:
    planned = plan(last_synced_at=None, account_created=None)
    planned["refunds"] = planned["refunds"].behind([page(9)])
    assert percent(planned, STARTED) == 0
    planned["refunds"] = planned["refunds"].behind([page(8, has_more=False)])
    assert percent(planned, STARTED) == 8


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(NAMES)), st.integers(1, 800), st.booleans()), max_size=30
    )
)
def test_percentage_never_goes_back_nor_reaches_the_end(
    steps: list[tuple[str, int, bool]],
) -> None:
    progress = plan(last_synced_at=None, account_created=OPENED)
    now, shown = int(STARTED.timestamp()), [0]
    ages = dict.fromkeys(NAMES, 0)
    for name, days, last in steps:
        if not progress[name].done:
            ages[name] += days
            created = now - ages[name] * 86_400
            progress[name] = progress[name].behind([page(created, has_more=not last)])
        shown.append(percent(progress, STARTED))
    assert shown == sorted(shown)
    assert shown[-1] <= 99
