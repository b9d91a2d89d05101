"""Advice on disputes: fewer of them, fewer by fraud, answered ones, and warnings taken in time."""

from __future__ import annotations

from decimal import Decimal

from domain.advice.signals import DisputeRecord
from domain.advice.terms import Case, Finding, Priority, Silence
from domain.advice.thresholds import any_at_all, at_least, too_high, too_low
from domain.readiness import ComponentKey, ReadinessInputs, with_values
from domain.readiness.inputs import plain
from domain.readiness.wording import percent

ACTIVITY = too_high(
    "dispute_activity_3m",
    "0.005",
    "Half a percent is where the score starts to fall fast, a third of where the networks act",
    "docs.stripe.com/disputes/measuring; Visa VAMP and Mastercard ECM act at 1.5 %",
)
# Here Visa's and Mastercard's programmes begin: what is at stake is taking cards at all.
PROGRAMMES_FROM = Decimal("0.015")
DISPUTES = at_least("disputes_3m", 5, "Fewer disputes are chance, not a pattern")
FRAUD_SHARE = too_high(
    "fraud_share_12m", "0.50", "From half on, fraud is the main cause and 3DS the main remedy"
)
FRAUD_DISPUTES = at_least("disputes_12m", 5, "A share of fewer disputes says nothing")
RESPONSE_RATE = too_low(
    "response_rate_12m", "0.60", "An unanswered dispute is lost, whatever its merits"
)
WIN_RATE = too_low(
    "win_rate_12m", "0.20", "Evidence that wins fewer than one in five does not address the reason"
)
LOST = at_least("lost_12m", 5, "Fewer lost disputes are chance, not a pattern")
WARNINGS = any_at_all(
    "efw_actionable",
    "Each warning may become a dispute, and then counts twice in Visa's programme",
    "docs.stripe.com/disputes/measuring",
)


def disputes_reduce(case: Case) -> Finding | Silence:
    """Disputes are 0.5 % or more of 3 months' payments, and at least 5."""
    activity, quarter = case.value(ComponentKey.DISPUTES), case.complete[-3:]
    if activity is None:
        return Silence.UNKNOWN
    disputes = sum(month.chargeback_count for month in quarter)
    if not (case.crosses(ACTIVITY, activity) and case.crosses(DISPUTES, disputes)):
        return Silence.CLEAR
    payments = sum(month.charge_count for month in quarter)
    clear = ACTIVITY.goal
    reason = _top_reason(case.signals.disputes)
    return Finding(
        title=f"Bring disputes down from {percent(activity, 2)} of payments",
        description=(
            f"{disputes:,} disputes on {payments:,} payments ({case.window(ComponentKey.DISPUTES)})"
            f" are {percent(activity, 2)}. Advice starts at {percent(ACTIVITY.opens_at, 2)}; Visa"
            f" and Mastercard act at 1.50 %.{_most_often(reason)} Make the statement descriptor"
            " recognisable, refund before a complaint becomes a dispute, and tighten Radar rules on"
            f" risky payments. Aim for {percent(clear, 2)}."
        ),
        metrics=("chargeback_count", "chargeback_ratio"),
        values={
            "dispute_activity_3m": plain(activity),
            "disputes_3m": str(disputes),
            **({"top_reason": reason} if reason else {}),
        },
        evidence=case.evidence(ComponentKey.DISPUTES),
        months=3,
        improved=with_values(case.inputs, {ComponentKey.DISPUTES: clear}),
        at_least=Priority.HIGH if activity >= PROGRAMMES_FROM else Priority.LOW,
    )


def _top_reason(record: DisputeRecord | None) -> str | None:
    if record is None or record.count == 0:
        return None
    return min(record.by_reason, key=lambda reason: (-record.by_reason[reason], reason))


def _most_often(reason: str | None) -> str:
    return f" The reason given most often is {reason.replace('_', ' ')}." if reason else ""


