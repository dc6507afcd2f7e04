"""The first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ISOLATED = (
    "accounts", "audit_entries", "changes", "credential_uses", "credentials", "group_memberships",
    "groups", "idempotency_records", "inline_policies", "issued_tokens", "outbox_messages",
    "policies", "policy_attachments", "policy_versions", "principals", "service_audiences",
)  # fmt: skip
"""The tables whose rows belong to an account."""

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'suspended')", name=op.f("ck_accounts_status")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_accounts")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=700), nullable=False),
        sa.Column("actor_id", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=2100), nullable=False),
        sa.Column("target_id", sa.String(length=700), nullable=False),
        sa.Column("before", JSON, nullable=True),
        sa.Column("after", JSON, nullable=True),
        sa.Column("detail", JSON, nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("decision_id", sa.String(length=40), nullable=True),
        sa.Column("source_address", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entries_decision_id", ["decision_id"], unique=False)
        batch_op.create_index("ix_audit_entries_list", ["account", "id"], unique=False)
        batch_op.create_index(
            "ix_audit_entries_target", ["account", "target_id", "id"], unique=False
        )

    op.create_table(
        "changes",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("xid", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("entity_id", sa.String(length=700), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_changes")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.create_index("ix_changes_xid", ["xid"], unique=False)

    op.create_table(
        "idempotency_records",
        sa.Column("principal_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=False),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("principal_id", "key", name=op.f("pk_idempotency_records")),
    )
    with op.batch_alter_table("idempotency_records", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_records_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "installation",
        sa.Column("singleton", sa.Integer(), nullable=False),
        sa.Column("partition", sa.String(length=32), nullable=False),
        sa.Column("restore_epoch", sa.Integer(), nullable=False),
        sa.Column("key_check_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("singleton = 1", name=op.f("ck_installation_one_row")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("pk_installation")),
    )
    op.create_table(
        "issued_tokens",
        sa.Column("jti", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("principal_id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("credential_id", sa.String(length=40), nullable=True),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("audience", sa.String(length=512), nullable=False),
        sa.Column("scope", sa.String(length=1024), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("principal_epoch", sa.Integer(), nullable=False),
        sa.Column("restore_epoch", sa.Integer(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_issued_tokens")),
    )
    with op.batch_alter_table("issued_tokens", schema=None) as batch_op:
        batch_op.create_index(
            "ix_issued_tokens_principal_id", ["principal_id", "expires_at"], unique=False
        )

    op.create_table(
        "one_time_ids",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=300), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_one_time_ids")),
    )
    with op.batch_alter_table("one_time_ids", schema=None) as batch_op:
        batch_op.create_index("ix_one_time_ids_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "outbox_messages",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=2100), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_messages")),
    )
    with op.batch_alter_table("outbox_messages", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_messages_pending", ["delivered_at", "id"], unique=False)

    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("public_jwk", JSON, nullable=False),
        sa.Column("private_key_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tainted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('prepared', 'active', 'retiring', 'gone')",
            name=op.f("ck_signing_keys_state"),
        ),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_keys")),
    )
    with op.batch_alter_table("signing_keys", schema=None) as batch_op:
        batch_op.create_index(
            "uq_signing_keys_active",
            ["purpose"],
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )
        batch_op.create_index(
            "uq_signing_keys_prepared",
            ["purpose"],
            unique=True,
            sqlite_where=sa.text("state = 'prepared'"),
            postgresql_where=sa.text("state = 'prepared'"),
        )

    op.create_table(
        "groups",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("name_key", sa.String(length=128), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_groups_account_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
    )
    with op.batch_alter_table("groups", schema=None) as batch_op:
        batch_op.create_index("ix_groups_list", ["account", "id"], unique=False)
        batch_op.create_index("uq_groups_name", ["account", "name_key"], unique=True)

    op.create_table(
        "policies",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("name_key", sa.String(length=128), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("default_version", sa.Integer(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_policies_account_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
    )
    with op.batch_alter_table("policies", schema=None) as batch_op:
        batch_op.create_index("ix_policies_list", ["account", "id"], unique=False)
        batch_op.create_index("uq_policies_name", ["account", "name_key"], unique=True)

    op.create_table(
        "policy_versions",
        sa.Column("policy_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_policy_versions_account_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["policy_id"],
            ["policies.id"],
            name=op.f("fk_policy_versions_policy_id_policies"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("policy_id", "number", name=op.f("pk_policy_versions")),
    )
    op.create_table(
        "principals",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("path", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("name_key", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("boundary_policy_id", sa.String(length=40), nullable=True),
        sa.Column("principal_epoch", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("display_name", sa.String(length=256), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("owner_user_id", sa.String(length=40), nullable=True),
        sa.Column("owner_group_id", sa.String(length=40), nullable=True),
        sa.Column("trust_policy", sa.Text(), nullable=True),
        sa.Column("max_session_seconds", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "kind <> 'role' OR trust_policy IS NOT NULL", name=op.f("ck_principals_role_has_trust")
        ),
        sa.CheckConstraint(
            "kind <> 'service' OR (owner_user_id IS NULL) <> (owner_group_id IS NULL)",
            name=op.f("ck_principals_service_has_one_owner"),
        ),
        sa.CheckConstraint("kind IN ('user', 'service', 'role')", name=op.f("ck_principals_kind")),
        sa.CheckConstraint("status IN ('active', 'disabled')", name=op.f("ck_principals_status")),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_principals_account_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["boundary_policy_id"],
            ["policies.id"],
            name=op.f("fk_principals_boundary_policy_id_policies"),
        ),
        sa.ForeignKeyConstraint(
            ["owner_group_id"], ["groups.id"], name=op.f("fk_principals_owner_group_id_groups")
        ),
        sa.ForeignKeyConstraint(
            ["owner_user_id"],
            ["principals.id"],
            name=op.f("fk_principals_owner_user_id_principals"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_principals")),
    )
    with op.batch_alter_table("principals", schema=None) as batch_op:
        batch_op.create_index(
            "ix_principals_boundary", ["boundary_policy_id", "account", "id"], unique=False
        )
        batch_op.create_index("ix_principals_list", ["account", "kind", "id"], unique=False)
        batch_op.create_index("uq_principals_name", ["account", "kind", "name_key"], unique=True)

    op.create_table(
        "credentials",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("principal_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("hint", sa.String(length=16), nullable=True),
        sa.Column("public_jwk", JSON, nullable=True),
        sa.Column("jwks_uri", sa.String(length=2048), nullable=True),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('active', 'quarantined', 'revoked')", name=op.f("ck_credentials_status")
        ),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_credentials_account_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name=op.f("fk_credentials_principal_id_principals"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
    )
    with op.batch_alter_table("credentials", schema=None) as batch_op:
        batch_op.create_index("ix_credentials_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("ix_credentials_list", ["account", "id"], unique=False)
        batch_op.create_index("ix_credentials_principal_id", ["principal_id", "id"], unique=False)
        batch_op.create_index("uq_credentials_secret_hash", ["secret_hash"], unique=True)

    op.create_table(
        "group_memberships",
        sa.Column("group_id", sa.String(length=40), nullable=False),
        sa.Column("principal_id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_group_memberships_account_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["groups.id"],
            name=op.f("fk_group_memberships_group_id_groups"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name=op.f("fk_group_memberships_principal_id_principals"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("group_id", "principal_id", name=op.f("pk_group_memberships")),
    )
    with op.batch_alter_table("group_memberships", schema=None) as batch_op:
        batch_op.create_index(
            "ix_group_memberships_principal_id", ["principal_id", "group_id"], unique=False
        )

    op.create_table(
        "inline_policies",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("principal_id", sa.String(length=40), nullable=True),
        sa.Column("group_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(principal_id IS NULL) <> (group_id IS NULL)",
            name=op.f("ck_inline_policies_one_holder"),
        ),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_inline_policies_account_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["groups.id"],
            name=op.f("fk_inline_policies_group_id_groups"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name=op.f("fk_inline_policies_principal_id_principals"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inline_policies")),
    )
    with op.batch_alter_table("inline_policies", schema=None) as batch_op:
        batch_op.create_index("uq_inline_policies_group", ["group_id", "name"], unique=True)
        batch_op.create_index("uq_inline_policies_principal", ["principal_id", "name"], unique=True)

    op.create_table(
        "policy_attachments",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("policy_id", sa.String(length=40), nullable=False),
        sa.Column("principal_id", sa.String(length=40), nullable=True),
        sa.Column("group_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(principal_id IS NULL) <> (group_id IS NULL)",
            name=op.f("ck_policy_attachments_one_holder"),
        ),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_policy_attachments_account_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["groups.id"],
            name=op.f("fk_policy_attachments_group_id_groups"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["policies.id"], name=op.f("fk_policy_attachments_policy_id_policies")
        ),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name=op.f("fk_policy_attachments_principal_id_principals"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_attachments")),
    )
    with op.batch_alter_table("policy_attachments", schema=None) as batch_op:
        batch_op.create_index(
            "ix_policy_attachments_groups", ["policy_id", "account", "group_id"], unique=False
        )
        batch_op.create_index(
            "ix_policy_attachments_principals",
            ["policy_id", "account", "principal_id"],
            unique=False,
        )
        batch_op.create_index("uq_policy_attachments_group", ["group_id", "policy_id"], unique=True)
        batch_op.create_index(
            "uq_policy_attachments_principal", ["principal_id", "policy_id"], unique=True
        )

    op.create_table(
        "service_audiences",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("uri", sa.String(length=512), nullable=False),
        sa.Column("service_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_service_audiences_account_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["principals.id"],
            name=op.f("fk_service_audiences_service_id_principals"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account", "uri", name=op.f("pk_service_audiences")),
    )
    with op.batch_alter_table("service_audiences", schema=None) as batch_op:
        batch_op.create_index("ix_service_audiences_service", ["service_id"], unique=False)

    op.create_table(
        "credential_uses",
        sa.Column("credential_id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_address", sa.String(length=64), nullable=True),
        sa.Column("last_audience", sa.String(length=512), nullable=True),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["credentials.id"],
            name=op.f("fk_credential_uses_credential_id_credentials"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_credential_uses")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # The writing transaction: readers of the change log go by it (journal/changes.py).
        op.execute(
            "ALTER TABLE changes ALTER COLUMN xid SET DEFAULT (pg_current_xact_id()::text::bigint)"
        )
        _isolate_accounts()


def _isolate_accounts() -> None:
    """PostgreSQL: hide the rows of other accounts, from the tables' owner too.

    A connection without the setting `iam.account` sees nothing (iam/kit/row_security.py). The
    shipped policies, which belong to account `iam`, are everybody's to read.

    The condition is a `CASE` for the planner's sake: it takes a comparison with what it does not
    know to keep one row in two hundred, on each table of a join, and then reads and sorts a whole
    table to find a page of it. Of a `CASE` it expects half.
    """
    for table in ISOLATED:
        column = "name" if table == "accounts" else "account"
        account = "NULLIF(current_setting('iam.account', true), '')"
        seen = f"CASE {account} WHEN '*' THEN true ELSE {column} = {account} END"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_account ON {table} USING ({seen})")
    shipped = "account = 'iam' AND current_setting('iam.account', true) <> ''"
    for table in ("policies", "policy_versions"):
        op.execute(f"CREATE POLICY shipped ON {table} FOR SELECT USING ({shipped})")


def downgrade() -> None:
    """Take back."""
    op.drop_table("credential_uses")
    with op.batch_alter_table("service_audiences", schema=None) as batch_op:
        batch_op.drop_index("ix_service_audiences_service")

    op.drop_table("service_audiences")
    with op.batch_alter_table("policy_attachments", schema=None) as batch_op:
        batch_op.drop_index("uq_policy_attachments_principal")
        batch_op.drop_index("uq_policy_attachments_group")
        batch_op.drop_index("ix_policy_attachments_principals")
        batch_op.drop_index("ix_policy_attachments_groups")

    op.drop_table("policy_attachments")
    with op.batch_alter_table("inline_policies", schema=None) as batch_op:
        batch_op.drop_index("uq_inline_policies_principal")
        batch_op.drop_index("uq_inline_policies_group")

    op.drop_table("inline_policies")
    with op.batch_alter_table("group_memberships", schema=None) as batch_op:
        batch_op.drop_index("ix_group_memberships_principal_id")

    op.drop_table("group_memberships")
    with op.batch_alter_table("credentials", schema=None) as batch_op:
        batch_op.drop_index("uq_credentials_secret_hash")
        batch_op.drop_index("ix_credentials_principal_id")
        batch_op.drop_index("ix_credentials_list")
        batch_op.drop_index("ix_credentials_expires_at")

    op.drop_table("credentials")
    with op.batch_alter_table("principals", schema=None) as batch_op:
        batch_op.drop_index("uq_principals_name")
        batch_op.drop_index("ix_principals_list")
        batch_op.drop_index("ix_principals_boundary")

    op.drop_table("principals")
    op.drop_table("policy_versions")
    with op.batch_alter_table("policies", schema=None) as batch_op:
        batch_op.drop_index("uq_policies_name")
        batch_op.drop_index("ix_policies_list")

    op.drop_table("policies")
    with op.batch_alter_table("groups", schema=None) as batch_op:
        batch_op.drop_index("uq_groups_name")
        batch_op.drop_index("ix_groups_list")

    op.drop_table("groups")
    with op.batch_alter_table("signing_keys", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_signing_keys_prepared",
            sqlite_where=sa.text("state = 'prepared'"),
            postgresql_where=sa.text("state = 'prepared'"),
        )
        batch_op.drop_index(
            "uq_signing_keys_active",
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )

    op.drop_table("signing_keys")
    with op.batch_alter_table("outbox_messages", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_messages_pending")

    op.drop_table("outbox_messages")
    with op.batch_alter_table("one_time_ids", schema=None) as batch_op:
        batch_op.drop_index("ix_one_time_ids_expires_at")

    op.drop_table("one_time_ids")
    with op.batch_alter_table("issued_tokens", schema=None) as batch_op:
        batch_op.drop_index("ix_issued_tokens_principal_id")

    op.drop_table("issued_tokens")
    op.drop_table("installation")
    with op.batch_alter_table("idempotency_records", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_records_expires_at")

    op.drop_table("idempotency_records")
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.drop_index("ix_changes_xid")

    op.drop_table("changes")
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entries_target")
        batch_op.drop_index("ix_audit_entries_list")
        batch_op.drop_index("ix_audit_entries_decision_id")

    op.drop_table("audit_entries")
    op.drop_table("accounts")
