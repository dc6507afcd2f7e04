"""Denied questions"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    json = sa.JSON(none_as_null=True).with_variant(
        postgresql.JSONB(none_as_null=True), "postgresql"
    )
    op.create_table(
        "denied_questions",
        sa.Column("question_key", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("principal_id", sa.String(length=40), nullable=False),
        sa.Column("principal", sa.String(length=700), nullable=False),
        sa.Column("session", sa.String(length=700), nullable=True),
        sa.Column("action", sa.String(length=128), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("context", json, nullable=True),
        sa.Column("asker", sa.String(length=700), nullable=False),
        sa.Column("asker_id", sa.String(length=40), nullable=False),
        sa.Column("effect", sa.String(length=16), nullable=False),
        sa.Column("first_decision_id", sa.String(length=40), nullable=False),
        sa.Column("decision_id", sa.String(length=40), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("question_key", name=op.f("pk_denied_questions")),
    )
    for column in ("first_decision_id", "decision_id", "last_at"):
        op.create_index(f"ix_denied_questions_{column}", "denied_questions", [column])
    if op.get_bind().dialect.name == "postgresql":
        _isolate_accounts()


def _isolate_accounts() -> None:
    """PostgreSQL: the same wall as around every other table of accounts (0001)."""
    account = "NULLIF(current_setting('iam.account', true), '')"
    seen = f"CASE {account} WHEN '*' THEN true ELSE account = {account} END"
    op.execute("ALTER TABLE denied_questions ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE denied_questions FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_account ON denied_questions USING ({seen})")


def downgrade() -> None:
    """Take back."""
    op.drop_table("denied_questions")