def disputes_fraud_3ds(case: Case) -> Finding | Silence:
    """Half or more of 12 months' disputes are for fraud, of at least 5."""
    record = case.signals.disputes
    if record is None:
        return Silence.UNKNOWN
    share = record.fraudulent_share
    if share is None or not case.crosses(FRAUD_SHARE, share):
        return Silence.CLEAR
    if not case.crosses(FRAUD_DISPUTES, record.count):
        return Silence.CLEAR
    fraud = record.by_reason.get("fraudulent", 0)
    clear = FRAUD_SHARE.goal
    warned = case.signals.warnings_actionable
    return Finding(
        title=f"Ask for 3D Secure: {percent(share)} of disputes are for fraud",
        description=(
            f"{fraud:,} of {record.count:,} disputes of the last 12 months were for fraud,"
            f" {percent(share)}. Request 3D Secure on risky payments in Radar, which moves the"
            " liability to the issuer, and block payments whose CVC or postal code does not match."
            f" The advice ends at {percent(clear)}."
        ),
        metrics=("chargeback_count",),
        values={
            "fraud_share_12m": plain(share),
            "disputes_12m": str(record.count),
            **({} if warned is None else {"efw_actionable": str(warned)}),
        },
        evidence=record.count / (record.count + int(FRAUD_DISPUTES.opens_at)),
        months=12,
        improved=_with_less_fraud(case, share, clear),
    )


def _with_less_fraud(case: Case, share: Decimal, clear: Decimal) -> ReadinessInputs | None:
    """Return the inputs if only disputes for fraud fell until they are the given share."""
    activity = case.value(ComponentKey.DISPUTES)
    if activity is None:
        return None
    left = min((1 - share) / (1 - clear), Decimal(1))
    return with_values(case.inputs, {ComponentKey.DISPUTES: activity * left})


def disputes_evidence(case: Case) -> Finding | Silence:
    """Under 60 % of settled disputes were answered or under 20 % won, with at least 5 lost."""
    record = case.signals.disputes
    if record is None:
        return Silence.UNKNOWN
    answered, won = record.response_rate, record.win_rate
    if answered is None or won is None:
        return Silence.UNKNOWN if record.settled else Silence.CLEAR
    poor = case.crosses(RESPONSE_RATE, answered) or case.crosses(WIN_RATE, won)
    if not (poor and case.crosses(LOST, record.lost)):
        return Silence.CLEAR
    settled = record.settled
    return Finding(
        title="Answer disputes with evidence before they are due",
        description=(
            f"{record.answered:,} of {settled:,} settled disputes of the last 12 months were"
            f" answered ({percent(answered)}), and {record.won:,} of {record.won + record.lost:,}"
            f" decided ones won ({percent(won)}). Submit proof of delivery, of use or of the"
            f" customer's consent, whatever fits the reason.{_waiting(record)} The advice ends when"
            f" {percent(RESPONSE_RATE.goal)} are answered and"
            f" {percent(WIN_RATE.goal)} won."
        ),
        metrics=("chargeback_count", "chargeback_amount"),
        values={
            "response_rate_12m": plain(answered),
            "win_rate_12m": plain(won),
            "lost_12m": str(record.lost),
            "open_disputes": str(record.waiting),
            **({"evidence_due": record.due_on.isoformat()} if record.due_on else {}),
        },
        evidence=settled / (settled + int(LOST.opens_at)),
        months=12,
        # A deadline that passes cannot be made good.
        at_least=Priority.MEDIUM if record.waiting else Priority.LOW,
    )


def _waiting(record: DisputeRecord) -> str:
    if not record.waiting:
        return ""
    due = f", the first by {record.due_on}" if record.due_on else ""
    verb = "dispute waits" if record.waiting == 1 else "disputes wait"
    return f" {record.waiting:,} {verb} for a response{due}."


def efw_refund(case: Case) -> Finding | Silence:
    """There are early fraud warnings on charges neither refunded nor disputed."""
    warned = case.signals.warnings_actionable
    if warned is None:
        return Silence.UNKNOWN
    if not case.crosses(WARNINGS, warned):
        return Silence.CLEAR
    several = "" if warned == 1 else "s"
    return Finding(
        title=f"Refund {warned:,} payment{several} that the issuer warns about",
        description=(
            f"Issuers sent {warned:,} early fraud warning{several} of the last 120 days on payments"
            " that were neither refunded nor disputed. Refund what was fraud now, in the Stripe"
            " Dashboard under payments: each may become a dispute, and Visa counts both."
        ),
        metrics=("chargeback_count", "chargeback_ratio"),
        values={"efw_actionable": str(warned)},
        evidence=1.0,
        months=3,
        worsened=_if_disputed(case, warned),
    )


def _if_disputed(case: Case, warned: int) -> ReadinessInputs | None:
    """Return the inputs if every warning became a dispute."""
    known = case.inputs.measurement(ComponentKey.DISPUTES)
    if known is None or known.n == 0:
        return None
    more = known.value + Decimal(warned) / known.n
    return with_values(case.inputs, {ComponentKey.DISPUTES: more})
