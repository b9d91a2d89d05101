"""The tables, one module per aggregate."""

from db.models.conversation import Conversation, Message, Run, RunEvent, ToolCallRecord
from db.models.declarative import Model
from db.models.identity import Business, Membership, User
from db.models.insight import MetricSnapshot, ReadinessScore, ReadinessScoreDetail, Recommendation
from db.models.ledger import (
    LedgerBalanceTransaction,
    LedgerCharge,
    LedgerCustomer,
    LedgerDispute,
    LedgerRefund,
    SyncRun,
)
from db.models.stripe import IntegrationAccount, StripeEvent

__all__ = [
    "Business",
    "Conversation",
    "IntegrationAccount",
    "LedgerBalanceTransaction",
    "LedgerCharge",
    "LedgerCustomer",
    "LedgerDispute",
    "LedgerRefund",
    "Membership",
    "Message",
    "MetricSnapshot",
    "Model",
    "ReadinessScore",
    "ReadinessScoreDetail",
    "Recommendation",
    "Run",
    "RunEvent",
    "StripeEvent",
    "SyncRun",
    "ToolCallRecord",
    "User",
]
