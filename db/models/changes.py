"""What each refresh of the derived data changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.models.declarative import Model, Str20


class InsightChange(Model):
    """What one refresh changed about a business; ids are in the order of time."""

    __tablename__ = "insight_changes"
    __table_args__ = (Index(None, "business_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    business_id: Mapped[UUID] = mapped_column(ForeignKey("businesses.id"))
    changed_at: Mapped[datetime]
    cause: Mapped[Str20]
    content: Mapped[dict[str, Any]]
