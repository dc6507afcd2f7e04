"""Use cases of managed policies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.authz.context import both_prefixes
from iam.errors import IamError, conflict, not_found
from iam.features.catalogues.service import examine
from iam.features.policies import queries
from iam.features.policies.queries import Entity, Scope
from iam.features.policies.rules import (
    check_addressable,
    checked_document,
    is_shipped_name,
    version_id,
)
from iam.features.principals.rules import (
    MAX_GROUP_OR_POLICY_NAME,
    check_name,
    check_path,
    check_path_prefix,
    check_tags,
    merged_tags,
    remaining_tags,
)
from iam.features.principals.service import VersionCheck, tag_context
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.pages import Page
from iam.models import Policy, PolicyVersion
from iam.work import UnitOfWork
from iam_policy.lint import Finding


async def create_policy(
    uow: UnitOfWork,
    *,
    name: str,
    document: Mapping[str, Any],
    path: str = "/",
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> tuple[Policy, tuple[Finding, ...]]:
    """Create a policy with its first version, which is the default; returns what lint says, too.

    Raises `conflict` when the name is taken, by a shipped policy too, and `invalid` with every
    defect of the document.
    """
    tags = dict(tags or {})
    await _authorize_creation(uow, name=name, path=path, tags=tags)
    text = checked_document(document, uow.settings.policies.limits())
    if is_shipped_name(name):
        raise _name_taken(name)
    policy = Policy(
        id=new_id(IdKind.POLICY, uow.now),
        account=uow.caller.account,
        name=name,
        path=path,
        description=description,
        tags=tags,
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.insert(policy, taken=_name_taken(name))
    uow.add(_version(uow, policy, text))
    uow.emit(EventType.POLICY_CREATED, policy)
    return policy, await examine(uow, text)


async def get_policy(uow: UnitOfWork, *, policy: str) -> Policy:
    """The policy with this name, id or ARN."""
    return await authorized_policy(uow, policy, Action.GET_POLICY)


async def list_policies(
    uow: UnitOfWork,
    *,
    limit: int,
    cursor: str | None = None,
    path_prefix: str = "/",
    scope: Scope = Scope.ALL,
) -> Page[Policy]:
    """One page of the policies that the account can use, oldest first."""
    check_path_prefix(path_prefix)
    resource = uow.arn_of("iam", uow.caller.account, f"policy{path_prefix}*")
    await authorize(uow, Action.LIST_POLICIES, resource)
    return await queries.list_policies(
        uow, limit=limit, cursor=cursor, path_prefix=path_prefix, scope=scope
    )


async def update_policy(
    uow: UnitOfWork, *, policy: str, changes: Mapping[str, str], expecting: VersionCheck
) -> Policy:
    """Change the `description`."""
    row = await _own_policy(uow, policy, Action.UPDATE_POLICY)
    expecting(row.version)
    for field, value in changes.items():
        setattr(row, field, value)
    if uow.session.is_modified(row):
        row.updated_at = uow.now
        uow.emit(EventType.POLICY_UPDATED, row)
        await uow.flush()
    return row


async def tag_policy(
    uow: UnitOfWork, *, policy: str, tags: Mapping[str, str], expecting: VersionCheck
) -> Policy:
    """Add tags, or give present ones a new value."""
    row = await _own_policy(uow, policy, Action.TAG_POLICY, context=tag_context(tags))
    expecting(row.version)
    return await _set_tags(uow, row, merged_tags(row.tags, tags))


async def untag_policy(
    uow: UnitOfWork, *, policy: str, keys: Sequence[str], expecting: VersionCheck
) -> Policy:
    """Remove tags; a key that is not there is no error."""
    context = both_prefixes({"TagKeys": list(keys)})
    row = await _own_policy(uow, policy, Action.UNTAG_POLICY, context=context)
    expecting(row.version)
    return await _set_tags(uow, row, remaining_tags(row.tags, list(keys)))


async def delete_policy(uow: UnitOfWork, *, policy: str, expecting: VersionCheck) -> None:
    """Delete a policy with all its versions.

    Raises `conflict` while it is attached to somebody or limits somebody as a boundary.
    """
    row = await _own_policy(uow, policy, Action.DELETE_POLICY)
    expecting(row.version)
    uow.emit(EventType.POLICY_DELETED, row)
    message = f"`{row.name}` is still attached, or is a permissions boundary; detach it first"
    await uow.delete(row, in_use=conflict("policy_in_use", message))


async def create_version(
    uow: UnitOfWork,
    *,
    policy: str,
    document: Mapping[str, Any],
    set_as_default: bool = False,
    expecting: VersionCheck,
) -> tuple[Policy, PolicyVersion, tuple[Finding, ...]]:
    """Add a version, and say what lint says about it; no version ever had its number.

    To make it the default takes `iam:SetDefaultPolicyVersion` besides: who may only write
    versions cannot give anybody rights with them (PE-01).
    """
    row = await _own_policy(uow, policy, Action.CREATE_POLICY_VERSION)
    if set_as_default:
        await authorize(
            uow, Action.SET_DEFAULT_POLICY_VERSION, uow.arn(row), context=_resource_context(row)
        )
    text = checked_document(document, uow.settings.policies.limits())
    row = await _locked(uow, row)
    expecting(row.version)
    most = uow.settings.policies.versions
    if await queries.count_versions(uow, row) >= most:
        message = f"`{row.name}` has {most} versions already; delete one first"
        raise conflict("limit_exceeded", message)
    row.last_version += 1
    row.updated_at = uow.now
    if set_as_default:
        row.default_version = row.last_version
    version = _version(uow, row, text)
    uow.add(version)
    name = version_id(version.number)
    uow.emit(EventType.POLICY_VERSION_CREATED, row, version=name, is_default=set_as_default)
    await uow.flush()
    return row, version, await examine(uow, text)


async def list_versions(uow: UnitOfWork, *, policy: str) -> tuple[Policy, list[PolicyVersion]]:
    """A policy and all its versions, newest first."""
    row = await authorized_policy(uow, policy, Action.LIST_POLICY_VERSIONS)
    return row, await queries.list_versions(uow, row)


async def get_version(
    uow: UnitOfWork, *, policy: str, version: str
) -> tuple[Policy, PolicyVersion]:
    """A policy and one of its versions, called `v3` or `3`."""
    row = await authorized_policy(uow, policy, Action.GET_POLICY_VERSION)
    return row, await _version_of(uow, row, version)


async def delete_version(uow: UnitOfWork, *, policy: str, version: str) -> None:
    """Delete a version. Raises `conflict` when it is the default one."""
    row = await _own_policy(uow, policy, Action.DELETE_POLICY_VERSION)
    row = await _locked(uow, row)
    found = await _version_of(uow, row, version)
    if found.number == row.default_version:
        message = f"`{version_id(found.number)}` is the default version; make another one default"
        raise conflict("default_version", message)
    row.updated_at = uow.now
    uow.emit(EventType.POLICY_VERSION_DELETED, row, version=version_id(found.number))
    await uow.delete(found)


async def set_default_version(
    uow: UnitOfWork, *, policy: str, version: str, expecting: VersionCheck
) -> Policy:
    """Make a version the one that counts, from the next decision on."""
    row = await _own_policy(uow, policy, Action.SET_DEFAULT_POLICY_VERSION)
    row = await _locked(uow, row)
    expecting(row.version)
    found = await _version_of(uow, row, version)
    if row.default_version != found.number:
        row.default_version = found.number
        row.updated_at = uow.now
        uow.emit(EventType.POLICY_DEFAULT_VERSION_SET, row, version=version_id(found.number))
        await uow.flush()
    return row


async def list_entities(
    uow: UnitOfWork, *, policy: str, limit: int, cursor: str | None = None
) -> Page[Entity]:
    """One page of whom a policy is attached to, and whom it limits."""
    row = await authorized_policy(uow, policy, Action.LIST_ENTITIES_FOR_POLICY)
    return await queries.list_entities(uow, row, limit=limit, cursor=cursor)


async def authorized_policy(
    uow: UnitOfWork, reference: str, action: Action, *, context: Mapping[str, Any] | None = None
) -> Policy:
    """The policy, own or shipped, if the caller may do this to it.

    Who may not is told so whether or not it exists. Raises `IamError` of kind `denied` or
    `not_found`.
    """
    row = await queries.find_policy(uow, reference)
    keys = {**(_resource_context(row) if row else {}), **(context or {})}
    await authorize(uow, action, reference_arn(uow, row, reference), context=keys)
    if row is None:
        raise no_such_policy(reference)
    return row


@dataclass(frozen=True, slots=True)
class ChosenBoundary:
    """The permissions boundary that somebody names for a principal to be created.

    Attributes:
        context: The condition key `iam:PermissionsBoundary`; empty when no boundary is named.
        reference: As it was named.
    """

    context: Mapping[str, Any]
    reference: str | None
    _policy: Policy | None

    def policy_id(self) -> str | None:
        """The policy's id. Raises `not_found`: for those who may create the principal only."""
        if self.reference is None:
            return None
        if self._policy is None:
            raise no_such_policy(self.reference)
        return self._policy.id


