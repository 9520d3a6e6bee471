"""The database: a SQLite file or a PostgreSQL server, and their errors in our words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from dunoe.errors import Misconfigured, Text, Unavailable
from dunoe.foreign import reason

BUSY_S = 5  # a SQLite writer waits this long for another one
_LOCK = 0x64756E6F65  # "dunoe": our advisory lock in PostgreSQL
UNUSABLE = "database_unusable"  # only a person can help
UNREADY = "database_unavailable"  # time may help


class Database:
    """Short transactions on one database; every error of its driver leaves as `Unavailable`."""

    def __init__(self, url: str) -> None:
        """Nothing is opened yet. Raises `Misconfigured` when the URL is not one of ours."""
        self._url = _ours(url)
        self.is_postgresql = self._url.get_backend_name() == "postgresql"
        self.place = self._url.render_as_string() if self.is_postgresql else str(self._url.database)
        self._engine = _postgresql(self._url) if self.is_postgresql else _sqlite(self._url)
        self._writer = self._engine.execution_options(is_writing=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent look; nothing is kept."""
        with self._in_our_words(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Connection]:
        """One transaction: all of it, or nothing when the body raises.

        alone: no other process may be inside such a transaction. On SQLite every writer is alone.
        """
        with self._in_our_words(), self._writer.begin() as connection:
            if alone and self.is_postgresql:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection

    def make_folder(self) -> None:
        """The folder of a SQLite file, and the file; nobody else may read what we are the ones to make."""
        if self.is_postgresql:
            return
        try:
            Path(self.place).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            Path(self.place).touch(mode=0o600)  # SQLite's own files beside it get the same mode
        except OSError as exc:
            raise Misconfigured(
                Text(
                    f"데이터베이스 폴더를 만들 수 없습니다: {exc.filename} ({reason(exc).ko})",
                    f"cannot make the database's folder: {exc.filename} ({reason(exc).en})",
                ),
                _FOLDER,
            ) from exc

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as exc:
            raise _translated(exc, self.place) from exc


def _ours(url: str) -> URL:
    """The URL with our driver: psycopg for every spelling of PostgreSQL, the standard library's for SQLite."""
    hint = Text(
        "sqlite:////절대/경로/dunoe.db 또는 postgresql://사용자:암호@호스트:5432/이름 꼴로 쓰세요.",
        "write sqlite:////absolute/path/dunoe.db or postgresql://user:password@host:5432/name.",
    )
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as exc:  # without the text: it may hold a password
        raise Misconfigured(
            Text(
                "데이터베이스 URL을 이해할 수 없습니다 ([store] url, DATABASE_URL)",
                "cannot read the database URL ([store] url, DATABASE_URL)",
            ),
            hint,
        ) from exc
    kind = parsed.drivername.partition("+")[0]
    if kind in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite")
    raise Misconfigured(
        Text(
            f"SQLite 파일이나 PostgreSQL만 쓸 수 있습니다: {parsed.drivername}",
            f"only a SQLite file or PostgreSQL will do: {parsed.drivername}",
        ),
        hint,
    )


def _postgresql(url: URL) -> Engine:
    """The limits end every wait for a network that went away."""
    limits = {"connect_timeout": 5, "tcp_user_timeout": 5000, "keepalives_idle": 10}
    return create_engine(url, pool_pre_ping=True, connect_args=limits)


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get("is_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


_FOLDER = Text(
    "DUNOE_HOME이나 [store] url로 쓸 수 있는 폴더를 지정하세요.",
    "name a folder you may write to with DUNOE_HOME or [store] url.",
)
_DAMAGED = Text(
    "파일을 다른 곳으로 옮기면 dunoe가 새로 만듭니다. 백업이 있으면 되돌려 놓으세요.",
    "move the file away and dunoe makes a new one, or put a backup in its place.",
)
_ROOM = Text("디스크에 자리를 만들고 다시 시도하세요.", "make room on the disk and try again.")
_WAIT = Text("잠시 뒤 다시 시도하세요.", "try again in a moment.")
_UP = Text(
    "데이터베이스가 켜져 있는지, [store] url(DATABASE_URL)이 맞는지 확인하세요.",
    "see that the database is up and that [store] url (DATABASE_URL) is right.",
)
_RIGHTS = Text(
    "이 사용자에게 CREATE 권한을 주거나 DATABASE_URL을 고치세요.",
    "grant this user CREATE, or correct DATABASE_URL.",
)


class _Trouble(NamedTuple):
    code: str
    message: Text
    hint: Text


# By how SQLite's error names and PostgreSQL's SQLSTATEs begin.
_TROUBLES = {
    "SQLITE_NOTADB": _Trouble(
        UNUSABLE, Text("SQLite 파일이 아닙니다", "not a SQLite file"), _DAMAGED
    ),
    "SQLITE_CORRUPT": _Trouble(
        UNUSABLE, Text("손상된 파일입니다", "the file is damaged"), _DAMAGED
    ),
    "SQLITE_READONLY": _Trouble(UNUSABLE, Text("읽기 전용입니다", "it is read-only"), _FOLDER),
    "SQLITE_CANTOPEN": _Trouble(UNUSABLE, Text("열 수 없습니다", "it cannot be opened"), _FOLDER),
    "SQLITE_FULL": _Trouble(UNREADY, Text("디스크가 가득 찼습니다", "the disk is full"), _ROOM),
    "SQLITE_IOERR": _Trouble(
        UNREADY, Text("디스크 오류입니다", "the disk reports an error"), _ROOM
    ),
    "SQLITE_BUSY": _Trouble(
        UNREADY,
        Text(f"다른 프로그램이 {BUSY_S}초 넘게 잠갔습니다", f"locked for more than {BUSY_S} s"),
        _WAIT,
    ),
    "42501": _Trouble(UNUSABLE, Text("권한이 없습니다", "no permission"), _RIGHTS),
    "53100": _Trouble(UNREADY, Text("디스크가 가득 찼습니다", "the disk is full"), _ROOM),
}


def _translated(exc: SQLAlchemyError, place: str) -> Unavailable:
    cause = exc.orig if isinstance(exc, DBAPIError) and exc.orig is not None else exc
    name = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or ""
    said = (str(cause).strip() or type(cause).__name__).split("\n")[0]
    known = (trouble for beginning, trouble in _TROUBLES.items() if name.startswith(beginning))
    code, message, hint = next(known, _Trouble(UNREADY, Text(said, said), _UP))
    return Unavailable(
        Text(f"데이터베이스 {place}: {message.ko}", f"database {place}: {message.en}"),
        hint,
        code=code,
    )
