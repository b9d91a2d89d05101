"""How much monthly revenue varies around its own trend."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext

# A line through three points leaves one degree of freedom: too little to speak of variation.
MIN_MONTHS = 4


def detrended_variation(amounts: Sequence[int], before: Sequence[int] = ()) -> Decimal | None:
    """Return standard deviation over mean after removing the trend, or None.

    A business that grows evenly is as steady as one that stands still, so the trend is taken out
    first. Log-linear (even growth in percent): the deviation over the mean of amount / trend.
    Linear: the deviation of amount - trend over the mean amount. The smaller of the two counts, as
    that trend describes the business better; with a month at or below zero there is no logarithm,
    and the linear one stands alone. (The log-linear one alone would call a month with 1 cent of
    revenue far worse than a month with none.) None below 4 months or without a positive mean.

    `before` are as many months before those. Where they are known the trend is no steeper than the
    change from them: a season at the end of the year would otherwise pass for growth, and the same
    shop be steady in December and erratic in June.
    """
    if len(amounts) < MIN_MONTHS or sum(amounts) <= 0:
        return None
    known = len(before) == len(amounts) and sum(before) > 0
    with localcontext(prec=28):
        exact, earlier = [Decimal(amount) for amount in amounts], Decimal(sum(before))
        count, latest = len(amounts), Decimal(sum(amounts))
        steepest = (latest - earlier) / (count * count) if known else None
        linear = _linear_variation(exact, steepest)
        if min(amounts) <= 0:
            return linear
        steepest = (latest / earlier).ln() / count if known else None
        return min(linear, _log_linear_variation(exact, steepest))


def _linear_variation(amounts: Sequence[Decimal], steepest: Decimal | None) -> Decimal:
    trend = _line(amounts, steepest)
    residuals = [amount - level for amount, level in zip(amounts, trend, strict=True)]
    return _deviation(residuals) / _mean(amounts)


def _log_linear_variation(amounts: Sequence[Decimal], steepest: Decimal | None) -> Decimal:
    trend = [level.exp() for level in _line([amount.ln() for amount in amounts], steepest)]
    quotients = [amount / level for amount, level in zip(amounts, trend, strict=True)]
    return _deviation(quotients) / _mean(quotients)


def _line(values: Sequence[Decimal], steepest: Decimal | None) -> list[Decimal]:
    """Return the least-squares line through the values, at each of them, as steep as allowed.

    Its slope lies between level and `steepest`, on the same side.
    """
    middle, mean = Decimal(len(values) - 1) / 2, _mean(values)
    offsets = [index - middle for index in range(len(values))]
    covariance = _mean([offset * value for offset, value in zip(offsets, values, strict=True)])
    slope = covariance / _mean([offset * offset for offset in offsets])
    if steepest is not None:
        slope = min(max(slope, min(steepest, Decimal(0))), max(steepest, Decimal(0)))
    return [mean + slope * offset for offset in offsets]


def _mean(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def _deviation(values: Sequence[Decimal]) -> Decimal:
    mean = _mean(values)
    return _mean([(value - mean) ** 2 for value in values]).sqrt()
