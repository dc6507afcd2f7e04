"""Wire shapes of services."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field

from iam.features.policies.schemas import PolicyReference
from iam.features.principals.schemas import (
    Description,
    Input,
    Name,
    Output,
    Path,
    PrincipalOut,
    Tags,
    principal_example,
)
from iam.features.services.queries import ServiceView
from iam.features.services.rules import MAX_AUDIENCE, MAX_AUDIENCES
from iam.http import examples
from iam.work import UnitOfWork

OwnerReference = Annotated[
    str,
    Field(
        min_length=1,
        max_length=700,
        description="the user or group that looks after it: `group/finance`, an ARN, or an id",
        examples=["group/finance"],
    ),
]
Audiences = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MAX_AUDIENCE)]],
    Field(
        max_length=MAX_AUDIENCES,
        description="absolute URIs that tokens for it may name (RFC 8707), beside its ARN",
        examples=[["https://billing.shop.example"]],
    ),
]


class ServiceIn(Input):
    """A service to create."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            name="billing",
            owner="group/finance",
            audiences=["https://billing.shop.example"],
            description="writes invoices",
            tags=examples.TAGS,
        )
    )

    name: Name
    owner: OwnerReference
    path: Path = "/"
    audiences: Audiences = Field(default_factory=list)
    description: Description = ""
    tags: Tags = Field(default_factory=dict)
    permissions_boundary: PolicyReference | None = None


class ServicePatch(Input):
    """What to change of a service; members that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra=examples.example(owner="user/ana"))

    owner: OwnerReference = ""
    audiences: Audiences = Field(default_factory=list)
    description: Description = ""


class OwnerOut(Output):
    """Who looks after a service."""

    id: str = Field(description="immutable id")
    arn: str


class ServiceOut(PrincipalOut):
    """A service."""

    model_config = ConfigDict(
        json_schema_extra=principal_example(
            "service",
            "billing",
            id=examples.BILLING,
            description="writes invoices",
            owner={"id": examples.FINANCE, "arn": examples.arn("group/finance")},
            audiences=[examples.arn("service/billing"), "https://billing.shop.example"],
        )
    )

    owner: OwnerOut
    audiences: list[str] = Field(description="its own ARN is always among them")

    @classmethod
    def of(cls, uow: UnitOfWork, view: ServiceView) -> Self:
        """Present a service."""
        owner = OwnerOut(id=view.owner_id, arn=view.owner_arn)
        common = cls.common(uow, view.row)
        return cls.model_validate({**common, "owner": owner, "audiences": list(view.audiences)})
