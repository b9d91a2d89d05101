"""A shop of up to a million charges, kept in columns and made into facts on demand.

Charge, payment intent, customer and balance transaction are numbered in order of creation, and
their ids tell the number: none of them is in memory but as a few bytes in an array. Refunds,
disputes and payouts, which are few, are facts as everywhere.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from random import Random

from domain.periods import Month
from sandbox.stripe import lines
from sandbox.stripe.aftermath import Aftermath, Rates
from sandbox.stripe.draws import month_seconds, shares
from sandbox.stripe.facts import (
    SETTLEMENT_DAYS,
    BalanceFact,
    ChargeFact,
    CustomerFact,
    PaymentIntentFact,
    PayoutFact,
    Shop,
    moment_of,
)
from sandbox.stripe.ledger import (
    Billing,
    Ledger,
    billing_tables,
    dispute_table,
    intent_of,
    payout_table,
    refund_table,
    warning_table,
)
from sandbox.stripe.payouts import PayoutPlan, cutoff_day, lines_of, payouts_of
from sandbox.stripe.people import email_of
from sandbox.stripe.shops import DECLINES
from sandbox.stripe.table import LazyTable, Positions, Table

TIMEZONE = "America/New_York"
MONTHS = 24
_DECLINED, _RETRIED, _BURST = 0.05, 0.5, 0.15
_BUYERS_PER_HUNDRED = 20
# Few of a large shop's charges have a story; these are the shares among those few.
_STORIED = 0.06
_RATES = Rates(refunded=0.4, disputed=0.03, captured_late=0.1, never_captured=0.03)
_GUEST = -1
# How many digits the number has in an id.
_WIDTHS = {"ch_3": 13, "pi_3": 13, "cus_": 7}


def load_big(last_month: Month, seed: int, charges: int) -> Ledger:
    """Return the shop with so many charges, the newest in `last_month`; a few seconds a million."""
    key = f"Big{seed:04d}"
    columns = _Columns(key, charges, Random(f"big:{seed}:sales"))
    columns.draw(last_month)
    sales = columns.charge_table()
    aftermath = Aftermath(_RATES, Random(f"big:{seed}:after"), key)
    aftermath.follow(sales.facts[position] for position in columns.storied)
    drawn = zip(columns.storied, aftermath.charges, strict=True)
    columns.changed = {n: fact for n, fact in drawn if fact != columns.charge(n)}
    columns.changing = [number for number, fact in columns.changed.items() if _changes(fact)]
    shop = Shop(
        account_id=f"acct_1{key}",
        name="Big sandbox",
        created=month_seconds(last_month.plus(1 - MONTHS), TIMEZONE)[0],
        timezone=TIMEZONE,
        pays_out_daily=True,
    )
    sales = columns.charge_table()
    refunds = refund_table(aftermath.refunds, sales)
    disputes = dispute_table(aftermath.disputes, sales)
    others = [
        *columns.late_lines(),
        *(
            line
            for refund in refunds.facts
            for line in lines.refund_lines(refund, sales.get(refund.charge), "usd")
        ),
        *(
            line
            for dispute in disputes.facts
            for line in lines.dispute_lines(dispute, sales.get(dispute.charge), "usd")
        ),
    ]
    payouts = list(payouts_of(shop, "usd", columns.nets(others), BIG_PAYOUTS))
    others += [line for payout in payouts for line in lines.payout_lines(payout)]
    sent = payout_table(payouts)
    return Ledger(
        shop=shop,
        charges=sales,
        refunds=refunds,
        disputes=disputes,
        customers=columns.customer_table(),
        balance_transactions=_Lines(columns, others, sent).table(),
        payment_intents=columns.intent_table(),
        early_fraud_warnings=warning_table(aftermath.warnings, sales),
        payouts=sent,
        **billing_tables(Billing()),
    )


BIG_PAYOUTS = PayoutPlan(failing=frozenset(range(19, 10_000, 97)))


def _changes(fact: ChargeFact) -> bool:
    return fact.captured_at is not None or fact.reported_at is not None


class _Columns:
    """What tells one charge from another, in arrays by the charge's number."""

    def __init__(self, key: str, count: int, rng: Random) -> None:
        self._key, self._count, self._rng = key, count, rng
        self.moments = array("q")
        self.amounts = array("i")
        self.buyers = array("i")
        self.intents = array("i")
        # 0 for a success, else the place of the decline code in DECLINES, from 1.
        self.declines = array("b")
        self.first_charges = array("i")
        self.first_seen = array("q")
        self.storied: list[int] = []
        self.changed: dict[int, ChargeFact] = {}
        self.changing: list[int] = []
        self._retries: dict[int, list[int]] = {}

    def draw(self, last_month: Month) -> None:
        """Fill the columns, month by month and in order of time."""
        counts = shares(self._count, [1 + 0.03 * month for month in range(MONTHS)])
        random, numbers = self._rng.random, dict[int, int]()
        moments = self.moments
        for index, count in enumerate(counts):
            start, end = month_seconds(last_month.plus(index + 1 - MONTHS), TIMEZONE)
            width = (end - start) * 1_000
            moments.extend(sorted(start * 1_000 + int(random() * width) for _ in range(count)))
        buyers = max(1, self._count * _BUYERS_PER_HUNDRED // 100)
        waiting = -1
        for number in range(self._count):
            if random() < _BURST and number and moments[number] - moments[number - 1] > 900:
                self._pull(number, int(random() * 900))
            self._draw_one(number, waiting, buyers, numbers)
            declined = random() < _DECLINED
            self.declines.append(1 + int(random() * len(DECLINES)) if declined else 0)
            waiting = number if declined and random() < _RETRIED else -1
            if not declined and random() < _STORIED:
                self.storied.append(number)

    def _pull(self, number: int, gap: int) -> None:
        """Let a charge come right after the one before it, often within its second."""
        self.moments[number] = self.moments[number - 1] + gap

    def _draw_one(self, number: int, waiting: int, buyers: int, numbers: dict[int, int]) -> None:
        """Add a purchase, or another attempt at the one that waits."""
        random = self._rng.random
        if waiting >= 0:
            for column in (self.amounts, self.buyers, self.intents):
                column.append(column[waiting])
            self._retries.setdefault(self.intents[number], [waiting]).append(number)
            return
        self.amounts.append(900 + int(random() ** 2 * 9_000))
        if random() < 0.1:
            self.buyers.append(_GUEST)
        else:
            # Buyers are numbered in the order of their first charge.
            drawn = int(random() ** 2 * buyers)
            if drawn not in numbers:
                numbers[drawn] = len(numbers)
                self.first_seen.append(self.moments[number])
            self.buyers.append(numbers[drawn])
        self.intents.append(len(self.first_charges))
        self.first_charges.append(number)

    def charge(self, number: int) -> ChargeFact:
        """Return the charge of the number."""
        changed = self.changed.get(number)
        if changed is not None:
            return changed
        moment, amount, decline = self.moments[number], self.amounts[number], self.declines[number]
        buyer = self.buyers[number]
        return ChargeFact(
            f"ch_3{self._key}{number:013d}",
            moment // 1_000,
            amount,
            "usd",
            None if buyer == _GUEST else f"cus_{self._key}{buyer:07d}",
            None,
            0 if decline else (amount * 29 + 500) // 1_000 + 30,
            DECLINES[decline - 1] if decline else None,
            f"pi_3{self._key}{self.intents[number]:013d}",
            moment % 1_000,
        )

    def number_of(self, object_id: str, prefix: str) -> int:
        """Return the number that the id tells, or -1 if it is none of this shop's."""
        start, width = prefix + self._key, _WIDTHS[prefix]
        digits = object_id.removeprefix(start)
        known = digits.isascii() and digits.isdigit() and object_id == f"{start}{digits}"
        return int(digits) if known and len(digits) == width else -1

    def charge_table(self) -> LazyTable[ChargeFact]:
        """Return the charges."""
        return LazyTable(
            self.moments,
            self.charge,
            _finder(self, "ch_3", self._count),
            {
                "customer": _grouped(self.buyers, lambda name: self.number_of(name, "cus_")),
                "payment_intent": self._attempts,
                "transfer_group": lambda _: (),
            },
            self.changing,
        )

    def intent_table(self) -> LazyTable[PaymentIntentFact]:
        """Return the payment intents, each made with its first charge."""
        moments = array("q", (self.moments[number] for number in self.first_charges))
        owners = array("i", (self.buyers[number] for number in self.first_charges))
        return LazyTable(
            moments,
            lambda number: intent_of(self.charge(self.first_charges[number])),
            _finder(self, "pi_3", len(moments)),
            {"customer": _grouped(owners, lambda name: self.number_of(name, "cus_"))},
        )

    def customer_table(self) -> LazyTable[CustomerFact]:
        """Return the customers, each made with its first charge."""
        seen = self.first_seen
        find = _finder(self, "cus_", len(seen))

        def make(number: int) -> CustomerFact:
            return CustomerFact(f"cus_{self._key}{number:07d}", *divmod(seen[number], 1_000))

        def by_email(email: str) -> Positions:
            # The address tells the digits at the end of the id, of which the last ones count.
            digits = email.removeprefix("customer-").removesuffix("@example.com")
            number = find(f"cus_{self._key}{digits[-_WIDTHS['cus_'] :]}")
            return (number,) if number is not None and email_of(make(number).id) == email else ()

        return LazyTable(seen, make, find, {"email": by_email, "test_clock": lambda _: ()})

    def settles_at_once(self, number: int) -> bool:
        """Return whether the charge has one line, of the moment of its creation."""
        changed = self.changed.get(number)
        if changed is None:
            return not self.declines[number]
        return changed.captured == changed.amount and changed.captured_at is None

    def late_lines(self) -> list[BalanceFact]:
        """Return the lines of the charges that were captured later or in part."""
        facts = (f for n, f in self.changed.items() if not self.settles_at_once(n))
        return [line for fact in facts for line in lines.charge_lines(fact, "usd")]

    def nets(self, others: Iterable[BalanceFact]) -> Mapping[int, int]:
        """Return what becomes available by cutoff day."""
        nets: defaultdict[int, int] = defaultdict(int)
        for number in range(self._count):
            if self.settles_at_once(number):
                amount = self.amounts[number]
                fee = (amount * 29 + 500) // 1_000 + 30
                nets[self.moments[number] // 86_400_000 + SETTLEMENT_DAYS] += amount - fee
        for line in others:
            nets[cutoff_day(line.available_on)] += line.net
        return nets

    def _attempts(self, intent_id: str) -> Positions:
        number = self.number_of(intent_id, "pi_3")
        if not 0 <= number < len(self.first_charges):
            return ()
        return self._retries.get(number, (self.first_charges[number],))


class _Lines:
    """The money ledger: a line for each charge, between them those of everything else."""

    def __init__(
        self, columns: _Columns, others: list[BalanceFact], payouts: Table[PayoutFact]
    ) -> None:
        self._columns, self._payouts = columns, payouts
        self._others = sorted(others, key=moment_of)
        self.moments = array("q")
        # A charge's number, or less than 0 for one of the others: -1 the first.
        self._sources = array("i")
        self._merge(len(columns.moments))

    def table(self) -> LazyTable[BalanceFact]:
        """Return the lines, findable by what Stripe's list finds them by."""
        everything = range(len(self.moments))
        table = LazyTable(
            self.moments,
            self._make,
            self._find,
            {
                "type": self._of_type,
                "source": self._of_source,
                "currency": lambda currency: everything if currency == "usd" else (),
                "payout": lambda payout: lines_of(self._payouts.get(payout), table),
            },
        )
        return table

    def _merge(self, count: int) -> None:
        waiting, charged = 0, self._columns.moments
        self._places = array("i", bytes(4 * len(self._others)))
        for number in range(count):
            while waiting < len(self._others):
                if moment_of(self._others[waiting]) >= charged[number]:
                    break
                waiting = self._add_other(waiting)
            if self._columns.settles_at_once(number):
                self.moments.append(charged[number])
                self._sources.append(number)
        while waiting < len(self._others):
            waiting = self._add_other(waiting)
        self._by_id = {line.id: index for index, line in enumerate(self._others)}
        self._by_source: defaultdict[str, list[int]] = defaultdict(list)
        for index, line in enumerate(self._others):
            self._by_source[line.source].append(self._places[index])

    def _add_other(self, index: int) -> int:
        self._places[index] = len(self.moments)
        self.moments.append(moment_of(self._others[index]))
        self._sources.append(-1 - index)
        return index + 1

    def _make(self, position: int) -> BalanceFact:
        source = self._sources[position]
        if source < 0:
            return self._others[-1 - source]
        return lines.charge_line(self._columns.charge(source), "usd", SETTLEMENT_DAYS)

    def _find(self, line_id: str) -> int | None:
        index = self._by_id.get(line_id)
        if index is not None:
            return self._places[index]
        found = self._of_source("ch_" + line_id.removeprefix("txn_ch"))
        return found[0] if found and self._make(found[0]).id == line_id else None

    def _of_source(self, source: str) -> Positions:
        if source in self._by_source:
            return self._by_source[source]
        number = self._columns.number_of(source, "ch_3")
        if not 0 <= number < len(self._columns.moments):
            return ()
        position = bisect_left(self.moments, self._columns.moments[number])
        while position < len(self._sources) and self._sources[position] < number:
            position += 1
        found = position < len(self._sources) and self._sources[position] == number
        return (position,) if found else ()

    def _of_type(self, kind: str) -> Positions:
        wanted = {-1 - i for i, line in enumerate(self._others) if line.type == kind}
        charges = kind == "charge"
        return array(
            "i",
            (p for p, s in enumerate(self._sources) if (s >= 0 and charges) or s in wanted),
        )


def _finder(columns: _Columns, prefix: str, count: int) -> Callable[[str], int | None]:
    def find(object_id: str) -> int | None:
        number = columns.number_of(object_id, prefix)
        return number if 0 <= number < count else None

    return find


def _grouped(column: array[int], number_of: Callable[[str], int]) -> Callable[[str], Positions]:
    """Return a search for the positions at which the column has an id's number."""

    def search(object_id: str) -> Positions:
        number = number_of(object_id)
        return array("i", (p for p, value in enumerate(column) if value == number))

    return search
