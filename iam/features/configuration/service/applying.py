"""Applying a plan: all of it, in this one unit of work, or nothing."""

from collections.abc import Mapping
from typing import Any

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError, conflict
from iam.features.configuration import queries
from iam.features.configuration.rules.plan import Plan
from iam.features.configuration.rules.planning import Step, Verb, steps_between
from iam.features.configuration.rules.shapes import State
from iam.features.configuration.service.deleting import delete
from iam.features.configuration.service.describing import describe
from iam.features.configuration.service.making import make
from iam.features.configuration.service.planning import configuration_arn, plan_configuration
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.models import Configuration, ManagedObject
from iam.work import UnitOfWork


async def apply_configuration(
    uow: UnitOfWork,
    *,
    document: Mapping[str, Any],
    prunes: bool,
    expected_plan: str | None,
    approves_widening: bool,
    approved_by: str | None,
) -> Plan:
    """Bring the account to what the document says; returns the plan that was applied.

    Every change takes the permission that it takes elsewhere. Raises `conflict` when the plan is
    not the expected one any more, or widens access and nobody approved it.
    """
    await authorize(uow, Action.APPLY_CONFIGURATION, configuration_arn(uow, document))
    plan = await plan_configuration(uow, document=document, prunes=prunes)
    if expected_plan not in {None, plan.hash}:
        message = "the account or the document has changed since the plan was shown; plan again"
        raise conflict("plan_outdated", message, plan=plan.hash)
    if plan.widens and not (approves_widening or approved_by):
        message = "the plan widens access, and nobody approved that"
        raise conflict("widening_not_approved", message, plan=plan.hash)
    await _carry_out(uow, plan)
    await _record(uow, plan, approved_by or (uow.caller.arn if plan.widens else None))
    return plan


async def _carry_out(uow: UnitOfWork, plan: Plan) -> None:
    """Make, describe, delete: in this order nothing is missing that something else needs."""
    for step in plan.steps:
        if step.verb is Verb.CREATE:
            await _as_a_step(uow, step, make(uow, step))
    for step in plan.steps:
        if step.verb is not Verb.DELETE:
            for change in describe(uow, step, plan.before.partition):
                await _as_a_step(uow, step, change)
    for step in plan.steps:
        if step.verb is Verb.DELETE:
            for change in delete(uow, step, plan.after):
                await _as_a_step(uow, step, change)


async def _as_a_step(uow: UnitOfWork, step: Step, change: Any) -> None:
    """One change with its event; a refusal says which object it is about."""
    try:
        await change
        await uow.end_step()
    except IamError as error:
        message = f"{step.item}: {error.message}"
        raise IamError(error.kind, error.code, message, **error.detail) from error


async def _record(uow: UnitOfWork, plan: Plan, approved_by: str | None) -> None:
    """Say that it was applied, and mark what the configuration manages."""
    state = await queries.read_state(uow)
    if left := steps_between(state, plan.after):
        raise RuntimeError(f"the plan was carried out, and {left[0].item} is not as it should be")
    row = await queries.find_configuration(uow, plan.name)
    marks = {} if row is None else await queries.managed_by(uow, row)
    present = {item.id for item in state.items.values()}
    kept = {one for one in marks if one in present} | _described(plan, state)
    if not plan.steps and kept == marks.keys():
        return
    told = _told(plan, approved_by)
    if not kept:
        if row is not None:
            uow.emit(EventType.CONFIGURATION_DELETED, row, **told)
            await uow.delete(row)
        return
    row = await _applied(uow, plan, row, approved_by)
    uow.emit(EventType.CONFIGURATION_APPLIED, row, **told)
    for object_id in sorted(kept - marks.keys()):
        mark = ManagedObject(object_id=object_id, account=row.account, configuration_id=row.id)
        uow.add(mark)
    for object_id in sorted(marks.keys() - kept):
        await uow.session.delete(marks[object_id])
    await uow.flush()


def _described(plan: Plan, state: State) -> set[str]:
    """The ids of what the document describes."""
    return {state.items[key].id or "" for key in plan.described}


async def _applied(
    uow: UnitOfWork, plan: Plan, row: Configuration | None, approved_by: str | None
) -> Configuration:
    if row is not None:
        row.plan, row.approved_by = plan.hash, approved_by
        row.times_applied += 1
        row.updated_at = uow.now
        return row
    row = Configuration(
        id=new_id(IdKind.CONFIGURATION, uow.now),
        account=uow.caller.account,
        name=plan.name,
        plan=plan.hash,
        approved_by=approved_by,
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.insert(row, taken=conflict("changed_meanwhile", "it was applied meanwhile"))
    return row


def _told(plan: Plan, approved_by: str | None) -> dict[str, Any]:
    """What the audit log tells of a plan beside the changes themselves, which are all there."""
    numbers = {verb.value: sum(step.verb is verb for step in plan.steps) for verb in Verb}
    return {"plan": plan.hash, "steps": numbers, "widens": plan.widens, "approved_by": approved_by}
