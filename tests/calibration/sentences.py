"""What a lender would say of a score: a sentence for what binds it, and its best and worst part."""

from __future__ import annotations

from domain.readiness import Assessment, Cap, CapKind, ComponentKey, DropKind, summary
from tests.calibration.businesses import Business

BINDING = {
    ComponentKey.HISTORY: "Too young: payments go back {display}, and funders open at 3, 6 and 12.",
    ComponentKey.SCALE: "Too small: {display} a month, and published floors are at 1,000 and"
    " 10,000 USD.",
    ComponentKey.GROWTH: "Shrinking: net revenue changed by {display}, and an advance would"
    " outlive what repays it.",
    ComponentKey.STABILITY: "Erratic: months vary by {display} around their trend, and in the empty"
    " ones nothing repays.",
    ComponentKey.DISPUTES: "Disputed: {display} of {n} payments, which prove {acts_on} at least;"
    " networks act at 1.5 %.",
    ComponentKey.CONCENTRATION: "Dependent: one customer brings {display}, and the repayment would"
    " leave with it.",
    ComponentKey.PAYMENTS: "Unpaid: {display} of {n} payments fail for good.",
    ComponentKey.REFUNDS: "Returned: {display} of revenue goes back to the customers.",
    ComponentKey.RETENTION: "Leaking: {display} of a year ago's recurring revenue is left, so the"
    " book does not last as long as the advance.",
}


def sentences(business: Business) -> str:
    """Return what binds the score, or that nothing does, and what carries and what costs most."""
    found = business.assessment
    parts = [_verdict(found)]
    told = summary(found)
    binding = found.binding
    best = [f"{part['label'].lower()} ({part['display']})" for part in told["strongest"][:2]]
    worst = [
        f"{part['label'].lower()} ({part['display']})"
        for part in told["weakest"]
        if binding is None or part["component"] != binding.key.value
    ]
    if best:
        parts.append(f"Carried by {' and '.join(best)}.")
    if worst:
        parts.append(f"Costs most: {worst[0]}.")
    return " ".join(parts)


def _verdict(found: Assessment) -> str:
    binding = found.binding
    if not found.components:
        return "Nothing to judge."
    if binding is None:
        return "Nothing limits it."
    return f"{_binding(found, binding)} Without limits it would score {found.uncapped:.0f}."


def _binding(found: Assessment, binding: Cap) -> str:
    if binding.kind is CapKind.HARD_STOP:
        return "Stopped: the account cannot be paid out."
    if any(part.kind is DropKind.NO_EXCHANGE_RATE for part in found.dropped):
        return "Of unknown size: no exchange rate is stated for its currency."
    part = found.component(binding.key)
    assert part is not None
    return BINDING[binding.key].format(
        display=part.display, n=f"{part.n:,}", acts_on=binding.acts_on
    )
