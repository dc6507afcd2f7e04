"""The catalogue of actions: every operation of this service, on what, and how far it reaches.

Names are AWS's where AWS has the operation. Each route names its action, and a test walks this
list: an operation that is not here cannot be called.
"""

from dataclasses import dataclass
from enum import StrEnum, unique

from iam_policy.catalogue import AccessLevel


@unique
class Action(StrEnum):
    """Every action that a policy about this service can name."""

    CREATE_ACCOUNT = "organizations:CreateAccount"
    DESCRIBE_ACCOUNT = "organizations:DescribeAccount"
    LIST_ACCOUNTS = "organizations:ListAccounts"
    UPDATE_ACCOUNT = "organizations:UpdateAccount"
    SUSPEND_ACCOUNT = "organizations:SuspendAccount"
    REACTIVATE_ACCOUNT = "organizations:ReactivateAccount"
    DELETE_ACCOUNT = "organizations:DeleteAccount"

    CREATE_GUARDRAIL = "organizations:CreatePolicy"
    UPDATE_GUARDRAIL = "organizations:UpdatePolicy"
    DELETE_GUARDRAIL = "organizations:DeletePolicy"
    DESCRIBE_GUARDRAIL = "organizations:DescribePolicy"
    LIST_GUARDRAILS = "organizations:ListPolicies"
    ATTACH_GUARDRAIL = "organizations:AttachPolicy"
    DETACH_GUARDRAIL = "organizations:DetachPolicy"
    LIST_GUARDRAIL_TARGETS = "organizations:ListTargetsForPolicy"

    CREATE_USER = "iam:CreateUser"
    GET_USER = "iam:GetUser"
    LIST_USERS = "iam:ListUsers"
    UPDATE_USER = "iam:UpdateUser"
    DELETE_USER = "iam:DeleteUser"
    DISABLE_USER = "iam:DisableUser"
    ENABLE_USER = "iam:EnableUser"
    TAG_USER = "iam:TagUser"
    UNTAG_USER = "iam:UntagUser"
    LIST_GROUPS_FOR_USER = "iam:ListGroupsForUser"
    ATTACH_USER_POLICY = "iam:AttachUserPolicy"
    DETACH_USER_POLICY = "iam:DetachUserPolicy"
    LIST_ATTACHED_USER_POLICIES = "iam:ListAttachedUserPolicies"
    PUT_USER_POLICY = "iam:PutUserPolicy"
    GET_USER_POLICY = "iam:GetUserPolicy"
    DELETE_USER_POLICY = "iam:DeleteUserPolicy"
    LIST_USER_POLICIES = "iam:ListUserPolicies"
    PUT_USER_PERMISSIONS_BOUNDARY = "iam:PutUserPermissionsBoundary"
    DELETE_USER_PERMISSIONS_BOUNDARY = "iam:DeleteUserPermissionsBoundary"

    CREATE_SERVICE = "iam:CreateService"
    GET_SERVICE = "iam:GetService"
    LIST_SERVICES = "iam:ListServices"
    UPDATE_SERVICE = "iam:UpdateService"
    DELETE_SERVICE = "iam:DeleteService"
    DISABLE_SERVICE = "iam:DisableService"
    ENABLE_SERVICE = "iam:EnableService"
    TAG_SERVICE = "iam:TagService"
    UNTAG_SERVICE = "iam:UntagService"
    LIST_GROUPS_FOR_SERVICE = "iam:ListGroupsForService"
    ATTACH_SERVICE_POLICY = "iam:AttachServicePolicy"
    DETACH_SERVICE_POLICY = "iam:DetachServicePolicy"
    LIST_ATTACHED_SERVICE_POLICIES = "iam:ListAttachedServicePolicies"
    PUT_SERVICE_POLICY = "iam:PutServicePolicy"
    GET_SERVICE_POLICY = "iam:GetServicePolicy"
    DELETE_SERVICE_POLICY = "iam:DeleteServicePolicy"
    LIST_SERVICE_POLICIES = "iam:ListServicePolicies"
    PUT_SERVICE_PERMISSIONS_BOUNDARY = "iam:PutServicePermissionsBoundary"
    DELETE_SERVICE_PERMISSIONS_BOUNDARY = "iam:DeleteServicePermissionsBoundary"

    CREATE_ROLE = "iam:CreateRole"
    GET_ROLE = "iam:GetRole"
    LIST_ROLES = "iam:ListRoles"
    UPDATE_ROLE = "iam:UpdateRole"
    UPDATE_ASSUME_ROLE_POLICY = "iam:UpdateAssumeRolePolicy"
    DELETE_ROLE = "iam:DeleteRole"
    DISABLE_ROLE = "iam:DisableRole"
    ENABLE_ROLE = "iam:EnableRole"
    TAG_ROLE = "iam:TagRole"
    UNTAG_ROLE = "iam:UntagRole"
    ATTACH_ROLE_POLICY = "iam:AttachRolePolicy"
    DETACH_ROLE_POLICY = "iam:DetachRolePolicy"
    LIST_ATTACHED_ROLE_POLICIES = "iam:ListAttachedRolePolicies"
    PUT_ROLE_POLICY = "iam:PutRolePolicy"
    GET_ROLE_POLICY = "iam:GetRolePolicy"
    DELETE_ROLE_POLICY = "iam:DeleteRolePolicy"
    LIST_ROLE_POLICIES = "iam:ListRolePolicies"
    PUT_ROLE_PERMISSIONS_BOUNDARY = "iam:PutRolePermissionsBoundary"
    DELETE_ROLE_PERMISSIONS_BOUNDARY = "iam:DeleteRolePermissionsBoundary"

    CREATE_GROUP = "iam:CreateGroup"
    GET_GROUP = "iam:GetGroup"
    LIST_GROUPS = "iam:ListGroups"
    UPDATE_GROUP = "iam:UpdateGroup"
    DELETE_GROUP = "iam:DeleteGroup"
    ADD_USER_TO_GROUP = "iam:AddUserToGroup"
    REMOVE_USER_FROM_GROUP = "iam:RemoveUserFromGroup"
    ATTACH_GROUP_POLICY = "iam:AttachGroupPolicy"
    DETACH_GROUP_POLICY = "iam:DetachGroupPolicy"
    LIST_ATTACHED_GROUP_POLICIES = "iam:ListAttachedGroupPolicies"
    PUT_GROUP_POLICY = "iam:PutGroupPolicy"
    GET_GROUP_POLICY = "iam:GetGroupPolicy"
    DELETE_GROUP_POLICY = "iam:DeleteGroupPolicy"
    LIST_GROUP_POLICIES = "iam:ListGroupPolicies"

    CREATE_POLICY = "iam:CreatePolicy"
    GET_POLICY = "iam:GetPolicy"
    LIST_POLICIES = "iam:ListPolicies"
    UPDATE_POLICY = "iam:UpdatePolicy"
    DELETE_POLICY = "iam:DeletePolicy"
    TAG_POLICY = "iam:TagPolicy"
    UNTAG_POLICY = "iam:UntagPolicy"
    CREATE_POLICY_VERSION = "iam:CreatePolicyVersion"
    GET_POLICY_VERSION = "iam:GetPolicyVersion"
    LIST_POLICY_VERSIONS = "iam:ListPolicyVersions"
    DELETE_POLICY_VERSION = "iam:DeletePolicyVersion"
    SET_DEFAULT_POLICY_VERSION = "iam:SetDefaultPolicyVersion"
    LIST_ENTITIES_FOR_POLICY = "iam:ListEntitiesForPolicy"
    SIMULATE_CUSTOM_POLICY = "iam:SimulateCustomPolicy"
    SIMULATE_PRINCIPAL_POLICY = "iam:SimulatePrincipalPolicy"
    LIST_PRINCIPALS_WITH_ACCESS = "iam:ListPrincipalsWithAccess"
    LIST_PRINCIPAL_ACCESS = "iam:ListPrincipalAccess"

    PUT_RESOURCE_POLICY = "iam:PutResourcePolicy"
    GET_RESOURCE_POLICY = "iam:GetResourcePolicy"
    LIST_RESOURCE_POLICIES = "iam:ListResourcePolicies"
    DELETE_RESOURCE_POLICY = "iam:DeleteResourcePolicy"

    PUT_ACTION_CATALOGUE = "iam:PutActionCatalogue"
    GET_ACTION_CATALOGUE = "iam:GetActionCatalogue"
    LIST_ACTION_CATALOGUES = "iam:ListActionCatalogues"
    DELETE_ACTION_CATALOGUE = "iam:DeleteActionCatalogue"

    GET_ACCOUNT_AUTHORIZATION_DETAILS = "iam:GetAccountAuthorizationDetails"
    APPLY_CONFIGURATION = "iam:ApplyConfiguration"

    CREATE_CREDENTIAL = "iam:CreateCredential"
    GET_CREDENTIAL = "iam:GetCredential"
    LIST_CREDENTIALS = "iam:ListCredentials"
    UPDATE_CREDENTIAL = "iam:UpdateCredential"
    QUARANTINE_CREDENTIAL = "iam:QuarantineCredential"
    REACTIVATE_CREDENTIAL = "iam:ReactivateCredential"
    REVOKE_CREDENTIAL = "iam:RevokeCredential"

    CREATE_WEBHOOK = "iam:CreateWebhook"
    GET_WEBHOOK = "iam:GetWebhook"
    LIST_WEBHOOKS = "iam:ListWebhooks"
    UPDATE_WEBHOOK = "iam:UpdateWebhook"
    DELETE_WEBHOOK = "iam:DeleteWebhook"
    ENABLE_WEBHOOK = "iam:EnableWebhook"
    DISABLE_WEBHOOK = "iam:DisableWebhook"
    ROTATE_WEBHOOK_SECRET = "iam:RotateWebhookSecret"  # noqa: S105 -- the name of an action
    TEST_WEBHOOK = "iam:TestWebhook"
    LIST_WEBHOOK_DELIVERIES = "iam:ListWebhookDeliveries"
    REPLAY_WEBHOOK_DELIVERIES = "iam:ReplayWebhookDeliveries"

    CREATE_MAIL_ROUTE = "iam:CreateMailRoute"
    GET_MAIL_ROUTE = "iam:GetMailRoute"
    LIST_MAIL_ROUTES = "iam:ListMailRoutes"
    UPDATE_MAIL_ROUTE = "iam:UpdateMailRoute"
    DELETE_MAIL_ROUTE = "iam:DeleteMailRoute"
    PUT_MAIL_TEMPLATE = "iam:PutMailTemplate"
    GET_MAIL_TEMPLATE = "iam:GetMailTemplate"
    LIST_MAIL_TEMPLATES = "iam:ListMailTemplates"
    DELETE_MAIL_TEMPLATE = "iam:DeleteMailTemplate"
    PREVIEW_MAIL_TEMPLATE = "iam:PreviewMailTemplate"
    SEND_TEST_MAIL = "iam:SendTestMail"
    LIST_MAIL_DELIVERIES = "iam:ListMailDeliveries"

    LIST_SIGNING_KEYS = "iam:ListSigningKeys"
    ROTATE_SIGNING_KEYS = "iam:RotateSigningKeys"
    TAINT_SIGNING_KEY = "iam:TaintSigningKey"

    LIST_JOBS = "iam:ListJobs"
    GET_JOB = "iam:GetJob"
    UPDATE_JOB = "iam:UpdateJob"
    RUN_JOB = "iam:RunJob"
    LIST_JOB_RUNS = "iam:ListJobRuns"
    GET_JOB_RUN = "iam:GetJobRun"
    CANCEL_JOB_RUN = "iam:CancelJobRun"

    GET_SERVICE_BEARER_TOKEN = "sts:GetServiceBearerToken"  # noqa: S105 -- the name of an action

    EVALUATE = "decisions:Evaluate"

    LIST_AUDIT_EVENTS = "audit:ListEvents"
    GET_AUDIT_EVENT = "audit:GetEvent"
    EXPORT_AUDIT_EVENTS = "audit:ExportEvents"
    GET_AUDIT_PUBLIC_KEYS = "audit:GetPublicKeys"
    ERASE_AUDIT_PRINCIPAL = "audit:ErasePrincipal"

    READ_METRICS = "iam:GetMetrics"
    READ_HEALTH = "iam:GetHealth"
    GET_DIAGNOSTICS = "iam:GetDiagnostics"

    @property
    def operation(self) -> str:
        """The name without its prefix: the operation id in the OpenAPI document."""
        return self.value.partition(":")[2]

    @property
    def prefix(self) -> str:
        """What stands before the colon."""
        return self.value.partition(":")[0]

    @property
    def access_level(self) -> AccessLevel:
        """How far the action reaches."""
        return _access_level(self)


