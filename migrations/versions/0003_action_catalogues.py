"""Action catalogues"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "action_catalogues",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=63), nullable=False),
        sa.Column("service_id", sa.String(length=40), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_action_catalogues_account_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["principals.id"],
            name=op.f("fk_action_catalogues_service_id_principals"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action_catalogues")),
    )
    op.create_index(
        "uq_action_catalogues_prefix", "action_catalogues", ["account", "prefix"], unique=True
    )
    op.create_index("ix_action_catalogues_list", "action_catalogues", ["account", "id"])
    op.create_index("ix_action_catalogues_service", "action_catalogues", ["service_id"])
    if op.get_bind().dialect.name == "postgresql":
        _isolate_accounts()


def _isolate_accounts() -> None:
    """PostgreSQL: the same wall as around every other table of accounts (0001)."""
    account = "NULLIF(current_setting('iam.account', true), '')"
    seen = f"CASE {account} WHEN '*' THEN true ELSE account = {account} END"
    op.execute("ALTER TABLE action_catalogues ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE action_catalogues FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_account ON action_catalogues USING ({seen})")


def downgrade() -> None:
    """Take back."""
    op.drop_table("action_catalogues")
