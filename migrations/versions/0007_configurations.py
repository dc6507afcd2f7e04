"""Configurations"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "configurations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("approved_by", sa.String(length=256), nullable=True),
        sa.Column("times_applied", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_configurations_account_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configurations")),
    )
    op.create_index(
        "uq_configurations_name", "configurations", ["account", "name"], unique=True
    )
    op.create_table(
        "managed_objects",
        sa.Column("object_id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("configuration_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["configuration_id"],
            ["configurations.id"],
            name=op.f("fk_managed_objects_configuration_id_configurations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("object_id", name=op.f("pk_managed_objects")),
    )
    op.create_index("ix_managed_objects_configuration_id", "managed_objects", ["configuration_id"])
    if op.get_bind().dialect.name == "postgresql":
        for table in ("configurations", "managed_objects"):
            _isolate_accounts(table)


def _isolate_accounts(table: str) -> None:
    """PostgreSQL: the same wall as around every other table of accounts (0001)."""
    account = "NULLIF(current_setting('iam.account', true), '')"
    seen = f"CASE {account} WHEN '*' THEN true ELSE account = {account} END"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_account ON {table} USING ({seen})")


def downgrade() -> None:
    """Take back."""
    op.drop_table("managed_objects")
    op.drop_table("configurations")
