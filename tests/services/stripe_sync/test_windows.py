"""However a list is cut into windows and in whatever order they are read, nothing is lost or read
twice, and the windows tile the list's time."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.stripe.resources import Customer
from services.stripe_sync.windows import (
    MOST_WINDOWS,
    NARROWEST_SECONDS,
    Cut,
    Span,
    Window,
    apply_cut,
    find_cut,
)

DAY = NARROWEST_SECONDS
SPAN = Span(top=1_000 * DAY, bottom=0)


@dataclass
class List:
    """A list of Stripe's, newest first, as it answers."""

    items: list[Customer]

    @classmethod
    def of(cls, seconds: list[int]) -> List:
        newest_first = sorted(seconds, reverse=True)
        return cls([Customer(id=f"cus_{n}", created=s) for n, s in enumerate(newest_first)])

    def page(self, asked: Window, limit: int) -> tuple[list[Customer], bool]:
        found = [
            item
            for item in self.items
            if (asked.gte is None or item.created >= asked.gte)
            and (asked.lt is None or item.created < asked.lt)
        ]
        ids = [item.id for item in found]
        start = 0 if asked.after is None else ids.index(asked.after) + 1
        return found[start : start + limit], len(found) > start + limit


@dataclass
class Reading:
    """Windows that are read; `asked` are requests on their way, as they were sent."""

    windows: tuple[Window, ...]
    bounds: dict[int | None, int | None]
    asked: dict[int | None, Window] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)

    def ask(self, window: Window) -> None:
        self.asked.setdefault(window.lt, window)

    def answer(self, stripe: List, lt: int | None, limit: int) -> None:
        asked = self.asked.pop(lt)
        [window] = [w for w in self.windows if w.lt == lt]
        items, has_more = stripe.page(asked, limit)
        own, left = window.take(items, has_more=has_more)
        self.read += [item.id for item in own]
        others = tuple(w for w in self.windows if w.lt != lt)
        self.windows = others if left is None else (*others, left)

    def cut(self, window: Window, part: float) -> None:
        upper, lower = SPAN.unread(window)
        at = lower + int((upper - lower) * part)
        if lower < at <= upper and at != window.lt:
            self.windows = apply_cut(self.windows, Cut(window.lt, at))
            self.bounds[at] = self.bounds[window.lt]
            self.bounds[window.lt] = at


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "answer", "cut"]),
        st.integers(0, 20),
        st.floats(0.001, 1.0),
        st.integers(1, 4),
    ),
    max_size=60,
)
# Few different seconds, so that many items share one.
SECONDS = st.lists(st.integers(0, 40).map(lambda n: n * 25 * DAY // 2), max_size=40)


@settings(max_examples=400, deadline=None)
@given(SECONDS, st.sampled_from([None, 100 * DAY]), STEPS)
def test_every_item_is_read_exactly_once_however_windows_are_cut(
    seconds: list[int], since: int | None, steps: list[tuple[str, int, float, int]]
) -> None:
    stripe = List.of(seconds)
    reading = Reading((Window(since, None),), {None: since})
    for step, which, part, limit in steps:
        if step == "answer" and reading.asked:
            lts = list(reading.asked)
            reading.answer(stripe, lts[which % len(lts)], limit)
        elif reading.windows:
            window = reading.windows[which % len(reading.windows)]
            if step == "cut":
                reading.cut(window, part)
            else:
                reading.ask(window)
    while reading.windows:
        reading.ask(reading.windows[0])
        reading.answer(stripe, reading.windows[0].lt, 3)
    wanted = [item.id for item in stripe.items if since is None or item.created >= since]
    assert sorted(reading.read) == sorted(wanted)
    assert tiles(reading.bounds, since)


def tiles(bounds: dict[int | None, int | None], since: int | None) -> bool:
    """Whether windows, lower bounds by upper bounds, follow each other without gap or overlap."""
    place, left = None, dict(bounds)
    while left:
        if place not in left:
            return False
        place = left.pop(place)
    return place == since


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, MOST_WINDOWS), st.integers(1, 30)), max_size=30),
    st.integers(1, 50),
)
def test_cuts_never_change_how_much_is_left(steps: list[tuple[int, int]], pages: int) -> None:
    """So the percentage never goes back."""
    windows: tuple[Window, ...] = (Window(None, None, "cus_0", SPAN.top - DAY),)
    for which, days in steps:
        left = SPAN.left(windows)
        cut = find_cut(windows, SPAN, pages=pages)
        if cut is not None:
            windows = apply_cut(windows, cut)
            assert SPAN.left(windows) == left
            assert all(w.lt is None or w.gte is None or w.lt - w.gte >= DAY for w in windows)
        at = which % len(windows)
        upper, lower = SPAN.unread(windows[at])
        moved = windows[at].behind("cus_1", max(lower, upper - days * DAY))
        windows = (*windows[:at], moved, *windows[at + 1 :])
        assert SPAN.left(windows) <= left


def test_largest_window_gives_up_its_older_half() -> None:
    small = Window(900 * DAY, None, "cus_1", 950 * DAY)
    large = Window(None, 900 * DAY, "cus_2", 800 * DAY)
    assert find_cut([small, large], SPAN, pages=100) == Cut(900 * DAY, 400 * DAY)


def test_nothing_is_cut_before_the_first_page() -> None:
    assert find_cut([Window(None, None)], SPAN, pages=0) is None


def test_window_of_less_than_two_days_is_not_cut() -> None:
    assert find_cut([Window(999 * DAY, None)], SPAN, pages=100) is None


def test_window_that_should_hold_less_than_two_pages_is_not_cut() -> None:
    """One page of a hundred items covered 600 days; what is left is worth less than another."""
    assert find_cut([Window(None, None, "cus_1", 400 * DAY)], SPAN, pages=1) is None
    assert find_cut([Window(None, None, "cus_1", 400 * DAY)], SPAN, pages=3) is not None


def test_page_asked_for_before_a_cut_is_cut_when_it_arrives() -> None:
    items = [Customer(id=f"cus_{day}", created=day * DAY) for day in (9, 8, 7, 6)]
    own, left = Window(8 * DAY, None).take(items, has_more=True)
    assert ([item.created // DAY for item in own], left) == ([9, 8], None)
