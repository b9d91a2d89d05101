"""Advice: what the numbers call for, each with its predicted effect on the score."""

from domain.advice.catalogue import RULES, advise
from domain.advice.terms import Advice, Category, Priority

__all__ = ["RULES", "Advice", "Category", "Priority", "advise"]
