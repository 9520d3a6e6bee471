"""What Alembic runs to migrate: the caller brings the connection and owns the transaction."""

from alembic import context

from dunoe.store.schema import REVISION_TABLE
from dunoe.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=REVISION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
