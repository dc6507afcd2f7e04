"""Runs migrations on the connection that it is handed; imports `iam.models` and nothing else of us.

`iam migrate` hands it a connection (iam/kit/schema.py). There is no alembic.ini: nobody types a
database address twice.
"""

from alembic import context

from iam.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    # SQLite cannot alter a table in place: Alembic copies it.
    render_as_batch=True,
    transaction_per_migration=False,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
