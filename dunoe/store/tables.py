"""The tables. `migrations/` brings a database to exactly this shape."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    Named,
    String,
    Table,
    TypedColumns,
    TypeDecorator,
)


class UtcTime(TypeDecorator[datetime]):
    """A moment: aware on our side, UTC in the database (SQLite keeps no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; a naive datetime is a bug of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From UTC, whatever zone the database session speaks."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class KeyColumns(TypedColumns):
    """One API key. `digest` is the SHA-256 of its secret; `revoked_at` is final, and frees the name."""

    id = Column(String(8), primary_key=True)
    name: Named[str]
    digest: Named[bytes] = Column(LargeBinary)
    scopes: Named[Any] = Column(JSON, nullable=False)  # Any: JSON, a list of strings
    models: Named[Any] = Column(JSON, nullable=False)  # Any: JSON, a list of strings
    requests_per_minute: Named[int | None] = Column(BigInteger)
    tokens_per_day: Named[int | None] = Column(BigInteger)
    expires_at: Named[datetime | None] = Column(UtcTime)
    allow: Named[Any] = Column(JSON, nullable=False)  # Any: JSON, a list of networks
    created_at: Named[datetime] = Column(UtcTime)
    revoked_at: Named[datetime | None] = Column(UtcTime)


class UsageColumns(TypedColumns):
    """What one key used of one model on one UTC day; key `''` is nobody's."""

    day = Column(Date, primary_key=True)
    key_id = Column(String(8), primary_key=True)
    model = Column(String, primary_key=True)
    requests: Named[int] = Column(BigInteger)
    prompt_tokens: Named[int] = Column(BigInteger)
    completion_tokens: Named[int] = Column(BigInteger)


class HeartbeatColumns(TypedColumns):
    """One row, written to see that the database takes writes."""

    id = Column(Integer, primary_key=True, autoincrement=False)
    at: Named[datetime] = Column(UtcTime)


metadata = MetaData()
keys = Table("dunoe_keys", metadata, KeyColumns)
usage = Table("dunoe_usage", metadata, UsageColumns)
heartbeat = Table("dunoe_heartbeat", metadata, HeartbeatColumns)
