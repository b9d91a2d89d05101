"""The tables, one module per aggregate."""

from db.models.approvals import AgentSettings, Approval
from db.models.billing import (
    LedgerInvoice,
    LedgerInvoiceLine,
    LedgerPrice,
    LedgerProduct,
    LedgerSubscription,
    LedgerSubscriptionItem,
)
from db.models.changes import InsightChange
from db.models.conversation import (
    Conversation,
    ConversationSummary,
    Message,
    Run,
    RunEvent,
    ToolCallRecord,
)
from db.models.declarative import Model
from db.models.identity import Business, Membership, User
from db.models.insight import (
    MetricSnapshot,
    ReadinessScore,
    ReadinessScoreDetail,
    Recommendation,
    RecommendationChange,
    SnapshotRevision,
)
from db.models.ledger import (
    LedgerBalanceTransaction,
    LedgerCharge,
    LedgerCustomer,
    LedgerDispute,
    LedgerEarlyFraudWarning,
    LedgerPaymentIntent,
    LedgerPayout,
    LedgerRefund,
    LedgerTombstone,
)
from db.models.rollups import DailyMetrics, LedgerChange, MetricRollup, MonthlyCustomers
from db.models.spending import BusinessSpend, ModelCall, RunCount
from db.models.stripe import IntegrationAccount, OAuthState, StripeEvent, StripeEventFailure
from db.models.sync import SyncRun

__all__ = [
    "AgentSettings",
    "Approval",
    "Business",
    "BusinessSpend",
    "Conversation",
    "ConversationSummary",
    "DailyMetrics",
    "InsightChange",
    "IntegrationAccount",
    "LedgerBalanceTransaction",
    "LedgerChange",
    "LedgerCharge",
    "LedgerCustomer",
    "LedgerDispute",
    "LedgerEarlyFraudWarning",
    "LedgerInvoice",
    "LedgerInvoiceLine",
    "LedgerPaymentIntent",
    "LedgerPayout",
    "LedgerPrice",
    "LedgerProduct",
    "LedgerRefund",
    "LedgerSubscription",
    "LedgerSubscriptionItem",
    "LedgerTombstone",
    "Membership",
    "Message",
    "MetricRollup",
    "MetricSnapshot",
    "Model",
    "ModelCall",
    "MonthlyCustomers",
    "OAuthState",
    "ReadinessScore",
    "ReadinessScoreDetail",
    "Recommendation",
    "RecommendationChange",
    "Run",
    "RunCount",
    "RunEvent",
    "SnapshotRevision",
    "StripeEvent",
    "StripeEventFailure",
    "SyncRun",
    "ToolCallRecord",
    "User",
]