async def choose_boundary(uow: UnitOfWork, reference: str | None) -> ChosenBoundary:
    """What is named as the boundary of a new principal, to be authorized with its creation."""
    if reference is None:
        return ChosenBoundary({}, None, None)
    found = await queries.find_policy(uow, reference)
    context = {"iam:PermissionsBoundary": reference_arn(uow, found, reference)}
    return ChosenBoundary(context, reference, found)


def reference_arn(uow: UnitOfWork, row: Policy | None, reference: str) -> str:
    """The ARN of a policy, or the one that it would have if it existed."""
    if row is not None:
        return uow.arn(row)
    return uow.arn_of("iam", uow.caller.account, f"policy/{reference[:128]}")


def no_such_policy(reference: str) -> IamError:
    """The error for a reference that means no policy of the account, nor a shipped one."""
    return not_found("not_found", f"there is no policy `{reference[:128]}`")


async def _authorize_creation(
    uow: UnitOfWork, *, name: str, path: str, tags: Mapping[str, str]
) -> None:
    check_name(name, maximum=MAX_GROUP_OR_POLICY_NAME)
    check_path(path)
    check_addressable(path, name)
    check_tags(tags)
    resource = uow.arn_of("iam", uow.caller.account, f"policy{path}{name}")
    context = tag_context(tags)
    await authorize(uow, Action.CREATE_POLICY, resource, context=context)
    if tags:
        await authorize(uow, Action.TAG_POLICY, resource, context=context)


