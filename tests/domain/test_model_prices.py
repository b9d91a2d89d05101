"""Prices of models: exact, by day, and those that their provider publishes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import genai_prices
import pytest

from domain.dollars import dollars, in_words, read_dollars
from domain.errors import ConfigurationError
from domain.model_prices import (
    CHECKED_ON,
    LONG_PROMPT_TOKENS,
    OPENAI,
    ModelPrice,
    TokenCounts,
    parse_prices,
)

TODAY = date(2026, 11, 30)
USED = TokenCounts(input=10_007, cached=3_001, output=503)


@pytest.mark.parametrize("price", OPENAI.prices, ids=lambda price: price.version)
@pytest.mark.parametrize(
    "used",
    [
        TokenCounts(1, 1),
        USED,
        TokenCounts(LONG_PROMPT_TOKENS, 7, cached=11),
        TokenCounts(LONG_PROMPT_TOKENS + 1, 7, cached=11),
    ],
    ids=["one", "usual", "not long yet", "long"],
)
def test_price_is_the_one_that_is_published(price: ModelPrice, used: TokenCounts) -> None:
    published = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=used.input, cache_read_tokens=used.cached, output_tokens=used.output
        ),
        price.model,
        provider_id="openai",
        genai_request_timestamp=datetime.combine(CHECKED_ON, time(12), UTC),
    )
    assert Decimal(dollars(price.cost(used))) == published.total_price


@pytest.mark.parametrize("price", [p for p in OPENAI.prices if p.written != p.input])
def test_writing_to_the_cache_costs_what_is_published(price: ModelPrice) -> None:
    published = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=5000, cache_read_tokens=1000, cache_write_tokens=2000, output_tokens=100
        ),
        price.model,
        provider_id="openai",
        genai_request_timestamp=datetime.combine(CHECKED_ON, time(12), UTC),
    )
    used = TokenCounts(5000, 100, cached=1000, written=2000)
    assert Decimal(dollars(price.cost(used))) == published.total_price


def test_dated_name_has_the_price_of_its_model() -> None:
    assert OPENAI.find("gpt-5-mini-2025-08-07", TODAY) == OPENAI.find("gpt-5-mini", TODAY)


@pytest.mark.parametrize("model", ["gpt-5-maxi", "scripted", "gpt-5-mini-fast", ""])
def test_unknown_model_has_no_price(model: str) -> None:
    assert OPENAI.find(model, TODAY) is None


def test_call_of_an_old_day_has_the_price_of_that_day() -> None:
    prices = parse_prices("m=1/0.1/2@2026-11-01, m=3/0.3/6@2026-11-15")
    found = [prices.find("m", date(2026, 11, day)) for day in (1, 14, 15, 30)]
    assert [price and price.version for price in found] == [
        "stated:m@2026-11-01",
        "stated:m@2026-11-01",
        "stated:m@2026-11-15",
        "stated:m@2026-11-15",
    ]
    assert [price and price.cost(TokenCounts(1_000_000, 0)) for price in found] == [
        10**12,
        10**12,
        3 * 10**12,
        3 * 10**12,
    ]
    assert prices.find("m", date(2026, 10, 31)) is None


def test_model_that_costs_nothing_is_known_to_cost_nothing() -> None:
    [price] = parse_prices("llama=0/0/0@2026-11-01").prices
    assert price.cost(USED) == 0


@pytest.mark.parametrize(
    "text",
    [
        "m",
        "m=1/2@2026-11-01",
        "m=1/1/1",
        "m=1/1/1@2026-13-01",
        "m=-1/1/1@2026-11-01",
        "m=1/0.0000001/1@2026-11-01",
        "m=1..2/1/1@2026-11-01",
        "m=1/1/1@2026-11-01,m=2/2/2@2026-11-01",
    ],
)
def test_text_that_is_no_price_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_prices(text)
    assert "my-model=0.25/0.025/2@2026-11-01" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("picos", "exact", "told"),
    [
        (0, "0.00", "$0.00"),
        (1, "0.000000000001", "less than $0.01"),
        (12_500_000_000, "0.0125", "$0.01"),
        (2 * 10**12, "2.00", "$2.00"),
        (1_234_567_890_000_000, "1234.56789", "$1,234.56"),
    ],
)
def test_amounts_are_told_exactly_and_in_words(picos: int, exact: str, told: str) -> None:
    assert dollars(picos) == exact
    assert in_words(picos) == told
    assert read_dollars(exact) == picos


@pytest.mark.parametrize("text", ["", "two", "-1", "NaN", "Infinity", "1e-13"])
def test_text_that_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no amount|decimals"):
        read_dollars(text)
