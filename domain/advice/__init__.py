"""Advice: what the numbers call for, each with its predicted effect on the score."""

from domain.advice.advising import advise
from domain.advice.catalogue import RULES, Rule
from domain.advice.signals import (
    NO_SIGNALS,
    DisputeRecord,
    Signals,
    SubscriptionPayments,
)
from domain.advice.terms import Actor, Advice, Advised, Category, Effort, Priority

__all__ = [
    "NO_SIGNALS",
    "RULES",
    "Actor",
    "Advice",
    "Advised",
    "Category",
    "DisputeRecord",
    "Effort",
    "Priority",
    "Rule",
    "Signals",
    "SubscriptionPayments",
    "advise",
]
