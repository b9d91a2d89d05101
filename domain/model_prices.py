"""What language models cost a token, by model and by the day from which a price holds.

The table is OpenAI's standard tier for the models that speak chat completions, as published at
https://developers.openai.com/api/docs/pricing and kept by https://github.com/pydantic/genai-prices.
A test compares it with that package; `CHECKED_ON` is the day of the last comparison. A price that
changes gets a row with its day: rows that were used are never edited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from domain.dollars import read_dollars
from domain.errors import ConfigurationError

CHECKED_ON = date(2026, 11, 30)
# No call that Vaultra has to price is older.
_BEGINNING = date(2026, 11, 1)
# OpenAI bills the whole of a request with more input tokens than this at double its input prices
# and one and a half times its output price, for the models marked `long`.
LONG_PROMPT_TOKENS = 272_000
# The built-in planner's name as a model: it costs nothing.
PLANNER = "vaultra-planner"
STATED = "stated"
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_STATED = re.compile(r"([^=@,\s]+)=([0-9.]+)/([0-9.]+)/([0-9.]+)@(\d{4}-\d{2}-\d{2})")
_EXAMPLE = (
    "Write my-model=0.25/0.025/2@2026-11-01: US dollars for a million tokens of input, of cached "
    "input and of output, and the first day of the price."
)


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """The tokens of one call as providers count them.

    `cached` and `written` are parts of `input`: read from the provider's cache, and written to it.
    """

    input: int
    output: int
    cached: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """Picodollars a token, from `valid_from` on; `version` names the price where it is stored."""

    model: str
    valid_from: date
    input: int
    cached: int
    output: int
    written: int
    long: bool = False
    source: str = "openai"

    @property
    def version(self) -> str:
        """The price's name, such as `openai:gpt-5-mini@2026-11-01`."""
        return f"{self.source}:{self.model}@{self.valid_from.isoformat()}"

    def cost(self, used: TokenCounts) -> int:
        """Return what the tokens cost, in picodollars."""
        plain = max(used.input - used.cached - used.written, 0)
        read = plain * self.input + used.cached * self.cached + used.written * self.written
        said = used.output * self.output
        if self.long and used.input > LONG_PROMPT_TOKENS:
            return 2 * read + said * 3 // 2
        return read + said


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """The prices that are known; what is not among them has no known cost, which is not zero."""

    prices: tuple[ModelPrice, ...] = ()

    def find(self, model: str, on: date) -> ModelPrice | None:
        """Return the model's price on a day; a dated name (`…-2025-08-07`) has its model's.

        A price that the settings state goes before one of the table.
        """
        for name in (model, _DATED.sub("", model)):
            held = [p for p in self.prices if p.model == name and p.valid_from <= on]
            if held:
                return max(held, key=lambda price: (price.source == STATED, price.valid_from))
        return None

    def with_more(self, others: ModelPrices) -> ModelPrices:
        """Return these prices and the others."""
        return ModelPrices(self.prices + others.prices)


NO_PRICES = ModelPrices()


def _row(
    model: str,
    *rates: int,
    written: int | None = None,
    long: bool = False,
    since: date = _BEGINNING,
) -> ModelPrice:
    """Return a row of the table from micro-dollars a million tokens: input, cached, output."""
    read, cached, output = rates
    return ModelPrice(
        model, since, read, cached, output, read if written is None else written, long
    )


# In micro-dollars a million tokens, which is picodollars a token: input, cached input, output.
OPENAI = ModelPrices(
    (
        _row("gpt-4.1", 2_000_000, 500_000, 8_000_000),
        _row("gpt-4.1-mini", 400_000, 100_000, 1_600_000),
        _row("gpt-4.1-nano", 100_000, 25_000, 400_000),
        _row("gpt-4o", 2_500_000, 1_250_000, 10_000_000),
        _row("gpt-4o-mini", 150_000, 75_000, 600_000),
        _row("gpt-5", 1_250_000, 125_000, 10_000_000),
        _row("gpt-5-mini", 250_000, 25_000, 2_000_000),
        _row("gpt-5-nano", 50_000, 5_000, 400_000),
        _row("gpt-5.1", 1_250_000, 125_000, 10_000_000),
        _row("gpt-5.2", 1_750_000, 175_000, 14_000_000),
        _row("gpt-5.4", 2_500_000, 250_000, 15_000_000, long=True),
        _row("gpt-5.4-mini", 750_000, 75_000, 4_500_000),
        _row("gpt-5.4-nano", 200_000, 20_000, 1_250_000),
        _row("gpt-5.5", 5_000_000, 500_000, 30_000_000, long=True),
        _row("gpt-5.6-luna", 200_000, 20_000, 1_200_000, written=250_000, long=True),
        _row("gpt-5.6-sol", 4_000_000, 400_000, 20_000_000, written=5_000_000, long=True),
        _row("gpt-5.6-terra", 2_000_000, 200_000, 12_000_000, written=2_500_000, long=True),
        _row("gpt-6-astra", 10_000_000, 1_000_000, 50_000_000, written=12_500_000, long=True),
        _row("gpt-6-luna", 100_000, 10_000, 500_000, written=125_000, long=True),
        _row("gpt-6-sol", 2_000_000, 200_000, 10_000_000, written=2_500_000, long=True),
        _row("gpt-6.1-sol", 2_000_000, 100_000, 10_000_000, written=2_500_000, long=True),
        _row("gpt-6.1-terra", 1_000_000, 50_000, 5_000_000, written=1_250_000, long=True),
        _row("o3", 2_000_000, 500_000, 8_000_000),
        _row("o3-mini", 1_100_000, 550_000, 4_400_000),
        _row("o4-mini", 1_100_000, 275_000, 4_400_000),
    )
)


def parse_prices(text: str) -> ModelPrices:
    """Read `my-model=0.25/0.025/2@2026-11-01,…`; raise ConfigurationError on other text.

    Amounts are US dollars for a million tokens. A model may have several prices, each with its day.
    """
    prices = tuple(_stated(part.strip()) for part in text.split(",") if part.strip())
    versions = [price.version for price in prices]
    for version in versions:
        if versions.count(version) > 1:
            raise ConfigurationError(f"The price {version} is stated twice.", hint=_EXAMPLE)
    return ModelPrices(prices)


def _stated(part: str) -> ModelPrice:
    match = _STATED.fullmatch(part)
    if match is None:
        raise ConfigurationError(f"{part!r} is not a price.", hint=_EXAMPLE)
    try:
        read, cached, output = (_a_token(match[n]) for n in (2, 3, 4))
        since = date.fromisoformat(match[5])
    except ValueError as error:
        raise ConfigurationError(f"{part!r} is not a price: {error}", hint=_EXAMPLE) from None
    return ModelPrice(match[1], since, read, cached, output, read, source=STATED)


def _a_token(dollars_a_million: str) -> int:
    picos, rest = divmod(read_dollars(dollars_a_million), 1_000_000)
    if rest:
        raise ValueError(f"{dollars_a_million} has more than six decimals.")
    return picos
