"""The data model as it was specified, written down a second time by hand for the tests."""

from __future__ import annotations

Column = tuple[str, bool, str | None]

UUID: Column = ("uuid", True, None)
ID: Column = ("uuid", True, "gen_random_uuid()")
NOW: Column = ("timestamp with time zone", True, "now()")
TIME: Column = ("timestamp with time zone", False, None)
JSON: Column = ("jsonb", False, None)


def varchar(length: int, *, required: bool = False, default: str | None = None) -> Column:
    """Return a character column."""
    literal = f"'{default}'::character varying" if default else None
    return (f"character varying({length})", required, literal)


def decimal(precision: int, scale: int) -> Column:
    """Return a numeric column."""
    return (f"numeric({precision},{scale})", False, None)


TABLES: dict[str, dict[str, Column]] = {
    "users": {
        "id": ID,
        "email": varchar(255, required=True),
        "hashed_password": varchar(255),
        "name": varchar(255),
        "avatar_url": varchar(512),
        "created_at": NOW,
        "updated_at": NOW,
    },
    "businesses": {
        "id": ID,
        "name": varchar(255, required=True),
        "legal_entity": varchar(255),
        "industry": varchar(100),
        "revenue_estimate": decimal(15, 2),
        "founded_at": ("date", False, None),
        "created_at": NOW,
        "updated_at": NOW,
    },
    "user_business_memberships": {
        "user_id": UUID,
        "business_id": UUID,
        "role": varchar(20, required=True, default="owner"),
        "created_at": NOW,
    },
    "integration_accounts": {
        "id": ID,
        "business_id": UUID,
        "provider": varchar(50, required=True),
        "external_id": varchar(255, required=True),
        "access_token_encrypted": ("text", False, None),
        "metadata": JSON,
        "status": varchar(20, default="active"),
        "last_synced_at": TIME,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "stripe_events": {
        "id": ID,
        "integration_id": ("uuid", False, None),
        "stripe_event_id": varchar(255, required=True),
        "event_type": varchar(100, required=True),
        "payload": JSON,
        "processed_at": TIME,
        "created_at": NOW,
    },
    "financial_metric_snapshots": {
        "id": ID,
        "business_id": UUID,
        "period_start": ("date", True, None),
        "period_end": ("date", True, None),
        "revenue_total": decimal(15, 2),
        "revenue_volatility": decimal(10, 4),
        "chargeback_count": ("integer", False, "0"),
        "chargeback_ratio": decimal(5, 4),
        "refund_count": ("integer", False, "0"),
        "refund_ratio": decimal(5, 4),
        "mrr": decimal(15, 2),
        "metrics_json": JSON,
        "created_at": NOW,
    },
    "readiness_scores": {
        "id": ID,
        "business_id": UUID,
        "score": ("integer", True, None),
        "tier": varchar(30, required=True),
        "components": JSON,
        "created_at": NOW,
    },
    "recommendations": {
        "id": ID,
        "business_id": UUID,
        "title": varchar(255, required=True),
        "description": ("text", False, None),
        "priority": varchar(20, default="medium"),
        "category": varchar(50),
        "status": varchar(20, default="pending"),
        "metric_refs": JSON,
        "estimated_impact": varchar(100),
        "created_at": NOW,
        "updated_at": NOW,
    },
    "agent_conversations": {
        "id": ID,
        "business_id": UUID,
        "user_id": UUID,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "agent_messages": {
        "id": ID,
        "conversation_id": UUID,
        "role": varchar(20, required=True),
        "content": ("text", True, None),
        "created_at": NOW,
    },
}

_BUSINESS = "FOREIGN KEY (business_id) REFERENCES businesses(id)"
_USER = "FOREIGN KEY (user_id) REFERENCES users(id)"
_ID = "UNIQUE (id)"
INDEXES: dict[str, set[str]] = {
    "users": {_ID, "UNIQUE (email)"},
    "businesses": {_ID},
    "user_business_memberships": {
        "UNIQUE (user_id, business_id)",
        "(business_id)",
        _BUSINESS,
        _USER,
    },
    "integration_accounts": {
        _ID,
        "UNIQUE (business_id, provider)",
        "(provider, external_id)",
        _BUSINESS,
    },
    "stripe_events": {
        _ID,
        "UNIQUE (stripe_event_id)",
        "(integration_id, created_at)",
        "(processed_at) WHERE (processed_at IS NULL)",
        "FOREIGN KEY (integration_id) REFERENCES integration_accounts(id)",
    },
    "financial_metric_snapshots": {
        _ID,
        "UNIQUE (business_id, period_start, period_end)",
        "(business_id, period_end DESC)",
        _BUSINESS,
    },
    "readiness_scores": {
        _ID,
        "(business_id, created_at DESC)",
        "CHECK (((score >= 0) AND (score <= 100)))",
        _BUSINESS,
    },
    "recommendations": {
        _ID,
        "(business_id, status)",
        "(business_id, created_at DESC)",
        _BUSINESS,
    },
    "agent_conversations": {_ID, "(business_id, updated_at DESC)", "(user_id)", _BUSINESS, _USER},
    "agent_messages": {
        _ID,
        "(conversation_id, created_at)",
        "FOREIGN KEY (conversation_id) REFERENCES agent_conversations(id)",
    },
}
