"""What the settings allow models to cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from config.settings import LimitSettings, ModelSettings, Settings
from domain.errors import ConfigurationError
from domain.limits import RunLimits

TODAY = date(2026, 11, 30)
ELSEWHERE = "https://models.example.com/v1"


def settings(budget: str | None = None, **model: Any) -> Settings:
    return Settings(
        model=ModelSettings(**{"OPENAI_API_KEY": "sk-test", **model}),
        limits=LimitSettings(VAULTRA_DAILY_BUDGET_USD=budget),
    )


def test_budget_is_read_exactly() -> None:
    spending = settings("2.50").spending(TODAY)
    assert spending.daily_budget == 2_500_000_000_000
    price = spending.prices.find("gpt-5-mini", TODAY)
    assert price is not None
    assert price.version == "openai:gpt-5-mini@2026-11-01"


@pytest.mark.parametrize(
    "model",
    [
        {"VAULTRA_MODEL": "unheard-of"},
        {"OPENAI_BASE_URL": ELSEWHERE},
        {"VAULTRA_MODEL": "m", "VAULTRA_MODEL_PRICES": "m=1/1/1@2026-12-01"},
    ],
    ids=["unknown name", "another provider", "not yet"],
)
def test_budget_for_a_model_without_a_price_is_refused(model: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="needs the price of") as refused:
        settings("2", **model).spending(TODAY)
    assert "VAULTRA_MODEL_PRICES" in str(refused.value.hint)
    assert settings(None, **model).spending(TODAY).daily_budget is None


def test_stated_price_goes_before_that_of_the_table() -> None:
    stated = {"VAULTRA_MODEL_PRICES": "gpt-5-mini=9/9/9@2026-10-01"}
    price = settings("2", **stated).spending(TODAY).prices.find("gpt-5-mini", TODAY)
    assert price is not None
    assert price.version == "stated:gpt-5-mini@2026-10-01"


def test_planner_needs_no_price() -> None:
    assert settings("2", OPENAI_API_KEY=None, OPENAI_BASE_URL=ELSEWHERE).spending(TODAY)


def test_answers_are_bounded_where_a_budget_has_to_foresee_them() -> None:
    assert settings().asked_model().max_output_tokens is None
    assert settings("2").asked_model().max_output_tokens == 16_384
    bounded = settings("2", VAULTRA_MODEL_MAX_OUTPUT_TOKENS=500)
    assert bounded.asked_model().max_output_tokens == 500
    assert bounded.spending(TODAY).max_output_tokens == 500


@pytest.mark.parametrize("budget", ["0", "-1", "lots", "1000001"])
def test_budget_that_is_none_is_refused(budget: str) -> None:
    with pytest.raises(ValidationError):
        LimitSettings(VAULTRA_DAILY_BUDGET_USD=budget)


def test_zero_runs_stand_for_no_limit() -> None:
    none = LimitSettings(VAULTRA_RUNS_PER_MINUTE=0, VAULTRA_RUNS_PER_DAY=0)
    assert none.runs() == RunLimits(None, None)
    assert LimitSettings().runs() == RunLimits(20, 2000)
    assert LimitSettings(VAULTRA_DAILY_BUDGET_USD=Decimal("0.01")).daily_budget == Decimal("0.01")
