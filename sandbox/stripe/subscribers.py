"""One subscriber's life: trial, periods, invoices, payments and changes of mind."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from domain.periods import Month
from sandbox.stripe.billing_facts import (
    CouponFact,
    Discount,
    DiscountAmount,
    InvoiceFact,
    InvoiceLine,
    Item,
    PriceFact,
    SubscriptionFact,
    SubscriptionState,
)
from sandbox.stripe.catalogue import ADD_ONS, Catalogue
from sandbox.stripe.draws import between, pick
from sandbox.stripe.facts import DAY_S, ChargeFact, PaymentIntentFact
from sandbox.stripe.shops import DECLINES

TRIAL_S = 14 * DAY_S
# Stripe finalizes a renewal's invoice about an hour after its creation, and then tries to collect
# it (docs.stripe.com/billing/invoices/subscription).
FINALIZED_AFTER_S = 3_600
RETRY_DAYS = (3, 5, 7)
_FAILING, _RECOVERING = 0.08, 0.7
_MONTHLY = ("basic", "basic", "old", "team", "team", "volume", "weekly", "yearly", "bundle")


class Subscriber:
    """Lives from `since` until it leaves or `end` (UTC seconds) is reached; `live()` once."""

    def __init__(self, catalogue: Catalogue, rng: Random, key: str, since: int, end: int) -> None:
        """Take what there is to buy and the stream to draw from; ids begin with the key."""
        self._catalogue, self._rng, self._key, self._end = catalogue, rng, key, end
        self.since, self.ms = since, between(rng, 0, 999)
        self.customer = f"cus_{key}"
        self.states: list[SubscriptionState] = []
        self.invoices: list[InvoiceFact] = []
        self.intents: list[PaymentIntentFact] = []
        self.charges: list[ChargeFact] = []
        self._id = f"sub_1{key}"
        self._pending: list[InvoiceLine] = []
        self._lines = 0
        self._trial = rng.random() < 0.3

    def subscription(self) -> SubscriptionFact:
        """Return the subscription with every state that it had."""
        end = self.since + TRIAL_S if self._trial else None
        return SubscriptionFact(
            self._id,
            self.since,
            self.customer,
            tuple(self.states),
            trial_start=self.since if self._trial else None,
            trial_end=end,
            ms=self.ms,
        )

    def live(self) -> None:
        """Go through the periods one after another."""
        self._start()
        while self._alive:
            start = self._now.items[0].period_end
            if start >= self._end:
                return
            if self._now.cancel_at_period_end:
                self._leave(start)
            else:
                self._renew(start, "subscription_cycle")
                if self._alive:
                    self._change_mind()

    @property
    def _now(self) -> SubscriptionState:
        return self.states[-1]

    @property
    def _alive(self) -> bool:
        return self._now.ended_at is None

    def _become(self, second: int, **changes: object) -> None:
        """Go into a state at the second: a later one, or the same one told in full."""
        # The fields' types are those of the state; `_replace` refuses names that it has not.
        state = self._now._replace(since=second, ms=self.ms, **changes)  # type: ignore[arg-type]
        if second == self._now.since:
            self.states[-1] = state
        else:
            self.states.append(state)

    def _start(self) -> None:
        kind, rng = pick(self._rng, _MONTHLY), self._rng
        parts = [f"addon{n:02d}" for n in range(ADD_ONS)] if kind == "bundle" else [kind]
        if kind in ("basic", "team") and rng.random() < 0.2:
            parts.append("calls")
        end = self.since + TRIAL_S if self._trial else self._after(self.since, parts[0])
        items = tuple(
            self._item(number, part, self.since, end) for number, part in enumerate(parts)
        )
        status = "trialing" if self._trial else "active"
        self.states.append(
            SubscriptionState(self.since, status, items, self.ms, self._discounts(items[0].id))
        )
        if self._trial:
            self._invoice(self.since, "subscription_create", self._charged(items, free=True))
        else:
            self._renew(self.since, "subscription_create")

    def _item(self, number: int, part: str, start: int, end: int) -> Item:
        price, rng = self._catalogue.price(part), self._rng
        seats = between(rng, 1, 30) if price.tiers else between(rng, 1, 3)
        quantity = None if price.usage_type == "metered" else seats
        discounts: tuple[Discount, ...] = ()
        if number == 0 and rng.random() < 0.1:
            coupon = self._catalogue.coupons[0].id
            name = f"di_1{self._key}item"
            discounts = (Discount(name, coupon, start, None, f"si_{self._key}{number:02d}"),)
        return Item(f"si_{self._key}{number:02d}", start, price.id, quantity, start, end, discounts)

    def _discounts(self, item: str) -> tuple[Discount, ...]:
        del item
        if self._rng.random() >= 0.3:
            return ()
        coupon = pick(self._rng, self._catalogue.coupons)
        end = None
        if coupon.duration_in_months is not None:
            end = _months_later(self.since, coupon.duration_in_months)
        return (Discount(f"di_1{self._key}", coupon.id, self.since, end),)

    def _renew(self, start: int, reason: str) -> None:
        """Begin a period, send its invoice and collect it."""
        first = reason == "subscription_create"
        items = self._now.items
        if not first:
            items = tuple(
                item._replace(period_start=start, period_end=self._after(start, item.price))
                for item in items
            )
        kept = tuple(d for d in self._now.discounts if self._still_on(d, start))
        lines = (*self._charged(items), *self._pending)
        self._pending = []
        # The discount of a single invoice is gone with it.
        self._become(start, items=items, status="active", discounts=kept)
        invoice = self._invoice(start, reason, lines, at_once=first)
        if self._now.pause_behavior is None:
            self._collect(invoice, first=first)

    def _still_on(self, discount: Discount, start: int) -> bool:
        once = self._coupon(discount).duration == "once"
        in_time = discount.end is None or start < discount.end
        return in_time and not (once and start > discount.start)

    def _charged(self, items: tuple[Item, ...], *, free: bool = False) -> tuple[InvoiceLine, ...]:
        return tuple(self._line(item, free=free) for item in items)

    def _line(self, item: Item, *, free: bool = False) -> InvoiceLine:
        price = self._price(item.price)
        used = between(self._rng, 0, 9_000) * 4
        # A quarter of a cent a call: calls come in fours here.
        cost = used // 4 if item.quantity is None else price.cost_of(item.quantity)
        self._lines += 1
        return InvoiceLine(
            f"il_1{self._key}{self._lines:04d}",
            0 if free else cost,
            item.period_start,
            item.period_end,
            price.id,
            used if item.quantity is None else item.quantity,
            item.id,
        )

    def _invoice(
        self, second: int, reason: str, lines: tuple[InvoiceLine, ...], *, at_once: bool = True
    ) -> InvoiceFact:
        """Add an invoice that is final, `at_once` or after an hour, and not yet collected."""
        number = len(self.invoices)
        final = second if at_once else second + FINALIZED_AFTER_S
        paused = self._now.pause_behavior is not None
        invoice = InvoiceFact(
            f"in_1{self._key}{number:04d}",
            second,
            self.customer,
            self._discounted(lines),
            lines[0].period_start,
            lines[0].period_end,
            self._id,
            billing_reason=reason,
            finalized_at=final,
            ms=self.ms,
        )
        if paused:
            invoice = self._paused(invoice)
        elif invoice.total <= 0:
            invoice = invoice._replace(paid_at=final)
        self.invoices.append(invoice)
        self._become(second, latest_invoice=invoice.id)
        return invoice

    def _paused(self, invoice: InvoiceFact) -> InvoiceFact:
        behavior = self._now.pause_behavior
        if behavior == "keep_as_draft":
            return invoice._replace(finalized_at=None)
        if behavior == "void":
            return invoice._replace(voided_at=invoice.finalized_at)
        return invoice._replace(marked_uncollectible_at=invoice.finalized_at)

    def _discounted(self, lines: tuple[InvoiceLine, ...]) -> tuple[InvoiceLine, ...]:
        """Return the lines with what the discounts take off and the tax on the rest."""
        done, taxed = [], sum(self._key.encode()) % 7 == 0
        items = {item.id: item.discounts for item in self._now.items}
        for number, line in enumerate(lines):
            discounts = items.get(line.subscription_item or "", ())
            # An amount comes off once, a percentage of each line.
            on_all = [d for d in self._now.discounts if number == 0 or self._percent(d)]
            left, parts = max(0, line.amount), []
            for discount in (*discounts, *on_all):
                amount = min(left, self._off(discount, left))
                parts.append(DiscountAmount(discount, amount))
                left -= amount
            tax = left * 8 // 100 if taxed else 0
            taken = tuple(part for part in parts if part.amount)
            done.append(line._replace(discount_amounts=taken, tax=tax))
        return tuple(done)

    def _percent(self, discount: Discount) -> bool:
        return self._coupon(discount).percent_off is not None

    def _off(self, discount: Discount, amount: int) -> int:
        coupon = self._coupon(discount)
        if coupon.percent_off is None:
            return coupon.amount_off or 0
        return int(amount * Decimal(coupon.percent_off) / 100)

    def _coupon(self, discount: Discount) -> CouponFact:
        return next(c for c in self._catalogue.coupons if c.id == discount.coupon)

    def _collect(self, invoice: InvoiceFact, *, first: bool) -> None:
        """Try to be paid, again after days if that fails, and let the subscriber go in the end."""
        if invoice.paid_at is not None or invoice.finalized_at is None:
            return
        rng, when, attempts = self._rng, invoice.finalized_at, [invoice.finalized_at]
        fails = rng.random() < _FAILING
        recovers = fails and rng.random() < _RECOVERING
        if fails:
            self._become(when, status="incomplete" if first else "past_due")
            retries = self._retries(when)
            # A first payment that fails for good is not tried again: Stripe lets it expire.
            if recovers:
                attempts += retries[: between(rng, 1, len(RETRY_DAYS))]
            elif not first:
                attempts += retries
            recovers = recovers and len(attempts) > 1
        paid = attempts[-1] if recovers or not fails else None
        intent = self._pay(invoice, attempts, paid)
        given_up = None if paid is not None else attempts[-1] + DAY_S - 3_600
        invoice = invoice._replace(
            attempts=tuple(attempts),
            paid_at=paid,
            payment_intent=intent,
            voided_at=given_up if first else None,
            marked_uncollectible_at=None if first else given_up,
        )
        self.invoices[-1] = invoice
        if given_up is not None:
            status = "incomplete_expired" if first else "canceled"
            self._become(given_up, status=status, canceled_at=given_up, ended_at=given_up)
        elif recovers:
            self._become(attempts[-1], status="active")

    def _retries(self, first: int) -> list[int]:
        """Return when payment is tried again: as long as the period lasts a day longer."""
        tries = [first + sum(RETRY_DAYS[: n + 1]) * DAY_S for n in range(len(RETRY_DAYS))]
        return [second for second in tries if second + DAY_S < self._now.items[0].period_end]

    def _pay(self, invoice: InvoiceFact, attempts: list[int], paid: int | None) -> str:
        intent = invoice.id.replace("in_1", "pi_3")
        self.intents.append(
            PaymentIntentFact(
                intent,
                attempts[0],
                invoice.total,
                customer=self.customer,
                ms=self.ms,
                invoice=invoice.id,
            )
        )
        for number, second in enumerate(attempts):
            succeeded = second == paid
            self.charges.append(
                ChargeFact(
                    f"{invoice.id.replace('in_1', 'ch_3')}{number}",
                    second,
                    invoice.total,
                    "usd",
                    self.customer,
                    None,
                    invoice.total * 29 // 1_000 + 30 if succeeded else 0,
                    None if succeeded else pick(self._rng, DECLINES),
                    intent,
                    self.ms,
                )
            )
        return intent

    def _change_mind(self) -> None:
        """Do, in the middle of a period, what subscribers do."""
        item, rng = self._now.items[0], self._rng
        start = max(self._now.since, item.period_start)
        if item.period_end - start < 3 * DAY_S:
            return
        second, draw = between(rng, start + DAY_S, item.period_end - DAY_S), rng.random()
        if draw < 0.05:
            self._become(
                second,
                cancel_at_period_end=True,
                cancel_at=item.period_end,
                canceled_at=second,
            )
        elif draw < 0.065:
            self._become(second, status="canceled", canceled_at=second, ended_at=second)
        elif draw < 0.14:
            self._change_price(second, item)
        elif draw < 0.2:
            self._change_seats(second, item)
        elif draw < 0.23 or self._now.pause_behavior is not None:
            paused = self._now.pause_behavior is None
            behaviors = ("keep_as_draft", "mark_uncollectible", "void")
            self._become(second, pause_behavior=pick(rng, behaviors) if paused else None)

    def _change_price(self, second: int, item: Item) -> None:
        """Go up or down between the plans, credited and charged for the rest of the period."""
        plans = {"basic": "team", "team": "basic", "old": "basic"}
        target = plans.get(self._price(item.price).lookup_key or "")
        if target is None:
            return
        changed = item._replace(price=self._catalogue.price(target).id)
        lines = self._prorations(second, item, changed)
        self._become(second, items=(changed, *self._now.items[1:]))
        if self._now.pause_behavior is None:
            invoice = self._invoice(second, "subscription_update", lines)
            self._collect(invoice, first=False)

    def _change_seats(self, second: int, item: Item) -> None:
        """Take more seats or fewer; the difference comes with the next invoice."""
        if item.quantity is None:
            return
        seats = max(1, item.quantity + between(self._rng, -3, 5))
        changed = item._replace(quantity=seats)
        if seats != item.quantity:
            self._pending += self._prorations(second, item, changed)
            self._become(second, items=(changed, *self._now.items[1:]))

    def _prorations(self, second: int, old: Item, new: Item) -> tuple[InvoiceLine, ...]:
        """Return the credit for the rest of the period and its cost at the new terms."""
        left, whole = old.period_end - second, old.period_end - old.period_start
        lines = []
        for item, sign in ((old, -1), (new, 1)):
            line = self._line(item._replace(period_start=second))
            amount = sign * (line.amount * left // whole)
            lines.append(line._replace(amount=amount, proration=True))
        return tuple(lines)

    def _leave(self, second: int) -> None:
        self._become(second, status="canceled", ended_at=second, cancel_at_period_end=False)

    def _price(self, price_id: str) -> PriceFact:
        return next(price for price in self._catalogue.prices if price.id == price_id)

    def _after(self, start: int, part: str) -> int:
        """Return the end of the period of a price, by its id or its part, from the second on."""
        prices = self._catalogue.prices
        price = next(p for p in prices if part in (p.id, p.lookup_key))
        if price.interval == "week":
            return start + 7 * DAY_S
        return _months_later(start, 12 if price.interval == "year" else 1)


def _months_later(second: int, months: int) -> int:
    """Return the same time of the same day so many months on, or of the month's last day."""
    moment = datetime.fromtimestamp(second, UTC)
    month = Month(moment.year, moment.month).plus(months)
    day = min(moment.day, month.last_day.day)
    return int(moment.replace(year=month.year, month=month.month, day=day).timestamp())
