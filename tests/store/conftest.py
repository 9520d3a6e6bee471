"""Every test of this room runs on SQLite, and on PostgreSQL too where DATABASE_URL names one."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from dunoe.store.store import Store, open_store

POSTGRESQL = os.environ.get("DATABASE_URL", "")


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRESQL else ["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of its own: a file, or a schema on the server."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'dunoe.db'}"
        return
    schema = f"test_{uuid4().hex}"
    whole = make_url(POSTGRESQL).set(drivername="postgresql+psycopg")
    engine = create_engine(whole)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    ours = whole.set(drivername="postgresql").update_query_dict(
        {"options": f"-csearch_path={schema}"}
    )
    yield ours.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A store just opened."""
    with open_store(url) as opened:
        yield opened
