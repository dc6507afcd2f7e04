"""The catalogue of events, and the tables whose changes must have one.

An event is what happened, once, in the transaction that did it. Its type is
`iam.{entity}.{verb}.v1`; names are only ever added, never changed or used again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any

from iam import models


@unique
class EventType(StrEnum):
    """Every event that this service knows."""

    INSTALLATION_CREATED = "iam.installation.created.v1"
    INSTALLATION_UPDATED = "iam.installation.updated.v1"
    INSTALLATION_RESTORED = "iam.installation.restored.v1"

    BACKUP_CREATED = "iam.backup.created.v1"
    BACKUP_VERIFIED = "iam.backup.verified.v1"
    BACKUP_DELETED = "iam.backup.deleted.v1"

    MASTER_KEY_PROVIDED = "iam.master_key.provided.v1"
    MASTER_KEY_PUT_TO_USE = "iam.master_key.put_to_use.v1"
    MASTER_KEY_SUPERSEDED = "iam.master_key.superseded.v1"
    MASTER_KEY_WITHDRAWN = "iam.master_key.withdrawn.v1"

    RECOVERY_RECIPIENT_CREATED = "iam.recovery_recipient.created.v1"
    RECOVERY_RECIPIENT_CONFIRMED = "iam.recovery_recipient.confirmed.v1"
    RECOVERY_RECIPIENT_DELETED = "iam.recovery_recipient.deleted.v1"

    ACCOUNT_CREATED = "iam.account.created.v1"
    ACCOUNT_UPDATED = "iam.account.updated.v1"
    ACCOUNT_SUSPENDED = "iam.account.suspended.v1"
    ACCOUNT_REACTIVATED = "iam.account.reactivated.v1"
    ACCOUNT_DELETED = "iam.account.deleted.v1"

    USER_CREATED = "iam.user.created.v1"
    USER_UPDATED = "iam.user.updated.v1"
    USER_TAGGED = "iam.user.tagged.v1"
    USER_DISABLED = "iam.user.disabled.v1"
    USER_ENABLED = "iam.user.enabled.v1"
    USER_DELETED = "iam.user.deleted.v1"
    USER_POLICY_ATTACHED = "iam.user.policy_attached.v1"
    USER_POLICY_DETACHED = "iam.user.policy_detached.v1"
    USER_INLINE_POLICY_PUT = "iam.user.inline_policy_put.v1"
    USER_INLINE_POLICY_DELETED = "iam.user.inline_policy_deleted.v1"
    USER_BOUNDARY_PUT = "iam.user.permissions_boundary_put.v1"
    USER_BOUNDARY_DELETED = "iam.user.permissions_boundary_deleted.v1"

    SERVICE_CREATED = "iam.service.created.v1"
    SERVICE_RESCUED = "iam.service.rescued.v1"
    SERVICE_UPDATED = "iam.service.updated.v1"
    SERVICE_TAGGED = "iam.service.tagged.v1"
    SERVICE_DISABLED = "iam.service.disabled.v1"
    SERVICE_ENABLED = "iam.service.enabled.v1"
    SERVICE_DELETED = "iam.service.deleted.v1"
    SERVICE_POLICY_ATTACHED = "iam.service.policy_attached.v1"
    SERVICE_POLICY_DETACHED = "iam.service.policy_detached.v1"
    SERVICE_INLINE_POLICY_PUT = "iam.service.inline_policy_put.v1"
    SERVICE_INLINE_POLICY_DELETED = "iam.service.inline_policy_deleted.v1"
    SERVICE_BOUNDARY_PUT = "iam.service.permissions_boundary_put.v1"
    SERVICE_BOUNDARY_DELETED = "iam.service.permissions_boundary_deleted.v1"

    ROLE_CREATED = "iam.role.created.v1"
    ROLE_UPDATED = "iam.role.updated.v1"
    ROLE_TAGGED = "iam.role.tagged.v1"
    ROLE_DISABLED = "iam.role.disabled.v1"
    ROLE_ENABLED = "iam.role.enabled.v1"
    ROLE_DELETED = "iam.role.deleted.v1"
    ROLE_TRUST_POLICY_UPDATED = "iam.role.trust_policy_updated.v1"
    ROLE_POLICY_ATTACHED = "iam.role.policy_attached.v1"
    ROLE_POLICY_DETACHED = "iam.role.policy_detached.v1"
    ROLE_INLINE_POLICY_PUT = "iam.role.inline_policy_put.v1"
    ROLE_INLINE_POLICY_DELETED = "iam.role.inline_policy_deleted.v1"
    ROLE_BOUNDARY_PUT = "iam.role.permissions_boundary_put.v1"
    ROLE_BOUNDARY_DELETED = "iam.role.permissions_boundary_deleted.v1"

    GROUP_CREATED = "iam.group.created.v1"
    GROUP_UPDATED = "iam.group.updated.v1"
    GROUP_DELETED = "iam.group.deleted.v1"
    GROUP_MEMBER_ADDED = "iam.group.member_added.v1"
    GROUP_MEMBER_REMOVED = "iam.group.member_removed.v1"
    GROUP_POLICY_ATTACHED = "iam.group.policy_attached.v1"
    GROUP_POLICY_DETACHED = "iam.group.policy_detached.v1"
    GROUP_INLINE_POLICY_PUT = "iam.group.inline_policy_put.v1"
    GROUP_INLINE_POLICY_DELETED = "iam.group.inline_policy_deleted.v1"

    POLICY_CREATED = "iam.policy.created.v1"
    POLICY_UPDATED = "iam.policy.updated.v1"
    POLICY_TAGGED = "iam.policy.tagged.v1"
    POLICY_DELETED = "iam.policy.deleted.v1"
    POLICY_VERSION_CREATED = "iam.policy.version_created.v1"
    POLICY_VERSION_DELETED = "iam.policy.version_deleted.v1"
    POLICY_DEFAULT_VERSION_SET = "iam.policy.default_version_set.v1"

    RESOURCE_POLICY_CREATED = "iam.resource_policy.created.v1"
    RESOURCE_POLICY_UPDATED = "iam.resource_policy.updated.v1"
    RESOURCE_POLICY_DELETED = "iam.resource_policy.deleted.v1"

    GUARDRAIL_CREATED = "iam.guardrail.created.v1"
    GUARDRAIL_UPDATED = "iam.guardrail.updated.v1"
    GUARDRAIL_DELETED = "iam.guardrail.deleted.v1"
    GUARDRAIL_ATTACHED = "iam.guardrail.attached.v1"
    GUARDRAIL_DETACHED = "iam.guardrail.detached.v1"

    ACTION_CATALOGUE_CREATED = "iam.action_catalogue.created.v1"
    ACTION_CATALOGUE_UPDATED = "iam.action_catalogue.updated.v1"
    ACTION_CATALOGUE_DELETED = "iam.action_catalogue.deleted.v1"

    CONFIGURATION_APPLIED = "iam.configuration.applied.v1"
    CONFIGURATION_DELETED = "iam.configuration.deleted.v1"

    CREDENTIAL_CREATED = "iam.credential.created.v1"
    CREDENTIAL_UPDATED = "iam.credential.updated.v1"
    CREDENTIAL_QUARANTINED = "iam.credential.quarantined.v1"
    CREDENTIAL_REACTIVATED = "iam.credential.reactivated.v1"
    CREDENTIAL_REVOKED = "iam.credential.revoked.v1"

    SIGNING_KEY_PREPARED = "iam.signing_key.prepared.v1"
    SIGNING_KEY_ACTIVATED = "iam.signing_key.activated.v1"
    SIGNING_KEY_RETIRED = "iam.signing_key.retired.v1"
    SIGNING_KEY_REMOVED = "iam.signing_key.removed.v1"
    SIGNING_KEY_TAINTED = "iam.signing_key.tainted.v1"

    WEBHOOK_CREATED = "iam.webhook.created.v1"
    WEBHOOK_UPDATED = "iam.webhook.updated.v1"
    WEBHOOK_DELETED = "iam.webhook.deleted.v1"
    WEBHOOK_ENABLED = "iam.webhook.enabled.v1"
    WEBHOOK_DISABLED = "iam.webhook.disabled.v1"
    WEBHOOK_SECRET_ROTATED = "iam.webhook.secret_rotated.v1"  # noqa: S105 -- the name of an event
    WEBHOOK_TESTED = "iam.webhook.tested.v1"
    WEBHOOK_REPLAYED = "iam.webhook.replayed.v1"

    JOB_CREATED = "iam.job.created.v1"
    JOB_UPDATED = "iam.job.updated.v1"

    JOB_RUN_REQUESTED = "iam.job_run.requested.v1"
    JOB_RUN_STARTED = "iam.job_run.started.v1"
    JOB_RUN_SUCCEEDED = "iam.job_run.succeeded.v1"
    JOB_RUN_INCOMPLETE = "iam.job_run.incomplete.v1"
    JOB_RUN_FAILED = "iam.job_run.failed.v1"
    JOB_RUN_INTERRUPTED = "iam.job_run.interrupted.v1"
    JOB_RUN_LOST = "iam.job_run.lost.v1"
    JOB_RUN_MISSED = "iam.job_run.missed.v1"
    JOB_RUN_CANCEL_REQUESTED = "iam.job_run.cancel_requested.v1"
    JOB_RUN_CANCELLED = "iam.job_run.cancelled.v1"

    MAIL_ROUTE_CREATED = "iam.mail_route.created.v1"
    MAIL_ROUTE_UPDATED = "iam.mail_route.updated.v1"
    MAIL_ROUTE_DELETED = "iam.mail_route.deleted.v1"
    MAIL_TEMPLATE_PUT = "iam.mail_template.put.v1"
    MAIL_TEMPLATE_DELETED = "iam.mail_template.deleted.v1"
    MAIL_TEST_SENT = "iam.mail.test_sent.v1"

    TOKEN_REVOKED = "iam.token.revoked.v1"  # noqa: S105 -- the name of an event

    ACCESS_DENIED = "iam.access.denied.v1"
    DENIALS_DROPPED = "iam.audit_log.denials_dropped.v1"
    AUDIT_LOG_CHECKPOINTED = "iam.audit_log.checkpointed.v1"
    AUDIT_LOG_PERSON_ERASED = "iam.audit_log.person_erased.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a use case says it did; the journal adds who, when, before and after.

    Attributes:
        type: What happened.
        account: The account it happened in.
        subject: The ARN of what it happened to.
        target_id: The immutable id of the same; ties the event to the changed rows.
        detail: More that a reader wants; JSON values, never a secret.
    """

    type: EventType
    account: str
    subject: str
    target_id: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audited:
    """How the changes of one table are accounted for.

    Attributes:
        target: The id that the event of a change must name.
        touches: The entities whose snapshots the change makes stale.
    """

    target: Callable[[Any], str]
    touches: Callable[[Any], tuple[str, ...]]


