"""Backups and master keys"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ACTIVE = sa.text("state = 'active'")


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("installation") as batch:
        # Filled at the next start: it is to be random.
        batch.add_column(sa.Column("uid", sa.String(length=40), server_default="", nullable=False))
    op.create_table(
        "backups",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("path", sa.String(length=1024), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("schema_revision", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
    )
    op.create_index("ix_backups_created_at", "backups", ["created_at"])
    op.create_table(
        "restores",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("backup_id", sa.String(length=40), nullable=False),
        sa.Column("backup_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restores")),
    )
    op.create_table(
        "master_keys",
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('prepared', 'active', 'retiring', 'retired')",
            name=op.f("ck_master_keys_state"),
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_master_keys")),
    )
    op.create_index(
        "uq_master_keys_active",
        "master_keys",
        ["state"],
        unique=True,
        sqlite_where=_ACTIVE,
        postgresql_where=_ACTIVE,
    )
    op.create_table(
        "recovery_recipients",
        sa.Column("recipient", sa.String(length=100), nullable=False),
        sa.Column("confirmation_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("recipient", name=op.f("pk_recovery_recipients")),
    )


def downgrade() -> None:
    """Take back."""
    for table in ("recovery_recipients", "master_keys", "restores", "backups"):
        op.drop_table(table)
    with op.batch_alter_table("installation") as batch:
        batch.drop_column("uid")
