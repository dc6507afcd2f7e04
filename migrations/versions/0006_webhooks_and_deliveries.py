"""Webhooks and deliveries"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_TABLES = ("webhooks", "delivery_channels", "deliveries")
_PENDING = sa.text("state = 'pending'")
_PARTIAL = {
    "queue": (["channel_id", "sequence"], _PENDING),
    "due": (["channel_id", "next_attempt_at"], _PENDING),
    "subject": (["channel_id", "subject_key", "next_attempt_at"], _PENDING),
    "ended": (["ended_at"], sa.text("state <> 'pending'")),
}


def upgrade() -> None:
    """Apply."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    _number_the_outbox(is_postgresql)
    _create_webhooks()
    _create_deliveries()
    if is_postgresql:
        _isolate_accounts()


def _number_the_outbox(is_postgresql: bool) -> None:
    waiting = sa.text("fanned_out_at IS NULL")
    with op.batch_alter_table("outbox_messages") as batch:
        batch.drop_index("ix_outbox_messages_pending")
        batch.add_column(sa.Column("position", sa.BigInteger(), nullable=True))
        batch.alter_column("delivered_at", new_column_name="fanned_out_at")
    if is_postgresql:
        op.execute("CREATE SEQUENCE outbox_messages_position")
        op.execute(
            "UPDATE outbox_messages SET position = numbered.position FROM (SELECT id, row_number()"
            " OVER (ORDER BY id) AS position FROM outbox_messages) AS numbered"
            " WHERE outbox_messages.id = numbered.id"
        )
        op.execute(
            "SELECT setval('outbox_messages_position',"
            " (SELECT coalesce(max(position), 1) FROM outbox_messages))"
        )
    op.create_index(
        "ix_outbox_messages_waiting",
        "outbox_messages",
        ["position", "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index("ix_outbox_messages_created_at", "outbox_messages", ["created_at"])


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("name_key", sa.String(length=128), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("event_types", _JSON, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("disabled_reason", sa.String(length=64), nullable=True),
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("previous_secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("previous_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("secret_rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tests", sa.Integer(), nullable=False),
        sa.Column("replays", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('webhook', 'slack', 'nats')", name=op.f("ck_webhooks_kind")),
        sa.CheckConstraint("status IN ('active', 'disabled')", name=op.f("ck_webhooks_status")),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_webhooks_account_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index("uq_webhooks_name", "webhooks", ["account", "name_key"], unique=True)
    op.create_index("ix_webhooks_list", "webhooks", ["account", "id"])


def _create_deliveries() -> None:
    op.create_table(
        "delivery_channels",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("closed_reason", sa.String(length=64), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_channels")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("channel_id", sa.String(length=40), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=2100), nullable=False),
        sa.Column("subject_key", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_reason", sa.String(length=64), nullable=True),
        sa.Column("last_duration_ms", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'dead')", name=op.f("ck_deliveries_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(
        "uq_deliveries_message", "deliveries", ["channel_id", "message_id"], unique=True
    )
    op.create_index("ix_deliveries_list", "deliveries", ["channel_id", "id"])
    for name, (columns, where) in _PARTIAL.items():
        op.create_index(
            f"ix_deliveries_{name}",
            "deliveries",
            columns,
            sqlite_where=where,
            postgresql_where=where,
        )


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
    for table in reversed(_TABLES):
        op.drop_table(table)
    op.drop_index("ix_outbox_messages_created_at", "outbox_messages")
    op.drop_index("ix_outbox_messages_waiting", "outbox_messages")
    with op.batch_alter_table("outbox_messages") as batch:
        batch.alter_column("fanned_out_at", new_column_name="delivered_at")
        batch.drop_column("position")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SEQUENCE outbox_messages_position")
    op.create_index("ix_outbox_messages_pending", "outbox_messages", ["delivered_at", "id"])