def _holder(row: models.PolicyAttachment | models.InlinePolicy) -> str:
    return row.principal_id or row.group_id or ""


SIGNING_KEYS = "signing-keys"
"""The entity id that stands for the key set as a whole."""


def master_key_in(state: str, key_id: str) -> str:
    """The entity id that tells which master key came into which state."""
    return f"master-key:{state}:{key_id}"


GUARDRAILS = "guardrails"
"""The entity id that stands for all guardrails and where they are attached."""


def resource_policies_of(account: str) -> str:
    """The entity id that stands for all resource policies of an account."""
    return f"resource-policies:{account}"


def policy_of_resource(key: str) -> str:
    """The entity id of the policy of the resource with this key, also when it has none."""
    return f"resource-policy:{key}"


def action_catalogues_of(account: str) -> str:
    """The entity id that stands for all action catalogues of an account."""
    return f"action-catalogues:{account}"


def _resource(row: models.ResourcePolicy) -> tuple[str, ...]:
    return policy_of_resource(row.resource_key), resource_policies_of(row.account)


AUDITED: dict[type[models.Base], Audited] = {
    models.Installation: Audited(lambda _: "installation", lambda _: ("installation",)),
    models.Backup: Audited(lambda row: row.id, lambda row: (row.id,)),
    models.MasterKey: Audited(lambda row: row.id, lambda row: (master_key_in(row.state, row.id),)),
    models.RecoveryRecipient: Audited(lambda row: row.id, lambda row: (row.id,)),
    models.Account: Audited(lambda row: row.id, lambda row: (f"account:{row.id}",)),
    models.Principal: Audited(lambda row: row.id, lambda row: (row.id,)),
    models.ServiceAudience: Audited(lambda row: row.service_id, lambda row: (row.service_id,)),
    models.Group: Audited(lambda row: row.id, lambda row: (row.id,)),
    models.GroupMembership: Audited(lambda row: row.group_id, lambda row: (row.principal_id,)),
    models.Policy: Audited(lambda row: row.id, lambda row: (row.id,)),
    models.PolicyVersion: Audited(lambda row: row.policy_id, lambda row: (row.policy_id,)),
    models.PolicyAttachment: Audited(_holder, lambda row: (_holder(row),)),
    models.InlinePolicy: Audited(_holder, lambda row: (_holder(row),)),
    models.ResourcePolicy: Audited(lambda row: row.id, _resource),
    models.Guardrail: Audited(lambda row: row.id, lambda _: (GUARDRAILS,)),
    models.GuardrailAttachment: Audited(lambda row: row.guardrail_id, lambda _: (GUARDRAILS,)),
    models.ActionCatalogue: Audited(
        lambda row: row.id, lambda row: (action_catalogues_of(row.account),)
    ),
    models.Configuration: Audited(lambda row: row.id, lambda row: (row.id,)),
    models.Credential: Audited(lambda row: row.id, lambda row: (row.id, row.principal_id)),
    models.Job: Audited(lambda row: row.name, lambda row: (f"job:{row.name}",)),
    models.SigningKey: Audited(lambda row: row.kid, lambda row: (row.kid, SIGNING_KEYS)),
    models.MailRoute: Audited(lambda row: row.id, lambda row: (row.id,)),
    models.MailTemplate: Audited(lambda row: row.id, lambda row: (row.id,)),
    models.Webhook: Audited(lambda row: row.id, lambda row: (row.id,)),
}
"""The audited tables. Ledger, usage, one-time ids and counters are not: their rows are their own
record, or no record is wanted."""


def audited(row: object) -> Audited | None:
    """How the changes of this row are accounted for; `None` when they are not."""
    for parent in type(row).__mro__:
        if parent in AUDITED:
            return AUDITED[parent]
    return None
