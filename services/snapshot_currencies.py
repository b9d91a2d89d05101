"""A month in several currencies: each apart, and together only by stated rates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from db.repositories.facts import CurrencyDay
from domain.metrics import NO_CURRENCY
from domain.money import Money
from domain.rates import BASE, StatedRates
from services.snapshot_schema import Converted, OtherCurrency, UsedRate


@dataclass(slots=True)
class _Sums:
    """A month in one currency, in minor units."""

    gross: int = 0
    charges: int = 0
    refunded: int = 0
    refunds: int = 0
    net: int = 0
    fee: int = 0
    lines: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.charges or self.refunds or self.lines)


def _by_currency(days: Iterable[CurrencyDay]) -> dict[str, _Sums]:
    found: dict[str, _Sums] = {}
    for day in days:
        sums, facts = found.setdefault(day.currency, _Sums()), day.facts
        sums.gross += facts.gross_minor
        sums.charges += facts.charge_count
        sums.refunded += facts.refund_minor
        sums.refunds += facts.refund_count
        sums.net += facts.net_minor
        sums.fee += facts.fee_minor
        sums.lines += facts.line_count
    return {
        currency: sums
        for currency, sums in sorted(found.items())
        if currency != NO_CURRENCY and not sums.is_empty
    }


def other_currencies(days: Iterable[CurrencyDay], *, main: str) -> dict[str, OtherCurrency]:
    """Return what happened in each currency but the main one, by code."""
    return {
        currency: OtherCurrency(
            gross_minor=sums.gross,
            charge_count=sums.charges,
            refund_minor=sums.refunded,
            refund_count=sums.refunds,
            net_minor=sums.net if sums.lines else None,
            fee_minor=sums.fee if sums.lines else None,
        )
        for currency, sums in _by_currency(days).items()
        if currency != main
    }


def convert(days: Iterable[CurrencyDay], rates: StatedRates) -> Converted | None:
    """Return the month in US cents, or None unless every currency in it has a stated rate.

    Each currency's sum is converted by itself and rounded to the cent.
    """
    sums = _by_currency(days)
    foreign = [currency for currency in sums if currency != BASE]
    used = [rate for currency in foreign if (rate := rates.find(currency)) is not None]
    if len(used) < len(foreign):
        return None
    settled = any(each.lines for each in sums.values())
    net = _in_cents({currency: each.net for currency, each in sums.items()}, rates)
    fee = _in_cents({currency: each.fee for currency, each in sums.items()}, rates)
    return Converted(
        revenue_minor=_in_cents({code: each.gross for code, each in sums.items()}, rates),
        refund_minor=_in_cents({code: each.refunded for code, each in sums.items()}, rates),
        net_minor=net if settled else None,
        fee_minor=fee if settled else None,
        rates=[UsedRate(currency=rate.currency, usd=rate.usd, on=rate.on) for rate in used],
    )


def _in_cents(amounts: dict[str, int], rates: StatedRates) -> int:
    cents = 0
    for currency, minor in amounts.items():
        rate = rates.find(currency)
        cents += minor if rate is None else rate.convert(Money(minor, currency)).minor
    return cents