async def _own_policy(
    uow: UnitOfWork, reference: str, action: Action, *, context: Mapping[str, Any] | None = None
) -> Policy:
    """A policy to change: one of the account's own."""
    row = await authorized_policy(uow, reference, action, context=context)
    if row.account != uow.caller.account:
        message = f"`{row.name}` comes with the software; nobody can change it"
        raise conflict("policy_is_shipped", message)
    return row


def _resource_context(row: Policy) -> dict[str, Any]:
    return both_prefixes({f"ResourceTag/{key}": value for key, value in row.tags.items()})


async def _locked(uow: UnitOfWork, row: Policy) -> Policy:
    locked = await queries.locked_policy(uow, row.id)
    if locked is None:
        raise no_such_policy(row.name)
    return locked


async def _version_of(uow: UnitOfWork, row: Policy, reference: str) -> PolicyVersion:
    found = await queries.find_version(uow, row, reference)
    if found is None:
        message = f"`{row.name}` has no version `{reference[:16]}`"
        raise not_found("not_found", message)
    return found


def _version(uow: UnitOfWork, policy: Policy, text: str) -> PolicyVersion:
    return PolicyVersion(
        policy_id=policy.id,
        number=policy.last_version,
        account=policy.account,
        document=text,
        created_by=uow.caller.id,
        created_at=uow.now,
    )


async def _set_tags(uow: UnitOfWork, row: Policy, tags: dict[str, str]) -> Policy:
    check_tags(tags)
    if tags != row.tags:
        row.tags = tags
        row.updated_at = uow.now
        uow.emit(EventType.POLICY_TAGGED, row)
        await uow.flush()
    return row


def _name_taken(name: str) -> IamError:
    return conflict("name_taken", f"a policy named `{name}` exists already")
