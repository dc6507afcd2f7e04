"""The demo company as data: who is there, who may what, and what is wrong with its credentials.

Pure. Dates are relative to the day on which it is seeded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

TAGS: Final[Mapping[str, str]] = {"demo": "true"}
"""What every principal and policy of the company carries."""
GROUP_PATH: Final = "/demo/"
"""Where its groups are: groups have no tags."""

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


class Flaw(StrEnum):
    """What is wrong with a credential."""

    NEVER_USED = "never used"
    EXPIRES_SOON = "expires soon, is in use, and has no successor"
    IDLE = "not used for long"
    SUPERSEDED_IN_USE = "has a successor, and is still what is used"
    SUCCESSOR_UNUSED = "was made to take over, and has not"
    OWNER_DISABLED = "its service has an owner who left"
    HOLDER_DISABLED = "alive, and its holder is disabled"
    NO_EXPIRY = "a secret without an expiry"
    LIVES_TOO_LONG = "lives longer than secrets may"
    OLD_KEY = "a key of three years"
    EXPIRED_IN_USE = "was in use until it expired"
    FORGOTTEN_QUARANTINE = "quarantined, and nobody came back to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user, and the team that the user is in."""

    name: str
    display_name: str
    team: str
    has_left: bool = False

    @property
    def email(self) -> str:
        """Where mail would go; `.example` is nobody's (RFC 2606)."""
        return f"{self.name}@shop.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A service, and who looks after it."""

    name: str
    owner: str
    description: str
    is_disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A policy, and whom it is attached to."""

    name: str
    description: str
    statements: tuple[Mapping[str, Any], ...]
    holders: tuple[str, ...]

    @property
    def document(self) -> dict[str, Any]:
        """The policy document."""
        return {"Version": "2012-10-17", "Statement": [dict(each) for each in self.statements]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A credential of a service: its age, its end and its last use, seen from now."""

    service: str
    age: timedelta
    ends_in: timedelta | None
    used_ago: timedelta | None = None
    flaw: Flaw | None = None
    is_key: bool = False
    is_quarantined: bool = False

    @property
    def description(self) -> str:
        """What a person reads in a list."""
        return f"demo: {self.flaw or 'as it should be'}"


