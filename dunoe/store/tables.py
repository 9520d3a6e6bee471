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
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Named,
    String,
    Table,
    Text,
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


_UUID = String(36)


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


class DocumentColumns(TypedColumns):
    """One file. `gone_at`: it is not there any more; the row waits a while with id and labels, without passages."""

    id = Column(_UUID, primary_key=True)
    path: Named[str] = Column(Text, unique=True)
    folder: Named[str] = Column(Text)
    name: Named[str] = Column(Text)
    kind: Named[str] = Column(String)
    size: Named[int] = Column(BigInteger)
    mtime_ns: Named[int] = Column(BigInteger)
    digest: Named[str] = Column(String)
    parser: Named[str] = Column(String)
    title: Named[str] = Column(Text)
    tags: Named[Any] = Column(JSON, nullable=False)  # Any: JSON, a list of strings
    project: Named[str] = Column(String)
    type: Named[str] = Column(String)
    status: Named[str] = Column(String)
    date: Named[str] = Column(String)
    warnings: Named[Any] = Column(JSON, nullable=False)  # Any: JSON, a list of strings
    taken_at: Named[datetime] = Column(UtcTime)
    gone_at: Named[datetime | None] = Column(UtcTime)


class PassageColumns(TypedColumns):
    """A piece of a document's text; all of them, by position, are the text."""

    id = Column(_UUID, primary_key=True)
    document: Named[str] = Column(_UUID, ForeignKey("dunoe_documents.id", ondelete="CASCADE"))
    position: Named[int] = Column(Integer)
    start: Named[int] = Column(Integer)
    end: Named[int] = Column(Integer)
    section: Named[int] = Column(Integer)
    headings: Named[Any] = Column(JSON, nullable=False)  # Any: JSON, a list of strings
    place: Named[Any] = Column(JSON, nullable=False)  # Any: JSON, the set fields of a Place
    text: Named[str] = Column(Text)


class LabelColumns(TypedColumns):
    """A label that a person gave to a document. They survive edits and renames, as the document's id does."""

    document = Column(_UUID, ForeignKey("dunoe_documents.id", ondelete="CASCADE"), primary_key=True)
    label = Column(String, primary_key=True)


class FailureColumns(TypedColumns):
    """A file that could not be taken in, and why."""

    path = Column(Text, primary_key=True)
    folder: Named[str] = Column(Text)
    size: Named[int] = Column(BigInteger)
    mtime_ns: Named[int] = Column(BigInteger)
    parser: Named[str] = Column(String)
    code: Named[str] = Column(String)
    message_ko: Named[str] = Column(Text)
    message_en: Named[str] = Column(Text)
    hint_ko: Named[str] = Column(Text)
    hint_en: Named[str] = Column(Text)
    at: Named[datetime] = Column(UtcTime)


class LeftoverColumns(TypedColumns):
    """A point that is still in an index though its passage is gone."""

    collection = Column(String, primary_key=True)
    passage = Column(_UUID, primary_key=True)


class OwedColumns(TypedColumns):
    """A passage that an index does not hold yet as it should: it, or its vector, is still to be put there."""

    passage = Column(_UUID, ForeignKey("dunoe_passages.id", ondelete="CASCADE"), primary_key=True)
    collection = Column(String, primary_key=True)


class CollectionColumns(TypedColumns):
    """An index that was made of the passages. state: building, active or retired; one is active at most."""

    name = Column(String, primary_key=True)
    model: Named[str] = Column(String)
    dimensions: Named[int] = Column(Integer)
    state: Named[str] = Column(String)
    made_at: Named[datetime] = Column(UtcTime)


class FolderColumns(TypedColumns):
    """A folder that was added by hand, beside those of the settings."""

    path = Column(Text, primary_key=True)
    added_at: Named[datetime] = Column(UtcTime)


class ConversationColumns(TypedColumns):
    """One question and its answer. All turns of a session have its title. `owner`: a key's id, `''` is nobody's."""

    id = Column(Integer, primary_key=True)
    owner: Named[str] = Column(String(8))
    session_id: Named[str] = Column(String)
    title: Named[str] = Column(Text)
    question: Named[str] = Column(Text)
    answer: Named[str] = Column(Text)
    sources: Named[Any] = Column(JSON, nullable=False)  # Any: JSON, as the caller sent them
    citations: Named[Any] = Column(JSON, nullable=False)  # Any: JSON, likewise
    model_used: Named[str | None] = Column(String)
    verdict: Named[int] = Column(Integer)
    created_at: Named[datetime] = Column(UtcTime)


metadata = MetaData()
keys = Table("dunoe_keys", metadata, KeyColumns)
usage = Table("dunoe_usage", metadata, UsageColumns)
heartbeat = Table("dunoe_heartbeat", metadata, HeartbeatColumns)
documents = Table("dunoe_documents", metadata, DocumentColumns)
passages = Table("dunoe_passages", metadata, PassageColumns)
labels = Table("dunoe_labels", metadata, LabelColumns)
failures = Table("dunoe_failures", metadata, FailureColumns)
leftovers = Table("dunoe_leftovers", metadata, LeftoverColumns)
owed = Table("dunoe_owed", metadata, OwedColumns)
collections = Table("dunoe_collections", metadata, CollectionColumns)
folders = Table("dunoe_folders", metadata, FolderColumns)
conversations = Table("dunoe_conversations", metadata, ConversationColumns)
Index("dunoe_passages_of_a_document", passages.c.document, passages.c.position)
Index("dunoe_turns_of_a_session", conversations.c.owner, conversations.c.session_id)
