"""What jobs need of their process, put together once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agent.model import build_model
from agent.runtime import AgentRuntime
from config.settings import Settings, StripeSettings
from db.notifications import Notifications
from db.session import Database
from integrations.stripe.limits import RateLimits


@dataclass(frozen=True)
class Wiring:
    """The process's database, agent, key ring and way to Stripe, which all jobs ask at one pace.

    Event logs are deleted so long (`events_kept`) after their run has ended.
    """

    database: Database
    agent: AgentRuntime
    stripe: StripeSettings
    key_ring: tuple[str, ...]
    limits: RateLimits = field(default_factory=RateLimits)
    events_kept: timedelta = timedelta(days=30)


def utc_now() -> datetime:
    """Return the present."""
    return datetime.now(UTC)


def wire(settings: Settings, database: Database, notifications: Notifications) -> Wiring:
    """Put together what the settings ask for; raises ConfigurationError."""
    return Wiring(
        database=database,
        agent=AgentRuntime(
            database,
            notifications,
            build_model(settings.asked_model()),
            utc_now,
            settings.metrics.rates(),
            spending=settings.spending(utc_now().date()),
            run_limits=settings.limits.runs(),
            tool_seconds=settings.agent.tool_seconds,
        ),
        stripe=settings.stripe,
        key_ring=settings.security.key_ring(),
        limits=RateLimits(settings.stripe.requests_per_second),
        events_kept=timedelta(days=settings.database.events_kept_days),
    )
