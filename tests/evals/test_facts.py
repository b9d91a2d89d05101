"""Every figure that our datasets expect is recomputed from its source, without the product."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from evals.loading import list_datasets
from tests.evals.facts import Period, Sale, cd_shop_sales, figure, written_sales

CD_SHOP_ZONE = "America/New_York"


def _settings(path: Path) -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """Yield each case's id, what is given and its turns, read by nothing of the product."""
    dataset = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    for case in dataset["cases"]:
        yield case["id"], {**dataset["given"], **case.get("given", {})}, case["turns"]


def _expected() -> Iterator[Any]:
    for path in list_datasets():
        for name, given, turns in _settings(path):
            for number, turn in enumerate(turns, start=1):
                for expected in turn.get("expect", {}).get("figures", ()):
                    if "value" in expected:
                        known_until = _known_until(given, number, turns)
                        place = f"{name}-{number}-{expected.get('period')}"
                        yield pytest.param(expected, given, known_until, id=place)


def _known_until(given: dict[str, Any], number: int, turns: list[dict[str, Any]]) -> datetime:
    """Return when Stripe was read last: by the fixture, or by an earlier turn of the case."""
    tools = [
        tool["name"]
        for turn in turns[: number - 1]
        for tool in turn.get("expect", {}).get("tools", ())
    ]
    instant = given["now"] if "trigger_stripe_sync" in tools else given["synced_at"]
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(_zone(given)))


def _zone(given: dict[str, Any]) -> str:
    business = given["business"]
    if isinstance(business, dict):
        return str(business.get("time_zone", CD_SHOP_ZONE))
    return CD_SHOP_ZONE


def _sales(given: dict[str, Any]) -> tuple[Sale, ...]:
    business = given["business"]
    if isinstance(business, dict):
        return written_sales(business)
    last = datetime.fromisoformat(given["synced_at"]).astimezone(ZoneInfo(CD_SHOP_ZONE))
    return cd_shop_sales(last.year, last.month)


@pytest.mark.parametrize(("expected", "given", "known_until"), list(_expected()))
def test_expected_figure_follows_from_its_source(expected, given, known_until) -> None:
    sales = _sales(given)
    metric = expected["metric"]
    value = figure(metric, sales, Period.read(expected["period"], known_until=known_until))
    if "compared_with" in expected:
        value -= figure(
            metric, sales, Period.read(expected["compared_with"], known_until=known_until)
        )
    assert Decimal(expected["value"]) == value


def test_whole_data_set_is_worth_what_its_authors_say() -> None:
    sales = cd_shop_sales(1998, 6, kept=1)
    assert sum(sale.amount for sale in sales) == Decimal("2500315.63")
    assert (min(sale.day for sale in sales), max(sale.day for sale in sales)) == (
        date(1997, 1, 1),
        date(1998, 6, 30),
    )
