"""ALL tables, one file per aggregate: columns, constraints and pure properties; no queries.

They are one package because they refer to each other both ways. Which of them are audited is
listed in `journal/events.py`.
"""

from iam.models.account import MAIN_ACCOUNT, SHIPPED_ACCOUNT, Account, AccountStatus
from iam.models.action_catalogue import ActionCatalogue
from iam.models.audit_chain import AuditChain, AuditCheckpoint
from iam.models.audit_entry import AuditEntry
from iam.models.backup import Backup, Restore
from iam.models.base import Base
from iam.models.change import Change
from iam.models.configuration import Configuration, ManagedObject
from iam.models.credential import Credential, CredentialKind, CredentialStatus, CredentialUse
from iam.models.delivery import Delivery, DeliveryChannel, DeliveryState
from iam.models.denied_question import DeniedQuestion
from iam.models.group import ADMINISTRATORS, Group, GroupMembership
from iam.models.guardrail import (
    FULL_ACCESS,
    Guardrail,
    GuardrailAttachment,
    GuardrailKind,
    guardrail_resource,
)
from iam.models.idempotency_record import IdempotencyRecord
from iam.models.installation import Installation
from iam.models.issued_token import IssuedToken, OneTimeId
from iam.models.job import Job, JobRun, RunStatus
from iam.models.lease import Lease
from iam.models.mail import Mail, MailRoute, MailTemplate
from iam.models.master_key import MasterKey, MasterKeyState, RecoveryRecipient
from iam.models.outbox_message import OutboxMessage
from iam.models.policy import InlinePolicy, Policy, PolicyAttachment, PolicyVersion
from iam.models.principal import (
    Principal,
    PrincipalKind,
    PrincipalStatus,
    Role,
    Service,
    ServiceAudience,
    User,
)
from iam.models.resource_policy import ResourcePolicy, resource_key
from iam.models.signing_key import SigningKey, SigningKeyState
from iam.models.webhook import Webhook, WebhookKind, WebhookStatus

__all__ = [
    "ADMINISTRATORS",
    "FULL_ACCESS",
    "MAIN_ACCOUNT",
    "SHIPPED_ACCOUNT",
    "Account",
    "AccountStatus",
    "ActionCatalogue",
    "AuditChain",
    "AuditCheckpoint",
    "AuditEntry",
    "Backup",
    "Base",
    "Change",
    "Configuration",
    "Credential",
    "CredentialKind",
    "CredentialStatus",
    "CredentialUse",
    "Delivery",
    "DeliveryChannel",
    "DeliveryState",
    "DeniedQuestion",
    "Group",
    "GroupMembership",
    "Guardrail",
    "GuardrailAttachment",
    "GuardrailKind",
    "IdempotencyRecord",
    "InlinePolicy",
    "Installation",
    "IssuedToken",
    "Job",
    "JobRun",
    "Lease",
    "Mail",
    "MailRoute",
    "MailTemplate",
    "ManagedObject",
    "MasterKey",
    "MasterKeyState",
    "OneTimeId",
    "OutboxMessage",
    "Policy",
    "PolicyAttachment",
    "PolicyVersion",
    "Principal",
    "PrincipalKind",
    "PrincipalStatus",
    "RecoveryRecipient",
    "ResourcePolicy",
    "Restore",
    "Role",
    "RunStatus",
    "Service",
    "ServiceAudience",
    "SigningKey",
    "SigningKeyState",
    "User",
    "Webhook",
    "WebhookKind",
    "WebhookStatus",
    "guardrail_resource",
    "resource_key",
]
