"""The catalogue of documents, and conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """From keys and usage alone."""
    _documents()
    _what_is_known_of_them()
    op.create_table(
        "dunoe_conversations",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("owner", sa.String(8), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("citations", sa.JSON(), nullable=False),
        sa.Column("model_used", sa.String()),
        sa.Column("verdict", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("dunoe_turns_of_a_session", "dunoe_conversations", ["owner", "session_id"])


def _documents() -> None:
    op.create_table(
        "dunoe_documents",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("path", sa.Text(), nullable=False, unique=True),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("parser", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("date", sa.String(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "dunoe_passages",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("document", sa.String(36), _document(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("section", sa.Integer(), nullable=False),
        sa.Column("headings", sa.JSON(), nullable=False),
        sa.Column("place", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_index("dunoe_passages_of_a_document", "dunoe_passages", ["document", "position"])
    op.create_table(
        "dunoe_labels",
        sa.Column("document", sa.String(36), _document(), primary_key=True),
        sa.Column("label", sa.String(), primary_key=True),
    )


def _what_is_known_of_them() -> None:
    op.create_table(
        "dunoe_failures",
        sa.Column("path", sa.Text(), primary_key=True),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("parser", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message_ko", sa.Text(), nullable=False),
        sa.Column("message_en", sa.Text(), nullable=False),
        sa.Column("hint_ko", sa.Text(), nullable=False),
        sa.Column("hint_en", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "dunoe_leftovers",
        sa.Column("collection", sa.String(), primary_key=True),
        sa.Column("passage", sa.String(36), primary_key=True),
    )
    op.create_table(
        "dunoe_owed",
        sa.Column(
            "passage",
            sa.String(36),
            sa.ForeignKey("dunoe_passages.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("collection", sa.String(), primary_key=True),
    )
    op.create_table(
        "dunoe_collections",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "dunoe_folders",
        sa.Column("path", sa.Text(), primary_key=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
    )


def _document() -> sa.ForeignKey:
    return sa.ForeignKey("dunoe_documents.id", ondelete="CASCADE")
