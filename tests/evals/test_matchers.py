"""What each matcher matches, and what not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from evals.matchers import Matcher, mismatches

ADAPTER: TypeAdapter[Any] = TypeAdapter(Matcher)


def fits(written: Any, actual: Any) -> bool:
    return not mismatches(ADAPTER.validate_python(written), actual, "value")


@pytest.mark.parametrize(
    ("written", "right", "wrong"),
    [
        ("2026-10", ["2026-10"], ["2026-1", None, 202610]),
        (61, [61, Decimal("61.0")], ["61", 62, None]),
        (Decimal("0.5"), [Decimal("0.50")], ["0.5", 1]),
        (True, [True], [1, "true", False]),
        (1, [1], [True]),
        (None, [None], [0, "", False]),
        ({"any": True}, [None, 0, "x", [], {}], []),
        ({"in": ["high", 3, None]}, ["high", 3, None], ["low", "3", True]),
        ({"regex": "^Cut .* refunds$"}, ["Cut all refunds"], ["cut all refunds", 3, None]),
        ({"approx": 60, "within": 3}, [57, 63, "61.5", Decimal(60)], [56, "63.1", None, "x", True]),
        ({"gte": 40, "lte": 60}, [40, "60.0", Decimal("41.5")], [39, "60.01", "x", None]),
        ({"gte": "2026-10-01"}, ["2026-10-01", "2026-11-01T05:00:00Z"], ["2026-09-30", 2027]),
        ({"lte": "10.00"}, ["9.99", 10], ["10.01", "2026-01-01"]),
        ({"contains": "refund"}, ["more refunds"], ["revenue", 5, None]),
        ({"contains": {"id": 1}}, [[{"id": 2}, {"id": 1}]], [[{"id": 2}], [], "id"]),
        (["a", {"any": True}], [["a", 1], ["a", None]], [["a"], ["b", 1], "a1", None]),
        ({"status": "pending"}, [{"status": "pending", "id": 1}], [{"status": "x"}, {}, "pending"]),
    ],
)
def test_matcher_takes_what_is_right_and_refuses_what_is_wrong(written, right, wrong) -> None:
    assert [value for value in right if not fits(written, value)] == []
    assert [value for value in wrong if fits(written, value)] == []


def test_mismatch_names_the_place_what_is_there_and_what_was_expected() -> None:
    matcher = ADAPTER.validate_python({"months": [{"figures": {"value": "1.00"}}]})
    [sentence] = mismatches(matcher, {"months": [{"figures": {"value": "2.00"}}]}, "result")
    assert sentence == "result.months[0].figures.value is '2.00', expected '1.00'"


def test_missing_field_is_named_even_where_anything_would_do() -> None:
    [sentence] = mismatches(ADAPTER.validate_python({"score": {"any": True}}), {}, "result")
    assert sentence.startswith("result.score is missing")


def test_money_is_never_approximate() -> None:
    matcher = ADAPTER.validate_python({"value": {"approx": 100, "within": 5}})
    [sentence] = mismatches(matcher, {"unit": "money", "value": "101.00"}, "figure")
    assert "money" in sentence
    assert not mismatches(matcher, {"unit": "count", "value": "101"}, "figure")


@pytest.mark.parametrize(
    "written",
    [
        {"any": False},
        {"in": []},
        {"regex": "("},
        {"approx": 3},
        {"approx": 3, "within": 0},
        {"gte": None},
        {"gte": 1, "other": 2},
        {"contains": "a", "any": True},
    ],
)
def test_matcher_that_says_nothing_or_two_things_is_refused(written) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(written)
