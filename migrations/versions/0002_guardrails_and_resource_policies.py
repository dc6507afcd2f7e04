"""Guardrails, and policies of resources"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "guardrails",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("name_key", sa.String(length=128), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('scp', 'rcp')", name=op.f("ck_guardrails_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guardrails")),
    )
    op.create_index("uq_guardrails_name", "guardrails", ["kind", "name_key"], unique=True)
    op.create_table(
        "guardrail_attachments",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("guardrail_id", sa.String(length=40), nullable=False),
        sa.Column("level", sa.String(length=80), nullable=False),
        sa.Column("account_name", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_name"],
            ["accounts.name"],
            name=op.f("fk_guardrail_attachments_account_name_accounts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["guardrail_id"],
            ["guardrails.id"],
            name=op.f("fk_guardrail_attachments_guardrail_id_guardrails"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guardrail_attachments")),
    )
    op.create_index(
        "uq_guardrail_attachments_level",
        "guardrail_attachments",
        ["guardrail_id", "level"],
        unique=True,
    )
    op.create_index(
        "ix_guardrail_attachments_list", "guardrail_attachments", ["guardrail_id", "id"]
    )
    op.create_index(
        "ix_guardrail_attachments_account_name", "guardrail_attachments", ["account_name"]
    )
    op.create_table(
        "resource_policies",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("resource_key", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_resource_policies_account_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource_policies")),
    )
    op.create_index(
        "uq_resource_policies_resource_key", "resource_policies", ["resource_key"], unique=True
    )
    op.create_index("ix_resource_policies_list", "resource_policies", ["account", "id"])
    if op.get_bind().dialect.name == "postgresql":
        _isolate_resource_policies()


def _isolate_resource_policies() -> None:
    """PostgreSQL: the same wall as around every other table of accounts (0001)."""
    account = "NULLIF(current_setting('iam.account', true), '')"
    seen = f"CASE {account} WHEN '*' THEN true ELSE account = {account} END"
    op.execute("ALTER TABLE resource_policies ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE resource_policies FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_account ON resource_policies USING ({seen})")


def downgrade() -> None:
    """Take back."""
    op.drop_table("resource_policies")
    op.drop_table("guardrail_attachments")
    op.drop_table("guardrails")
