"""JSON API of configuration."""

from typing import Annotated

from fastapi import Query

from iam.authz.actions import Action
from iam.features.configuration import service
from iam.features.configuration.schemas import (
    ConfigurationApplyIn,
    ConfigurationOut,
    ConfigurationPlanIn,
    ConfigurationPlanOut,
    Section,
)
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="configuration")


@router.post(
    "/configuration:plan",
    action=Action.GET_ACCOUNT_AUTHORIZATION_DETAILS,
    operation_id="PlanConfiguration",
)
async def plan_configuration(work: Work, body: ConfigurationPlanIn) -> ConfigurationPlanOut:
    """Say what applying a document would change, and for whom. It changes nothing."""
    plan = await service.plan_configuration(work.uow, document=body.document, prunes=body.prune)
    return ConfigurationPlanOut.of(plan)


@router.post("/configuration:apply", action=Action.APPLY_CONFIGURATION)
async def apply_configuration(work: Work, body: ConfigurationApplyIn) -> ConfigurationPlanOut:
    """Bring the account to what a document says: all of it, or nothing."""
    plan = await service.apply_configuration(
        work.uow,
        document=body.document,
        prunes=body.prune,
        expected_plan=body.plan,
        approves_widening=body.approve_widening,
        approved_by=body.approved_by,
    )
    return ConfigurationPlanOut.of(plan)


@router.get("/configuration", action=Action.GET_ACCOUNT_AUTHORIZATION_DETAILS)
async def export_configuration(
    work: Work,
    name: Annotated[str, Query(max_length=64)] = "exported",
    section: Annotated[list[Section] | None, Query(max_length=8)] = None,
) -> ConfigurationOut:
    """Read the account as a document: what the configuration manages, and what none does."""
    document = await service.export_configuration(work.uow, name=name, sections=section or ())
    return ConfigurationOut(document=document)
