"""What is given before a case begins: the business, who asks, when, and which model answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, Tag, model_validator

from domain.access import Role
from domain.errors import InvalidInputError
from domain.money import exponent
from domain.periods import local_date
from evals.strict import NAME_OR_OBJECT, Strict


def _exact(written: Any) -> Any:
    """Refuse bare numbers: YAML's own are floats, and 1.10 would be 1.1."""
    if not isinstance(written, str):
        raise ValueError('write it in quotes, as in "123.45", so that it stays exact')  # noqa: TRY004 - pydantic reads it
    return written


ExactDecimal = Annotated[
    Decimal, Field(allow_inf_nan=False), BeforeValidator(_exact, json_schema_input_type=str)
]
Amount = Annotated[ExactDecimal, Field(gt=0, max_digits=12)]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name} is no IANA time zone, such as America/New_York") from error
    return name


class GivenRefund(Strict):
    """Money given back on a charge; all of it unless an amount is given."""

    day: date
    amount: Amount | None = None


class GivenDispute(Strict):
    """A chargeback of the whole charge; open until `outcome` is given with the day it closed."""

    day: date
    outcome: Literal["won", "lost"] | None = None
    closed: date | None = None

    @model_validator(mode="after")
    def _outcome_has_its_day(self) -> GivenDispute:
        if (self.outcome is None) != (self.closed is None):
            raise ValueError("outcome and closed go together")
        return self


class GivenCharge(Strict):
    """One card payment at noon of a day, or several alike on the same day."""

    day: date
    amount: Amount
    customer: str = Field("a", pattern=r"^[a-z0-9]{1,20}$")
    times: int = Field(1, ge=1, le=1000)
    declined: bool = False
    fee: Annotated[ExactDecimal, Field(ge=0)] = Decimal(0)
    refund: GivenRefund | None = None
    dispute: GivenDispute | None = None


class Ledger(Strict):
    """A business written by hand: every figure of it can be added up from these lines."""

    name: str = Field("Corner shop", min_length=1, max_length=80)
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "America/New_York"
    currency: str = Field("usd", pattern=r"^[a-z]{3}$")
    charges: list[GivenCharge]

    @model_validator(mode="after")
    def _amounts_fit_the_currency(self) -> Ledger:
        places = exponent(self.currency)
        for charge in self.charges:
            refunded = charge.refund.amount if charge.refund else None
            for amount in (charge.amount, charge.fee, refunded):
                if amount is not None and amount != round(amount, places):
                    raise ValueError(f"{amount} has more decimals than {self.currency} has")
        return self


CD_SHOP = "cd_shop"
Business: TypeAlias = Annotated[
    Annotated[Literal["cd_shop"], Tag("name")] | Annotated[Ledger, Tag("object")], NAME_OR_OBJECT
]


class ScriptedCall(Strict):
    """A tool call that a scripted model makes."""

    tool: str
    args: dict[str, Any] = Field(default_factory=dict)


class ScriptedAnswer(Strict):
    """One answer of a scripted model: tool calls or text.

    `{totals[0].value}` in the text quotes that place of the last tool result.
    """

    calls: list[ScriptedCall] = Field(default_factory=list)
    says: str | None = None

    @model_validator(mode="after")
    def _is_not_empty(self) -> ScriptedAnswer:
        if not self.calls and not self.says:
            raise ValueError("give calls, says or both")
        return self


class ScriptedModel(Strict):
    """A model that says what is written, whatever it is asked: for what no good model does."""

    script: list[ScriptedAnswer] = Field(min_length=1)


ModelChoice: TypeAlias = Annotated[
    Annotated[Literal["planner", "openai"], Tag("name")] | Annotated[ScriptedModel, Tag("object")],
    NAME_OR_OBJECT,
]


class Given(Strict):
    """What is given; a case's own fields stand over the dataset's."""

    business: Business | None = None
    role: Role | None = None
    synced_at: AwareDatetime | None = None
    now: AwareDatetime | None = None
    model: ModelChoice | None = None


@dataclass(frozen=True)
class Setting:
    """What a case is replayed in, with nothing left open but the model.

    `synced_at` is when Stripe was read last and `now` when the person asks; `model` is None where
    whoever runs the case chooses.
    """

    business: Business
    role: Role
    synced_at: AwareDatetime
    now: AwareDatetime
    model: ModelChoice | None

    @property
    def zone(self) -> ZoneInfo:
        """The business's time zone."""
        named = self.business.time_zone if isinstance(self.business, Ledger) else CD_SHOP_ZONE
        return ZoneInfo(named)

    @property
    def today(self) -> date:
        """The day on which the person asks, where the business is."""
        return local_date(self.now, self.zone)


CD_SHOP_ZONE = "America/New_York"


def settle(shared: Given, own: Given) -> Setting:
    """Return the setting that both make; raise InvalidInputError for what is missing or absurd."""
    said = {**_said(shared), **_said(own)}
    missing = [name for name in ("business", "synced_at") if name not in said]
    if missing:
        raise InvalidInputError(f"given lacks {' and '.join(missing)}")
    now = said.get("now", said["synced_at"])
    if now < said["synced_at"]:
        raise InvalidInputError("given.now is before given.synced_at")
    return Setting(
        business=said["business"],
        role=said.get("role", Role.OWNER),
        synced_at=said["synced_at"],
        now=now,
        model=said.get("model"),
    )


def _said(given: Given) -> dict[str, Any]:
    fields = {name: getattr(given, name) for name in Given.model_fields}
    return {name: value for name, value in fields.items() if value is not None}
