"""The body of a what-if: inputs by name, each with the value it would have."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.readiness import Changes, ComponentKey

# Far more digits than any input has; ranges are the domain's to check.
Value = Annotated[Decimal, Field(max_digits=30, allow_inf_nan=False)]


class SimulatedChanges(BaseModel):
    """Inputs to change; what is left out stays. Shares are decimals: 0.03 is 3 %.

    `scale` is the average monthly net revenue in the business's currency, `history` complete
    months. `more_months` lets so many months like the last ones pass first.
    """

    model_config = ConfigDict(extra="forbid")

    scale: Value | None = None
    history: Value | None = None
    growth: Value | None = None
    stability: Value | None = None
    disputes: Value | None = None
    refunds: Value | None = None
    payments: Value | None = None
    concentration: Value | None = None
    retention: Value | None = None
    payouts: Value | None = None
    recurring_share: Value | None = None
    payouts_enabled: bool | None = None
    more_months: Annotated[int, Field(ge=0)] = 0

    def to_changes(self) -> Changes:
        """Return the changes as the domain has them."""
        given = {key: getattr(self, key.value) for key in ComponentKey}
        return Changes(
            values={key: value for key, value in given.items() if value is not None},
            recurring_share=self.recurring_share,
            payouts_enabled=self.payouts_enabled,
            more_months=self.more_months,
        )
