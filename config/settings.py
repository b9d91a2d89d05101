"""Settings, read from the environment (or `.env`) by the names that the ecosystem knows.

Built by `load_settings()`, never at import.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.dollars import to_picos
from domain.errors import ConfigurationError
from domain.limits import DEFAULT_MAX_OUTPUT_TOKENS, RunLimits, SpendingLimits
from domain.model_prices import OPENAI, ModelPrices, parse_prices
from domain.rates import StatedRates, parse_rates

# HS256 and AES-256 both want 256 bits; shorter is refused outside the demo.
MINIMUM_SECRET_BYTES = 32
HOW_TO_MAKE_ONE = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
OPENAI_HOST = "api.openai.com"


class _Section(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", populate_by_name=True, env_ignore_empty=True
    )


class DatabaseSettings(_Section):
    """Where the data lives; without a URL, an embedded PostgreSQL under the state folder."""

    url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    pool_size: int = Field(5, ge=1, validation_alias="VAULTRA_POOL_SIZE")
    events_kept_days: int = Field(30, ge=1, le=36_500, validation_alias="VAULTRA_EVENTS_KEPT_DAYS")


class ModelSettings(_Section):
    """The language model; without a key, the built-in planner answers."""

    api_key: SecretStr | None = Field(None, validation_alias="OPENAI_API_KEY")
    base_url: str | None = Field(None, validation_alias="OPENAI_BASE_URL")
    name: str = Field("gpt-5-mini", validation_alias="VAULTRA_MODEL")
    timeout_seconds: float = Field(60.0, gt=0, validation_alias="VAULTRA_MODEL_TIMEOUT")
    max_output_tokens: int | None = Field(
        None, ge=16, validation_alias="VAULTRA_MODEL_MAX_OUTPUT_TOKENS"
    )
    stated_prices: str | None = Field(None, validation_alias="VAULTRA_MODEL_PRICES")

    def prices(self) -> ModelPrices:
        """Return the prices that are stated and, at OpenAI's own address, OpenAI's.

        Elsewhere a model of the same name may cost something else. Raise ConfigurationError if
        they cannot be read.
        """
        stated = parse_prices(self.stated_prices or "")
        at_openai = self.base_url is None or urlsplit(self.base_url).hostname == OPENAI_HOST
        return stated.with_more(OPENAI) if at_openai else stated


class LimitSettings(_Section):
    """What a business may spend on the model a UTC day, and how often runs may be asked for.

    Twenty runs a minute are more than a person types and than a page needs that asks by itself;
    2,000 a day are more than a team asks, and end a client that has lost its mind.
    """

    daily_budget: Decimal | None = Field(
        None, gt=0, le=1_000_000, decimal_places=6, validation_alias="VAULTRA_DAILY_BUDGET_USD"
    )
    runs_a_minute: int = Field(20, ge=0, validation_alias="VAULTRA_RUNS_PER_MINUTE")
    runs_a_day: int = Field(2000, ge=0, validation_alias="VAULTRA_RUNS_PER_DAY")

    def runs(self) -> RunLimits:
        """Return how often runs may be asked for; 0 stands for no limit."""
        return RunLimits(self.runs_a_minute or None, self.runs_a_day or None)


class AgentSettings(_Section):
    """How long the agent waits for its tools."""

    tool_seconds: float = Field(30.0, gt=0, validation_alias="VAULTRA_TOOL_SECONDS")


class StripeSettings(_Section):
    """How Stripe is reached, and how we prove and check who speaks.

    `client_id` and `secret_key` are those of our Connect platform; without them an account is
    connected by a restricted key. `requests_per_second` is for accounts whose limits Stripe has
    raised, and for stand-ins that have none.
    """

    api_base: str = Field("https://api.stripe.com", validation_alias="STRIPE_API_BASE")
    connect_base: str = Field("https://connect.stripe.com", validation_alias="STRIPE_CONNECT_BASE")
    timeout_seconds: float = Field(60.0, gt=0, validation_alias="VAULTRA_STRIPE_TIMEOUT")
    requests_per_second: int | None = Field(
        None, ge=1, le=100_000, validation_alias="VAULTRA_STRIPE_REQUESTS_PER_SECOND"
    )
    client_id: str | None = Field(None, validation_alias="STRIPE_CLIENT_ID")
    secret_key: SecretStr | None = Field(None, validation_alias="STRIPE_SECRET_KEY")
    webhook_secret: SecretStr | None = Field(None, validation_alias="STRIPE_WEBHOOK_SECRET")

    def webhook_secrets(self) -> tuple[str, ...]:
        """Return the secrets that sign webhooks, none if webhooks are not set up.

        There are several while one is being replaced. Raise ConfigurationError if one is blank:
        everybody can sign with that.
        """
        if self.webhook_secret is None:
            return ()
        secrets = tuple(part.strip() for part in self.webhook_secret.get_secret_value().split(","))
        if not all(secrets):
            raise ConfigurationError(
                "STRIPE_WEBHOOK_SECRET holds an empty secret.",
                hint="Give one secret (whsec_…), or several with single commas between them.",
            )
        return secrets


class SecuritySettings(_Section):
    """The key ring: comma-separated secrets, the first one writes, all of them read."""

    secret_keys: SecretStr | None = Field(None, validation_alias="VAULTRA_SECRET_KEYS")

    def key_ring(self) -> tuple[str, ...]:
        """Return the secrets, first the one that writes; raise if none or one is weak."""
        text = self.secret_keys.get_secret_value() if self.secret_keys else ""
        secrets = tuple(part.strip() for part in text.split(",") if part.strip())
        if not secrets or any(len(secret.encode()) < MINIMUM_SECRET_BYTES for secret in secrets):
            raise ConfigurationError(
                "VAULTRA_SECRET_KEYS is missing or holds a secret of less than 32 bytes.",
                hint=f"Make one with: {HOW_TO_MAKE_ONE}",
            )
        return secrets


class ServerSettings(_Section):
    """Where the service listens and what it keeps on disk."""

    host: str = Field("127.0.0.1", validation_alias="VAULTRA_HOST")
    port: int = Field(8000, ge=0, le=65535, validation_alias="VAULTRA_PORT")
    public_url: str | None = Field(None, validation_alias="VAULTRA_PUBLIC_URL")
    state_folder: Path = Field(Path(".vaultra"), validation_alias="VAULTRA_STATE_FOLDER")
    log_level: str = Field("INFO", validation_alias="VAULTRA_LOG_LEVEL")


class MetricsSettings(_Section):
    """How figures are told: the rates by which amounts in other currencies become US dollars."""

    reference_rates: str | None = Field(None, validation_alias="VAULTRA_REFERENCE_RATES")

    def rates(self) -> StatedRates:
        """Return the stated rates; raise ConfigurationError if they cannot be read."""
        return parse_rates(self.reference_rates or "")


class Settings(_Section):
    """All settings."""

    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    agent: AgentSettings = Field(default_factory=AgentSettings)
    stripe: StripeSettings = Field(default_factory=StripeSettings)
    security: SecuritySettings = Field(default_factory=SecuritySettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)

    def spending(self, today: date) -> SpendingLimits:
        """Return what models cost and may cost.

        Raise ConfigurationError for prices that cannot be read, and for a budget without the price
        of the model that is to be asked: it would hold nothing.
        """
        prices = self.model.prices()
        budget = self.limits.daily_budget
        unpriced = self.model.api_key and prices.find(self.model.name, today) is None
        if budget is not None and unpriced:
            name = self.model.name
            raise ConfigurationError(
                f"VAULTRA_DAILY_BUDGET_USD needs the price of {name}, which is not known.",
                hint=f"State it in VAULTRA_MODEL_PRICES, such as {name}=0.25/0.025/2@{today}.",
            )
        return SpendingLimits(
            prices=prices,
            daily_budget=None if budget is None else to_picos(budget),
            max_output_tokens=self.model.max_output_tokens or DEFAULT_MAX_OUTPUT_TOKENS,
        )

    def asked_model(self) -> ModelSettings:
        """Return the model's settings, its answers bounded if a budget has to foresee them."""
        if self.limits.daily_budget is None or self.model.max_output_tokens is not None:
            return self.model
        return self.model.model_copy(update={"max_output_tokens": DEFAULT_MAX_OUTPUT_TOKENS})


def load_settings() -> Settings:
    """Read the settings; raise ConfigurationError naming each variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        # The values stay out of the message: one of them may be a secret.
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"Some settings are wrong: {problems}.") from None