def _allow(action: str | list[str], resource: str) -> Mapping[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


TEAMS: Final[Mapping[str, str]] = {
    "shop-team": "Storefront, orders and warehouse",
    "finance": "Billing and payments",
    "support": "Answers customers",
    "platform": "Runs everything",
    "security": "Looks at what everybody may do",
}

PEOPLE: Final = tuple(
    Person(name=name, display_name=display_name, team=team, has_left=name in {"tomas", "yusuf"})
    for team, people in {
        "shop-team": {"ana": "Ana Costa", "ben": "Ben Okafor", "chloe": "Chloé Martin",
                      "dmitri": "Dmitri Volkov", "emre": "Emre Kaya", "yusuf": "Yusuf Demir"},
        "finance": {"fatima": "Fatima Zahra", "george": "George Lindqvist", "hana": "Hana Sato"},
        "support": {"ines": "Inês Duarte", "jonas": "Jonas Weber", "karin": "Karin Holm",
                    "liam": "Liam Byrne", "mei": "Mei Chen"},
        "platform": {"nadia": "Nadia Rossi", "omar": "Omar Haddad", "priya": "Priya Nair",
                     "tomas": "Tomás Novák"},
        "security": {"quinn": "Quinn Abara", "rosa": "Rosa Jiménez"},
    }.items()
    for name, display_name in people.items()
)  # fmt: skip

WORKLOADS: Final = (
    Workload(name="storefront", owner="group/shop-team", description="What customers see"),
    Workload(name="orders", owner="group/shop-team", description="Takes and keeps orders"),
    Workload(name="billing", owner="group/finance", description="Writes invoices"),
    Workload(name="payments", owner="group/finance", description="Moves money"),
    Workload(name="warehouse", owner="group/shop-team", description="Knows what is in stock"),
    Workload(name="shipping", owner="group/platform", description="Hands parcels to carriers"),
    Workload(name="newsletter", owner="user/yusuf", description="Writes to customers"),
    Workload(
        name="reports", owner="group/platform", description="Was replaced", is_disabled=True
    ),
)  # fmt: skip

GRANTS: Final = (
    Grant(
        name="place-orders",
        description="The storefront hands over what customers buy",
        statements=(_allow(["orders:CreateOrder", "orders:GetOrder"], "arn:iam:orders::main:*"),),
        holders=("service/storefront",),
    ),
    Grant(
        name="read-invoices",
        description="Orders shows an invoice beside its order",
        statements=(_allow("billing:Get*", "arn:iam:billing::main:invoice/*"),),
        holders=("service/orders", "group/support"),
    ),
    Grant(
        name="collect-money",
        description="Billing has payments collect what an invoice says",
        statements=(
            _allow("payments:CreatePayment", "arn:iam:payments::main:payment/*"),
            {
                "Effect": "Deny",
                "Action": "payments:RefundPayment",
                "Resource": "*",
            },
        ),
        holders=("service/billing",),
    ),
    Grant(
        name="pick-and-ship",
        description="Warehouse and shipping follow an order",
        statements=(
            _allow(["orders:GetOrder", "orders:UpdateOrderState"], "arn:iam:orders::main:order/*"),
        ),
        holders=("service/warehouse", "service/shipping"),
    ),
    Grant(
        name="refund",
        description="Finance may refund, and only with a second factor",
        statements=(
            {
                "Effect": "Allow",
                "Action": "payments:RefundPayment",
                "Resource": "arn:iam:payments::main:payment/*",
                "Condition": {"Bool": {"iam:MultiFactorAuthPresent": "true"}},
            },
        ),
        holders=("group/finance",),
    ),
    Grant(
        name="reports-everything",
        description="Too wide, as first policies are",
        statements=(_allow(["orders:*", "billing:*", "payments:*"], "*"),),
        holders=("service/reports",),
    ),
)
SHIPPED_GRANTS: Final = (("SecurityAudit", "group/security"), ("ServiceDesk", "group/support"))

PROOFS: Final = (
    Proof(
        service="storefront", age=20 * _DAY, ends_in=60 * _DAY, used_ago=_HOUR / 20
    ),
    Proof(
        service="storefront", age=95 * _DAY, ends_in=-2 * _DAY, used_ago=2 * _DAY + _HOUR,
        flaw=Flaw.EXPIRED_IN_USE,
    ),
    Proof(
        service="orders", age=80 * _DAY, ends_in=9 * _DAY, used_ago=_HOUR / 6,
        flaw=Flaw.SUPERSEDED_IN_USE,
    ),
    Proof(
        service="orders", age=12 * _DAY, ends_in=75 * _DAY, flaw=Flaw.SUCCESSOR_UNUSED
    ),
    Proof(
        service="billing", age=83 * _DAY, ends_in=5 * _DAY, used_ago=_HOUR / 2,
        flaw=Flaw.EXPIRES_SOON,
    ),
    Proof(
        service="payments", age=200 * _DAY, ends_in=1600 * _DAY, used_ago=_HOUR,
        flaw=Flaw.LIVES_TOO_LONG,
    ),
    Proof(
        service="payments", age=30 * _DAY, ends_in=None, used_ago=_HOUR / 12, is_key=True
    ),
    Proof(
        service="warehouse", age=400 * _DAY, ends_in=None, used_ago=3 * _HOUR, flaw=Flaw.NO_EXPIRY
    ),
    Proof(
        service="warehouse", age=60 * _DAY, ends_in=28 * _DAY, flaw=Flaw.NEVER_USED
    ),
    Proof(
        service="shipping", age=1100 * _DAY, ends_in=None, used_ago=2 * _HOUR, is_key=True,
        flaw=Flaw.OLD_KEY,
    ),
    Proof(
        service="shipping", age=120 * _DAY, ends_in=40 * _DAY, used_ago=100 * _DAY,
        is_quarantined=True, flaw=Flaw.FORGOTTEN_QUARANTINE,
    ),
    Proof(
        service="newsletter", age=50 * _DAY, ends_in=35 * _DAY, used_ago=26 * _HOUR,
        flaw=Flaw.OWNER_DISABLED,
    ),
    Proof(
        service="reports", age=70 * _DAY, ends_in=18 * _DAY, used_ago=45 * _DAY,
        flaw=Flaw.HOLDER_DISABLED,
    ),
    Proof(
        service="payments", age=300 * _DAY, ends_in=65 * _DAY, used_ago=210 * _DAY, flaw=Flaw.IDLE
    ),
)  # fmt: skip
