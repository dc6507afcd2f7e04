"""Principals: users, services and roles, in one table because they are the same kind of thing.

People and services both have policies, groups, a permissions boundary, credentials, tags and a
status; what only one kind has stands in its own class below.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class PrincipalKind(StrEnum):
    """What a principal is. The value is the word in its ARN."""

    USER = "user"
    SERVICE = "service"
    ROLE = "role"


class PrincipalStatus(StrEnum):
    """A disabled principal keeps everything and may do nothing."""

    ACTIVE = "active"
    DISABLED = "disabled"


class Principal(Base, kw_only=True):
    """Whoever a policy can name and a token can speak for."""

    __tablename__ = "principals"
    __table_args__ = (
        CheckConstraint("kind IN ('user', 'service', 'role')", name="kind"),
        CheckConstraint("status IN ('active', 'disabled')", name="status"),
        CheckConstraint(
            "kind <> 'service' OR (owner_user_id IS NULL) <> (owner_group_id IS NULL)",
            name="service_has_one_owner",
        ),
        CheckConstraint("kind <> 'role' OR trust_policy IS NOT NULL", name="role_has_trust"),
        Index("uq_principals_name", "account", "kind", "name_key", unique=True),
        Index("ix_principals_list", "account", "kind", "id"),
        Index("ix_principals_boundary", "boundary_policy_id", "account", "id"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    kind: Mapped[str] = mapped_column(String(16), init=False)
    path: Mapped[str] = mapped_column(String(512), default="/")
    name: Mapped[str] = mapped_column(String(64))
    # Names are unique whatever their case, as in AWS; this column carries the folded form.
    name_key: Mapped[str] = mapped_column(String(64), init=False)
    status: Mapped[str] = mapped_column(String(16), default=PrincipalStatus.ACTIVE)
    description: Mapped[str] = mapped_column(String(1000), default="")
    tags: Mapped[dict[str, str]] = mapped_column(default_factory=dict)
    boundary_policy_id: Mapped[str | None] = mapped_column(
        IdColumn, ForeignKey("policies.id"), default=None
    )
    # Raised by disable, reset and sign out everywhere: tokens of an older epoch are refused.
    principal_epoch: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(IdColumn, default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(init=False)

    __mapper_args__ = {  # noqa: RUF012 -- SQLAlchemy's own form
        "polymorphic_on": "kind",
        "version_id_col": version,
    }

    def __post_init__(self) -> None:
        self.name_key = self.name.casefold()

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN: kind, path and name."""
        return f"{self.kind}{self.path}{self.name}"

    @property
    def is_active(self) -> bool:
        """Whether it may act."""
        return self.status == PrincipalStatus.ACTIVE


class User(Principal, kw_only=True):
    """A person."""

    __mapper_args__ = {"polymorphic_identity": PrincipalKind.USER}  # noqa: RUF012 -- as above

    display_name: Mapped[str | None] = mapped_column(String(256), nullable=True, default=None)
    email: Mapped[str | None] = mapped_column(String(320), nullable=True, default=None)


class Service(Principal, kw_only=True):
    """A workload. It acts by itself; its owner looks after it."""

    __mapper_args__ = {"polymorphic_identity": PrincipalKind.SERVICE}  # noqa: RUF012 -- as above

    owner_user_id: Mapped[str | None] = mapped_column(
        IdColumn, ForeignKey("principals.id"), nullable=True, default=None
    )
    owner_group_id: Mapped[str | None] = mapped_column(
        IdColumn, ForeignKey("groups.id"), nullable=True, default=None
    )


class Role(Principal, kw_only=True):
    """A principal without credentials: it is assumed by whom its trust policy lets."""

    __mapper_args__ = {"polymorphic_identity": PrincipalKind.ROLE}  # noqa: RUF012 -- as above

    trust_policy: Mapped[str | None] = mapped_column(Text, nullable=True, default=None)
    max_session_seconds: Mapped[int | None] = mapped_column(nullable=True, default=3600)


class ServiceAudience(Base, kw_only=True):
    """An audience (RFC 8707 resource) that a service answers to, beside its ARN."""

    __tablename__ = "service_audiences"
    __table_args__ = (Index("ix_service_audiences_service", "service_id"),)

    account: Mapped[str] = mapped_column(
        AccountColumn, ForeignKey("accounts.name"), primary_key=True
    )
    uri: Mapped[str] = mapped_column(String(512), primary_key=True)
    service_id: Mapped[str] = mapped_column(
        IdColumn, ForeignKey("principals.id", ondelete="CASCADE")
    )
