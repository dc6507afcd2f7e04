"""Mail"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = ("mail_routes", "mail_templates", "mails")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "mail_routes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("name_key", sa.String(length=64), nullable=False),
        sa.Column("preference", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("security", sa.String(length=16), nullable=False),
        sa.Column("sender", sa.String(length=320), nullable=False),
        sa.Column("username", sa.String(length=320), nullable=True),
        sa.Column("password_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        *_life(),
        sa.CheckConstraint(
            "security IN ('starttls', 'tls', 'none')", name=op.f("ck_mail_routes_security")
        ),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_mail_routes_account_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_routes")),
    )
    op.create_index("uq_mail_routes_name", "mail_routes", ["account", "name_key"], unique=True)
    op.create_index("ix_mail_routes_list", "mail_routes", ["account", "id"])
    op.create_table(
        "mail_templates",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        *_life(),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_mail_templates_account_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_templates")),
    )
    op.create_index("uq_mail_templates_name", "mail_templates", ["account", "name"], unique=True)
    op.create_index("ix_mail_templates_list", "mail_templates", ["account", "id"])
    op.create_table(
        "mails",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
    )
    op.create_index("ix_mails_created_at", "mails", ["created_at"])
    if op.get_bind().dialect.name == "postgresql":
        _isolate_accounts()


def _life() -> list[sa.Column[object]]:
    return [
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def _isolate_accounts() -> None:
    """PostgreSQL: the same wall as around every other table of accounts (0001)."""
    account = "NULLIF(current_setting('iam.account', true), '')"
    seen = f"CASE {account} WHEN '*' THEN true ELSE account = {account} END"
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_account ON {table} USING ({seen})")


def downgrade() -> None:
    """Take back."""
    for table in _TABLES:
        op.drop_table(table)
