"""Opening a store: from nothing, again, together, and where it cannot be."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from dunoe.errors import Misconfigured, Problem, Unavailable
from dunoe.store import database as database_module
from dunoe.store.database import Database
from dunoe.store.keys import Keys
from dunoe.store.schema import HEAD, MIGRATIONS, REVISION_TABLE
from dunoe.store.store import Store, open_store
from dunoe.store.tables import metadata


def two_lines(problem: Problem) -> bool:
    """Both languages say what is wrong and what to do, a line each."""
    return (
        all(said and "\n" not in said for said in (*problem.message, *problem.hint))
        and problem.message.ko != problem.message.en
    )


def test_head_is_the_head_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrations_end_in_exactly_the_tables_of_the_code(store: Store) -> None:
    with store.database.reading() as connection:
        options = {"version_table": REVISION_TABLE, "compare_type": True}
        found = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(found, metadata) == []


def test_a_second_start_does_not_import_alembic(url: str) -> None:
    open_store(url).close()
    script = (
        "import sys; from dunoe.store.store import open_store; open_store(sys.argv[1]).close();"
        "print([m for m in ('alembic', 'sqlalchemy.orm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script, url], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_store_on_sqlite_does_not_import_postgresql(tmp_path: Path) -> None:
    script = (
        "import sys; from dunoe.store.store import open_store; open_store(sys.argv[1]).close();"
        "print([m for m in sys.modules if 'postgresql' in m or 'psycopg' in m])"
    )
    url = f"sqlite:///{tmp_path / 'dunoe.db'}"
    open_store(url).close()
    done = subprocess.run([sys.executable, "-c", script, url], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_second_start_does_not_wait_for_who_is_writing(url: str) -> None:
    with open_store(url) as store, store.database.writing(alone=True):
        open_store(url).close()


def test_processes_that_start_at_once_do_not_break_one_another(url: str) -> None:
    script = (
        "import sys, alembic.command; from dunoe.store.store import open_store\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "with open_store(sys.argv[1]) as store: store.keys.add(sys.argv[2], ['infer'])"
    )
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", script, url, f"key {n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    for start in starts:
        assert start.stdout is not None
        assert start.stdout.readline() == "ready\n"
    for start in starts:
        assert start.stdin is not None
        start.stdin.write("\n")
        start.stdin.flush()
    assert [start.communicate()[1] for start in starts] == [""] * 4
    with open_store(url) as store:
        assert sorted(key.name for key in store.keys.list()) == [f"key {n}" for n in range(4)]


def test_a_migration_that_fails_leaves_nothing_behind(url: str) -> None:
    # The last table of the migration is there already, and is not ours.
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE dunoe_heartbeat (other INTEGER)"))
    with pytest.raises(Unavailable, match="dunoe_heartbeat"):
        open_store(url)
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == ["dunoe_heartbeat"]
    database.close()


def test_a_database_of_the_first_dunoe_keeps_its_keys(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "0001")
    key, secret = Keys(database).add("laptop", ["infer"])
    database.close()
    with open_store(url) as store:
        assert store.keys.authenticate(secret) == key
        assert store.documents.browse() == []


def test_other_programs_tables_stay_as_they_are(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('theirs')"))
    open_store(url).close()
    open_store(url).close()
    with database.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == (
            "theirs"
        )
    database.close()


def test_a_database_of_a_newer_dunoe_is_left_alone(url: str) -> None:
    with open_store(url) as store, store.database.writing() as connection:
        connection.execute(text(f"UPDATE {REVISION_TABLE} SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match=f"newer dunoe .*9999, ours is {HEAD}") as refused:
        open_store(url)
    assert two_lines(refused.value)


def test_what_was_kept_is_there_after_a_restart(url: str) -> None:
    with open_store(url) as store:
        key, secret = store.keys.add("laptop", ["infer"])
    with open_store(url) as store:
        assert store.keys.authenticate(secret) == key


def test_sqlite_writes_ahead_and_checks_references(tmp_path: Path) -> None:
    with (
        open_store(f"sqlite:///{tmp_path / 'dunoe.db'}") as store,
        store.database.reading() as connection,
    ):
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    assert values == ["wal", 1, 5000]


def test_the_folder_is_made_for_us_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "home"
    open_store(f"sqlite:///{folder / 'dunoe.db'}").close()
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", [b"this is a letter, not a database. " * 99, b"SQLite format"])
def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "dunoe.db"
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match="not a SQLite file") as refused:
        open_store(f"sqlite:///{path}")
    assert two_lines(refused.value)
    assert path.read_bytes() == content


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dunoe.db"
    open_store(f"sqlite:///{path}").close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(Misconfigured, match="damaged") as refused:
        open_store(f"sqlite:///{path}")
    assert two_lines(refused.value)


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """A folder that we may read and not write, whoever runs the tests."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        open_store(f"sqlite:///{folder / 'here.db'}").close()
        folder.chmod(0o555)
        (folder / "here.db").chmod(0o444)
        if os.geteuid() == 0:  # root may write anywhere
            os.seteuid(65534)
            yield folder
            os.seteuid(0)
        else:
            yield folder
        folder.chmod(0o700)


@pytest.mark.parametrize("name", ["new.db", "deeper/new.db", "here.db"])
def test_a_folder_that_is_read_only_is_refused(locked_folder: Path, name: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        open_store(f"sqlite:///{locked_folder / name}")
    assert two_lines(refused.value)
    assert "DUNOE_HOME" in refused.value.hint.en


def test_a_server_that_is_not_there_is_said_without_its_password() -> None:
    with pytest.raises(Unavailable) as refused:
        open_store("postgresql://dunoe:geheim@127.0.0.1:1/dunoe")
    assert "127.0.0.1:1/dunoe" in str(refused.value)
    assert "geheim" not in str(refused.value)
    assert two_lines(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "dunoe.db",
        "mysql://u:geheim@h/d",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://h:port/d",
    ],
)
def test_a_url_that_is_not_ours_is_refused(wrong: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        open_store(wrong)
    assert two_lines(refused.value)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    "spelled", ["postgres://h/d", "postgresql://h/d", "postgresql+asyncpg://h/d"]
)
def test_every_spelling_of_postgresql_means_our_driver(spelled: str) -> None:
    assert Database(spelled).place == "postgresql+psycopg://h/d"


@pytest.mark.anyio
async def test_a_database_that_takes_writes_says_so_twice(store: Store) -> None:
    await store.check_writes()
    await store.check_writes()


def test_a_full_disk_is_unavailable_and_over_when_there_is_room(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'dunoe.db'}") as store:
        name = "키" * 60
        with store.database.reading() as connection:  # the pool hands this connection out again
            connection.exec_driver_sql("PRAGMA max_page_count=1")
        with pytest.raises(Unavailable, match="the disk is full") as refused:
            for number in range(100):
                store.keys.add(f"{name}{number}", ["infer"])
        assert two_lines(refused.value)
        with store.database.reading() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1000000")
        store.keys.add("room again", ["infer"])


@pytest.mark.anyio
async def test_a_database_that_somebody_locked_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_S", 0.01)
    with open_store(f"sqlite:///{tmp_path / 'dunoe.db'}") as store:
        other = sqlite3.connect(tmp_path / "dunoe.db")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            await store.check_writes()
        assert store.keys.list() == ()  # who only reads does not wait
        other.close()
        await store.check_writes()
