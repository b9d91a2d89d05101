"""Every rule over every sort of business: who hears what, and what the page says of it."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy.engine import URL

from db.session import Database
from domain.advice import RULES, Priority
from tests.archetype_books import SAMPLED, SEEDS, Advised, Survey, advise_all
from tests.catalogue_table import PAGE, with_tables
from tests.databases import cloned_database

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def survey(server_url: URL, template: str) -> Survey:
    """What every archetype is advised, worked out once."""

    async def collect() -> Survey:
        async with cloned_database(server_url, template) as url:
            database = Database(url)
            try:
                return await advise_all(database)
            finally:
                await database.dispose()

    return asyncio.run(collect())


def heard(survey: Survey, name: str) -> list[dict[str, Advised]]:
    return [survey[name, seed] for seed in SEEDS]


@pytest.mark.parametrize(
    ("name", "rule", "least"),
    [
        ("new_store", "wait_history", Priority.HIGH),
        ("agency", "diversify", Priority.HIGH),
        ("dropshipper", "disputes_reduce", Priority.HIGH),
        ("dropshipper", "refunds_rootcause", Priority.LOW),
        ("declining_shop", "decline_plan", Priority.MEDIUM),
    ],
)
def test_sort_of_business_hears_what_a_person_would_expect(
    survey: Survey, name: str, rule: str, least: Priority
) -> None:
    order = list(Priority)
    for advised in heard(survey, name):
        assert rule in advised
        assert order.index(Priority(advised[rule].priority)) >= order.index(least)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("agency", "wait_history"),
        ("agency", "disputes_reduce"),
        ("new_store", "diversify"),
        ("new_store", "fund_pack"),
        ("new_store", "decline_plan"),
        ("declining_shop", "growth_stall"),
        ("declining_shop", "fund_pack"),
        ("dropshipper", "fund_pack"),
        ("dropshipper", "decline_plan"),
        ("zero_decimal", "reach_floor"),
        ("three_decimal", "reach_floor"),
        ("saas", "decline_plan"),
        ("saas", "diversify"),
        ("seasonal_shop", "dunning"),
        ("big", "diversify"),
    ],
)
def test_sort_of_business_does_not_hear_what_is_not_its_trouble(
    survey: Survey, name: str, rule: str
) -> None:
    assert all(rule not in advised for advised in heard(survey, name))


def everything(survey: Survey) -> list[Advised]:
    return [item for advised in survey.values() for item in advised.values()]


def test_every_archetype_is_advised_and_only_by_known_rules(survey: Survey) -> None:
    assert set(survey) == {(name, seed) for name in SAMPLED for seed in SEEDS}
    assert all(survey.values())
    assert {item.rule for item in everything(survey)} <= {rule.id for rule in RULES}


def test_no_advice_is_predicted_to_harm(survey: Survey) -> None:
    assert min(item.points for item in everything(survey)) >= 0


def test_texts_name_no_object_of_stripes_and_no_money_without_its_currency(survey: Survey) -> None:
    for item in everything(survey):
        text = f"{item.title} {item.description}"
        assert not re.search(r"\b(cus|ch|pi|dp|re|in|sub|po|txn|issfr|acct)_\w+", text)
        assert "@" not in text
        # Amounts are the only numbers with thousands and two decimals.
        assert not re.search(r"\d,\d{3}\.\d{2}(?! [A-Z]{3})", text)


def test_advice_rests_on_stored_snapshots_and_the_score(survey: Survey) -> None:
    for item in everything(survey):
        assert item.refs["score_id"]
        assert item.refs["created_by"] == "rule"
        if item.rule not in {"data_complete", "verify_account", "fund_pack"}:
            assert item.refs["snapshot_ids"], item.rule


def test_page_has_the_tables_of_the_catalogue_as_they_are_computed(survey: Survey) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page, survey), "Run python -m tests.catalogue_table"
