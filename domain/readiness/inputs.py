"""What the readiness score is computed from: measured values, each with its evidence and window."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import StrEnum

from domain.errors import InvalidInputError
from domain.rates import BASE, StatedRate
from domain.readiness.model import MODEL_VERSION, SPECS, STALE_AFTER_DAYS, ComponentKey


class GrowthBasis(StrEnum):
    """What the last three complete months are compared with."""

    YEAR_EARLIER = "year_earlier"
    PREVIOUS_QUARTER = "previous_quarter"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured value, how many observations it rests on, and the time it covers in words.

    Raise InvalidInputError for a value that is not finite or a negative count.
    """

    value: Decimal
    n: int
    window: str

    def __post_init__(self) -> None:
        if not self.value.is_finite() or self.n < 0:
            raise InvalidInputError(
                f"{self.value} from {self.n} observations cannot be scored. Give a finite number."
            )


@dataclass(frozen=True, slots=True)
class ReadinessInputs:
    """Everything the model looks at; None is unknown, which is dropped and never guessed.

    scale: average monthly net revenue of the last 3 complete months, in US dollars where `rate`
    converted it, else in major units of `currency`. history: complete months since the first
    payment, or since the first after a year without any. growth: relative change of net revenue,
    see `growth_basis`; n is the months the comparison spans. stability: coefficient of variation of
    monthly net revenue around its trend, 12 months; n is months. disputes: disputes over successful
    payments, 3 months; n is payments. refunds: refunded amount over revenue, 3 months; n is
    payments. payments: payments that finally failed over all, 3 months; n is all. concentration:
    the largest customer's share of 12 months; n is customers. retention: gross revenue retention
    over 12 months; n is customers in the cohort. payouts: failed share; n is payouts.

    The rest is not scored by a curve: `recurring_share` decides whether retention applies;
    `payouts_enabled`, `key_revoked` and `data_age_days` are hard stops; `unattributed_share` (of
    revenue without a customer) and `missing_permissions` only lead to advice.
    """

    currency: str = "usd"
    scale: Measurement | None = None
    history: Measurement | None = None
    growth: Measurement | None = None
    stability: Measurement | None = None
    disputes: Measurement | None = None
    refunds: Measurement | None = None
    payments: Measurement | None = None
    concentration: Measurement | None = None
    retention: Measurement | None = None
    payouts: Measurement | None = None
    growth_basis: GrowthBasis | None = None
    recurring_share: Decimal | None = None
    payouts_enabled: bool | None = None
    key_revoked: bool = False
    data_age_days: Decimal | None = None
    unattributed_share: Decimal | None = None
    missing_permissions: tuple[str, ...] = ()
    rate: StatedRate | None = None

    @property
    def scale_currency(self) -> str:
        """The currency that `scale` is in."""
        return self.currency if self.rate is None else BASE

    @property
    def is_outdated(self) -> bool:
        """Whether the data is too old for a score; an unknown age is not."""
        return self.data_age_days is not None and self.data_age_days > STALE_AFTER_DAYS

    def measurement(self, key: ComponentKey) -> Measurement | None:
        """Return what is known about the component."""
        found: Measurement | None = getattr(self, key.value)
        return found

    def value(self, key: ComponentKey) -> Decimal | None:
        """Return the component's raw value."""
        found = self.measurement(key)
        return None if found is None else found.value


def with_values(inputs: ReadinessInputs, values: Mapping[ComponentKey, Decimal]) -> ReadinessInputs:
    """Return the inputs with some raw values replaced, for a what-if.

    Evidence and window stay. A value that was unknown is taken with the evidence that counts half.
    """
    changed = {key.value: _replaced(inputs, key, value) for key, value in values.items()}
    # The keys are field names by construction, which the type of replace() cannot express.
    return replace(inputs, **changed)  # type: ignore[arg-type]


def _replaced(inputs: ReadinessInputs, key: ComponentKey, value: Decimal) -> Measurement:
    known = inputs.measurement(key)
    if known is None:
        return Measurement(value, SPECS[key].evidence_half or 1, "assumed")
    return replace(known, value=value)


def hash_inputs(inputs: ReadinessInputs) -> str:
    """Return the SHA-256 (hex) of the inputs and the model version, as canonical JSON.

    Of the data's age only counts whether it is too old, so that time alone changes no hash.
    """
    content = {field.name: _canonical(getattr(inputs, field.name)) for field in fields(inputs)}
    content["data_age_days"] = inputs.is_outdated
    content["model_version"] = MODEL_VERSION
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Measurement):
        return [plain(value.value), value.n, value.window]
    if isinstance(value, StatedRate):
        return [value.currency, plain(value.usd), value.on.isoformat()]
    if isinstance(value, tuple):
        return sorted(value)
    return value


def plain(value: Decimal) -> str:
    """Return the number without exponent and without trailing zeros: equal numbers, equal text."""
    return format(value.normalize(), "f") if value else "0"
