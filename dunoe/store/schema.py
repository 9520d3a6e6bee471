"""The schema: is the database at our revision, and the way there when it is not."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from dunoe.errors import Misconfigured, Text
from dunoe.store.database import Database

HEAD = "0002"  # Alembic's head; a test holds them together
REVISION_TABLE = "dunoe_revision"
MIGRATIONS = Path(__file__).parent / "migrations"


def bring_up(database: Database) -> None:
    """Migrate to `HEAD`; one look and nothing more when the database is there already.

    Safe when several processes start at once. Raises `Misconfigured` for a database that a newer dunoe wrote.
    """
    with database.reading() as connection:
        found = _revision(connection)
    if found != HEAD:
        with database.writing(alone=True) as connection:
            _migrate(connection, found, database.place)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(REVISION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {REVISION_TABLE}")).scalar()
    return None if found is None else str(found)


def _migrate(connection: Connection, found: str | None, place: str) -> None:
    # Alembic costs 0.2 s and 12 MB, and only a first start or an upgrade needs it. It looks at the
    # revision again, so whoever was second to get the lock finds nothing left to do.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except CommandError as exc:
        raise Misconfigured(
            Text(
                f"{place}: 더 새로운 dunoe가 만든 데이터베이스입니다 (개정 {found}, 이 버전은 {HEAD})",
                f"{place}: a newer dunoe wrote this database (revision {found}, ours is {HEAD})",
            ),
            Text(
                "dunoe를 업그레이드하거나 [store] url로 다른 데이터베이스를 지정하세요.",
                "upgrade dunoe, or name another database in [store] url.",
            ),
        ) from exc
