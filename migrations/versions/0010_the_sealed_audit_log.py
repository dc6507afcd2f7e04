"""The sealed audit log"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = ("audit_chains", "audit_checkpoints")
_UNSEALED = sa.text("sequence IS NULL")
_WAITING = sa.text("shipped_at IS NULL")
# Milliseconds are the most that SQLite tells; the zeros make it what SQLAlchemy stores.
_SQLITE_NOW = sa.text("(strftime('%Y-%m-%d %H:%M:%f000', 'now'))")
_SEAL = (
    ("position", sa.BigInteger()),
    ("recorded_at", sa.DateTime(timezone=True)),
    ("chain", sa.String(length=80)),
    ("hash", sa.LargeBinary(length=32)),
    ("actor_salt", sa.LargeBinary(length=16)),
    ("actor_commitment", sa.LargeBinary(length=32)),
    ("subject_salt", sa.LargeBinary(length=16)),
    ("subject_commitment", sa.LargeBinary(length=32)),
)


def upgrade() -> None:
    """Apply."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    _widen_entries(is_postgresql)
    _create_chains()
    if is_postgresql:
        _number_entries()
        for table in _TABLES:
            _isolate_accounts(table)


def _widen_entries(is_postgresql: bool) -> None:
    # SQLite cannot add a column whose default is an expression: the table is written anew.
    with op.batch_alter_table("audit_entries", recreate="auto" if is_postgresql else "always") as b:
        for name, kind in _SEAL:
            default = _SQLITE_NOW if name == "recorded_at" and not is_postgresql else None
            b.add_column(sa.Column(name, kind, nullable=True, server_default=default))
    if not is_postgresql:
        op.execute("UPDATE audit_entries SET recorded_at = NULL")
    op.create_index("ix_audit_entries_actor_id", "audit_entries", ["actor_id"])
    op.create_index(
        "uq_audit_entries_sequence", "audit_entries", ["chain", "sequence"], unique=True
    )
    op.create_index(
        "ix_audit_entries_unsealed",
        "audit_entries",
        ["position"],
        sqlite_where=_UNSEALED,
        postgresql_where=_UNSEALED,
    )


def _number_entries() -> None:
    op.execute("CREATE SEQUENCE audit_entries_position")
    op.execute(
        "UPDATE audit_entries SET position = numbered.position FROM (SELECT id, row_number()"
        " OVER (ORDER BY id) AS position FROM audit_entries) AS numbered"
        " WHERE audit_entries.id = numbered.id"
    )
    op.execute(
        "SELECT setval('audit_entries_position',"
        " (SELECT coalesce(max(position), 1) FROM audit_entries))"
    )
    op.execute(
        "ALTER TABLE audit_entries"
        " ALTER COLUMN position SET DEFAULT nextval('audit_entries_position'),"
        " ALTER COLUMN recorded_at SET DEFAULT clock_timestamp()"
    )


def _create_chains() -> None:
    op.create_table(
        "audit_chains",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("account_created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("checkpoint", sa.BigInteger(), nullable=False),
        sa.Column("checkpoint_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("removed_until", sa.BigInteger(), nullable=False),
        sa.Column("removed_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("tombstone", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_audit_chains")),
    )
    op.create_index("ix_audit_chains_account", "audit_chains", ["account"])
    op.create_table(
        "audit_checkpoints",
        sa.Column("chain", sa.String(length=80), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("chain", "number", name=op.f("pk_audit_checkpoints")),
    )
    op.create_index("ix_audit_checkpoints_sequence", "audit_checkpoints", ["chain", "sequence"])
    op.create_index(
        "ix_audit_checkpoints_waiting",
        "audit_checkpoints",
        ["created_at"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )


def _isolate_accounts(table: str) -> None:
    """PostgreSQL: the same wall as around every other table of accounts (0001)."""
    account = "NULLIF(current_setting('iam.account', true), '')"
    seen = f"CASE {account} WHEN '*' THEN true ELSE account = {account} END"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_account ON {table} USING ({seen})")


def downgrade() -> None:
    """Take back."""
    for table in reversed(_TABLES):
        op.drop_table(table)
    for index in ("actor_id", "unsealed"):
        op.drop_index(f"ix_audit_entries_{index}", "audit_entries")
    op.drop_index("uq_audit_entries_sequence", "audit_entries")
    with op.batch_alter_table("audit_entries") as batch:
        for name, _ in _SEAL:
            batch.drop_column(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SEQUENCE audit_entries_position")
