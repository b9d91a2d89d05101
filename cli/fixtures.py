"""The stand-ins that the evals run on: a sandbox Stripe and a scripted model, both on the wire."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from config.settings import ModelSettings
from domain.money import exponent
from domain.periods import Month, local_date
from evals import given
from evals.given import GivenCharge, GivenDispute, GivenRefund, Setting
from evals.stand_ins import StripeAddress
from sandbox.model import Script, Step, Text, ToolCalls, Turn
from sandbox.model import serve as serve_model
from sandbox.stripe import cdnow
from sandbox.stripe.facts import ChargeFact, DisputeFact, RefundFact, Shop, instant
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.server import DEFAULT_KEY, REQUESTS_PER_SECOND
from sandbox.stripe.server import serve as serve_stripe

# Every tenth customer keeps the shape of the whole shop, at a tenth of the time to sync it.
CUSTOMER_STEP = 10
MODEL_KEY = "sk-evals"
_NOON = time(12)


class SandboxStandIns:
    """The product's own stand-ins."""

    @contextlib.asynccontextmanager
    async def stripe(self, setting: Setting, *, at: datetime) -> AsyncIterator[StripeAddress]:
        """Serve the setting's business as Stripe knows it at an instant."""
        async with serve_stripe(_ledger(setting), clock=lambda: at) as stripe:
            yield StripeAddress(stripe.url, DEFAULT_KEY, REQUESTS_PER_SECOND)

    @contextlib.asynccontextmanager
    async def model(self, scripted: given.ScriptedModel) -> AsyncIterator[ModelSettings]:
        """Serve a model that says what is written."""
        script = Script([Turn(_steps(answer)) for answer in scripted.script])
        async with serve_model(script, keys=(MODEL_KEY,)) as model:
            yield ModelSettings(api_key=SecretStr(MODEL_KEY), base_url=model.url, name="scripted")


def _steps(answer: given.ScriptedAnswer) -> list[Step]:
    steps: list[Step] = [Text(answer.says)] if answer.says else []
    if answer.calls:
        steps.append(ToolCalls([(call.tool, call.args) for call in answer.calls]))
    return steps


def _ledger(setting: Setting) -> Ledger:
    if isinstance(setting.business, given.Ledger):
        return written_ledger(setting.business)
    return cd_shop(Month.of(local_date(setting.synced_at, setting.zone)))


@lru_cache(maxsize=4)
def cd_shop(last_month: Month) -> Ledger:
    """Return every tenth customer of the CDNOW shop, June 1998 moved to `last_month`."""
    whole = cdnow.load_shop(last_month=last_month)
    charges = [fact for fact in whole.charges.facts if _customer(fact) % CUSTOMER_STEP == 0]
    kept = {fact.id for fact in charges}
    return Ledger.from_facts(
        shop=whole.shop,
        charges=charges,
        refunds=[fact for fact in whole.refunds.facts if fact.charge in kept],
        disputes=[fact for fact in whole.disputes.facts if fact.charge in kept],
    )


def _customer(charge: ChargeFact) -> int:
    return int((charge.customer or "").rpartition("x")[2])


def written_ledger(business: given.Ledger) -> Ledger:
    """Return the ledger of a business that a case has written out; its days are at noon."""
    writer = _LedgerWriter(business)
    for line in business.charges:
        for _ in range(line.times):
            writer.add(line)
    shop = Shop(
        name=business.name,
        timezone=business.time_zone,
        currency=business.currency,
        created=min((fact.created for fact in writer.charges), default=instant("2025-01-01")),
    )
    return Ledger.from_facts(
        shop=shop, charges=writer.charges, refunds=writer.refunds, disputes=writer.disputes
    )


class _LedgerWriter:
    """Numbers the lines and turns days and amounts into Stripe's seconds and minor units."""

    def __init__(self, business: given.Ledger) -> None:
        self._zone = ZoneInfo(business.time_zone)
        self._currency = business.currency
        self.charges: list[ChargeFact] = []
        self.refunds: list[RefundFact] = []
        self.disputes: list[DisputeFact] = []

    def add(self, line: GivenCharge) -> None:
        number = len(self.charges) + 1
        charge = ChargeFact(
            id=f"ch_{number:024d}",
            created=self._noon(line.day),
            amount=self._minor(line.amount),
            currency=self._currency,
            customer=f"cus_{line.customer.rjust(14, '0')}",
            fee=self._minor(line.fee),
            decline_code="generic_decline" if line.declined else None,
            payment_intent=f"pi_{number:024d}",
        )
        self.charges.append(charge)
        if line.refund:
            self.refunds.append(self._refund(line.refund, charge, number))
        if line.dispute:
            self.disputes.append(self._dispute(line.dispute, charge, number))

    def _refund(self, refund: GivenRefund, charge: ChargeFact, number: int) -> RefundFact:
        amount = charge.amount if refund.amount is None else self._minor(refund.amount)
        return RefundFact(f"re_{number:024d}", charge.id, self._noon(refund.day), amount)

    def _dispute(self, dispute: GivenDispute, charge: ChargeFact, number: int) -> DisputeFact:
        return DisputeFact(
            id=f"du_{number:024d}",
            charge=charge.id,
            created=self._noon(dispute.day),
            amount=charge.amount,
            closed_at=self._noon(dispute.closed) if dispute.closed else None,
            outcome=dispute.outcome or "lost",
        )

    def _noon(self, day: date) -> int:
        return int(datetime.combine(day, _NOON, self._zone).timestamp())

    def _minor(self, amount: Decimal) -> int:
        return int(amount.scaleb(exponent(self._currency)))