_PERMISSION_VERBS = ("Attach", "Detach", "Put", "UpdateAssumeRole", "SetDefault", "AddUser")
_PERMISSIONS = frozenset(
    {
        Action.CREATE_POLICY,
        Action.CREATE_POLICY_VERSION,
        Action.DELETE_POLICY,
        Action.DELETE_POLICY_VERSION,
        Action.DELETE_USER_POLICY,
        Action.DELETE_SERVICE_POLICY,
        Action.DELETE_ROLE_POLICY,
        Action.DELETE_GROUP_POLICY,
        Action.DELETE_USER_PERMISSIONS_BOUNDARY,
        Action.DELETE_SERVICE_PERMISSIONS_BOUNDARY,
        Action.DELETE_ROLE_PERMISSIONS_BOUNDARY,
        Action.REMOVE_USER_FROM_GROUP,
        Action.CREATE_GUARDRAIL,
        Action.UPDATE_GUARDRAIL,
        Action.DELETE_GUARDRAIL,
        Action.DELETE_RESOURCE_POLICY,
        Action.CREATE_CREDENTIAL,
        Action.REACTIVATE_CREDENTIAL,
    }
)


def _access_level(action: Action) -> AccessLevel:
    verb = action.operation
    if action in {Action.PUT_ACTION_CATALOGUE, Action.PUT_MAIL_TEMPLATE}:
        return AccessLevel.WRITE  # it says something, and gives nobody anything
    if action in _PERMISSIONS or verb.startswith(_PERMISSION_VERBS):
        return AccessLevel.PERMISSIONS
    if verb.startswith("List"):
        return AccessLevel.LIST
    if verb.startswith(("Get", "Describe", "Evaluate", "Export", "Preview", "Simulate")):
        return AccessLevel.READ
    if verb.startswith(("Tag", "Untag")):
        return AccessLevel.TAGGING
    return AccessLevel.WRITE


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One action as documents and other services see it."""

    action: Action
    access_level: AccessLevel


def catalogue() -> list[CatalogueEntry]:
    """Every action, in the order of this file."""
    return [CatalogueEntry(action, action.access_level) for action in Action]


__all__ = ["AccessLevel", "Action", "CatalogueEntry", "catalogue"]
