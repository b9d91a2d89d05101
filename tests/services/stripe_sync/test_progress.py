"""The percentage never goes back, and a stored cursor is read back as it was."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.stripe_sync.feeds import FEEDS
from services.stripe_sync.progress import (
    Applied,
    ListProgress,
    from_cursors,
    percent,
    saved_at,
    to_cursors,
    total,
)
from services.stripe_sync.windows import Cut, Window, find_cut

STARTED = datetime(2026, 11, 22, 10, tzinfo=UTC)
TOP = int(STARTED.timestamp())
DAY = 86_400
BOTTOM = TOP - 1_000 * DAY
NAMES = [feed.name for feed in FEEDS]
NO_EVENTS = Applied()


def start(since: int | None = None) -> ListProgress:
    return ListProgress.start(since, top=TOP, bottom=BOTTOM)


def begun() -> dict[str, ListProgress]:
    return {name: start() for name in NAMES}


def ended(rows: int) -> ListProgress:
    return start().stored(None, None, rows=rows)


def test_weights_are_percentages_of_a_whole() -> None:
    assert sum(feed.weight for feed in FEEDS) == 100


def test_stored_items_move_their_window() -> None:
    read = start().stored(None, ("cus_6", TOP - 6), rows=4)
    assert (read.windows, read.rows, read.done) == (
        (Window(None, None, "cus_6", TOP - 6),),
        4,
        False,
    )


def test_last_page_of_the_last_window_ends_the_list() -> None:
    read = start().cut(Cut(None, BOTTOM + DAY)).stored(None, None, rows=4)
    assert (read.done, read.share < 1) == (False, True)
    read = read.stored(BOTTOM + DAY, None, rows=0)
    assert (read.done, read.share, read.rows) == (True, 1.0, 4)


def test_stored_cursors_are_read_back() -> None:
    lists = {name: start(TOP - DAY) for name in NAMES}
    lists["charges"] = start().stored(None, ("ch_1", TOP - 9 * DAY), rows=7)
    cut = find_cut(lists["charges"].windows, lists["charges"].span, pages=20)
    assert cut is not None
    lists["charges"] = lists["charges"].cut(cut)
    lists["disputes"] = lists["disputes"].refused()
    stored = json.loads(json.dumps(to_cursors(lists, saved_at=STARTED)))
    assert from_cursors(stored) == lists
    assert saved_at(stored) == STARTED


def test_sync_that_never_started_has_no_cursors() -> None:
    assert (from_cursors({}), saved_at({})) == ({}, None)


def test_half_of_a_lists_time_is_half_of_its_share() -> None:
    half = start().stored(None, ("ch_1", (TOP + BOTTOM) // 2), rows=10)
    assert half.share == pytest.approx(0.5)
    assert percent({**begun(), "charges": half}, NO_EVENTS) == 0.9 * 24 // 2
    assert half.estimate == 20


def test_events_are_the_last_tenth() -> None:
    lists = {name: ended(1) for name in NAMES}
    assert percent(lists, NO_EVENTS) == 90
    assert percent(lists, Applied(50, 100)) == 94
    assert percent(lists, Applied(100, 100)) == 99
    assert percent(lists, Applied(200, 100)) == 99


def test_total_is_unknown_before_anything_was_read() -> None:
    assert total({}) is None
    assert total(begun()) is None


def test_lists_that_have_not_begun_are_taken_to_be_as_large_as_their_weight() -> None:
    """Charges and balance lines are 48 of a hundred in weight, and 96 items."""
    lists = {**begun(), "charges": ended(48), "balance_transactions": ended(48)}
    assert total(lists) == 200


def test_total_is_exact_in_the_end() -> None:
    assert total({name: ended(3) for name in NAMES}) == 3 * len(NAMES)


@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.integers(0, 7), st.integers(0, 200), st.booleans()),
        max_size=60,
    )
)
def test_percentage_never_goes_back_nor_reaches_the_end(
    steps: list[tuple[str, int, int, bool]],
) -> None:
    lists, shown = begun(), [0]
    for name, which, days, last in steps:
        now = lists[name]
        cut = find_cut(now.windows, now.span, pages=50)
        if cut is not None:
            now = now.cut(cut)
        if not now.done:
            window = now.windows[which % len(now.windows)]
            upper, lower = now.span.unread(window)
            item = None if last else ("ch_1", max(lower, upper - days * DAY))
            lists[name] = now.stored(window.lt, item, rows=1)
        shown.append(percent(lists, NO_EVENTS))
    assert shown == sorted(shown)
    assert shown[-1] <= 99
