"""Our own action catalogues, in the form in which every service registers its own.

They follow from the list of actions: what is no action of ours has no entry here.
"""

from functools import lru_cache
from typing import Final

from iam.authz.actions import AccessLevel, Action
from iam_policy.catalogue import ActionCatalogue, ActionEntry, KeyEntry, KeyType, ResourceType

_TAGGED: Final = ("iam:ResourceTag/${TagKey}",)
_PRINCIPAL: Final = ("iam:PermissionsBoundary", "iam:ResourceIsAdministrator", *_TAGGED)
_TAGS: Final = ("iam:RequestTag/${TagKey}", "iam:TagKeys")

_THINGS: Final = {
    name: ResourceType(name, f"arn:${{Partition}}:{rest}", keys)
    for name, rest, keys in (
        ("user", "iam::${Account}:user/${Path}${Name}", _PRINCIPAL),
        ("service", "iam::${Account}:service/${Path}${Name}", _PRINCIPAL),
        ("role", "iam::${Account}:role/${Path}${Name}", _PRINCIPAL),
        ("group", "iam::${Account}:group/${Path}${Name}", ()),
        ("policy", "iam::${Account}:policy/${Path}${Name}", _TAGGED),
        ("action-catalogue", "iam::${Account}:action-catalogue/${Prefix}", ()),
        ("configuration", "iam::${Account}:configuration/${Name}", ()),
        ("job", "iam::${Account}:job/${Name}", ()),
        ("signing-key", "iam::${Account}:signing-key/${KeyId}", ()),
        ("mail", "iam::${Account}:mail", ()),
        ("mail-route", "iam::${Account}:mail-route/${Name}", ()),
        ("mail-template", "iam::${Account}:mail-template/${Name}", ()),
        ("webhook", "iam::${Account}:webhook/${Name}", ()),
        ("installation", "iam::${Account}:installation", ()),
        ("account", "organizations::${Account}:account/${Name}", ()),
        ("guardrail", "organizations::${Account}:policy/${Kind}/${Name}", ()),
        ("resource", "${Service}:${Region}:${Account}:${Resource}", ()),
        ("event", "audit::${Account}:event/${EventId}", ()),
        ("audit-key", "audit::${Account}:key/${KeyId}", ()),
        ("audited-principal", "audit::${Account}:principal/${PrincipalId}", ()),
    )
}
# The first word that stands in an action's name says what the action is about: a group that a
# user joins comes before the user.
_ABOUT: Final = (
    ("ToGroup", ("group",)),
    ("FromGroup", ("group",)),
    ("PrincipalsWithAccess", ("resource",)),
    ("ErasePrincipal", ("audited-principal",)),
    ("PublicKey", ("audit-key",)),
    ("PrincipalAccess", ("user", "service", "role")),
    ("SimulatePrincipal", ("user", "service", "role")),
    ("SimulateCustom", ()),  # it is about nothing but the documents that come with it
    ("AuthorizationDetails", ("configuration",)),
    ("Configuration", ("configuration",)),
    ("ResourcePolic", ("resource",)),
    ("Catalogue", ("action-catalogue",)),
    ("Credential", ("user", "service")),
    ("Job", ("job",)),
    ("SigningKey", ("signing-key",)),
    ("MailRoute", ("mail-route",)),
    ("MailTemplate", ("mail-template",)),
    ("Mail", ("mail",)),
    ("Webhook", ("webhook",)),
    ("User", ("user",)),
    ("Service", ("service",)),
    ("Role", ("role",)),
    ("Group", ("group",)),
    ("Polic", ("policy",)),
    ("Metrics", ("installation",)),
    ("Health", ("installation",)),
    ("Diagnostics", ("installation",)),
    ("Account", ("account",)),
    ("Event", ("event",)),
    ("Evaluate", ("user", "service", "role")),
)
_KEYS: Final = {
    "iam": (
        KeyEntry("iam:PermissionsBoundary", KeyType.ARN),
        KeyEntry("iam:PolicyARN", KeyType.ARN),
        KeyEntry("iam:ResourceIsAdministrator", KeyType.BOOL),
        KeyEntry("iam:CredentialKind"),
        KeyEntry("iam:CatalogueOwner", KeyType.ARN),
    ),
    "decisions": (KeyEntry("decisions:ActionPrefix"),),
}

# Trust policies and permissions to hand out roles name these, though no route does.
_WITHOUT_ROUTE: Final = {
    "iam": (ActionEntry("PassRole", AccessLevel.WRITE, ("role",)),),
    "sts": (
        ActionEntry("AssumeRole", AccessLevel.WRITE, ("role",)),
        ActionEntry("TagSession", AccessLevel.TAGGING, ("role",), _TAGS),
    ),
}


@lru_cache(maxsize=1)
def own_catalogues() -> tuple[ActionCatalogue, ...]:
    """The catalogues of `iam`, `sts`, `organizations`, `audit` and `decisions`."""
    prefixes = dict.fromkeys(action.prefix for action in Action)
    return tuple(_catalogue(prefix) for prefix in prefixes)


def _catalogue(prefix: str) -> ActionCatalogue:
    routed = [_entry(action) for action in Action if action.prefix == prefix]
    names = {entry.name for entry in routed}
    others = (entry for entry in _WITHOUT_ROUTE.get(prefix, ()) if entry.name not in names)
    actions = (*routed, *others)
    used = {name for action in actions for name in action.resource_types}
    return ActionCatalogue(
        prefix=prefix,
        actions=actions,
        resource_types=tuple(thing for name, thing in _THINGS.items() if name in used),
        condition_keys=_KEYS.get(prefix, ()),
    )


def _entry(action: Action) -> ActionEntry:
    return ActionEntry(
        name=action.operation,
        access_level=action.access_level,
        resource_types=_resource_types(action),
        condition_keys=_condition_keys(action),
    )


def _resource_types(action: Action) -> tuple[str, ...]:
    verb = action.operation
    if action.prefix == "organizations" and "Polic" in verb:
        is_pair = verb.startswith(("Attach", "Detach"))
        return ("guardrail", "account", "installation") if is_pair else ("guardrail",)
    found = next((kinds for word, kinds in _ABOUT if word in verb), ())
    # Who hands out a policy is asked twice: about the holder, and about the policy (PE-02).
    is_pair = verb.startswith(("Attach", "Detach"))
    return (*found, "policy") if is_pair else found


def _condition_keys(action: Action) -> tuple[str, ...]:
    verb = action.operation
    keys: tuple[str, ...] = ()
    if verb.startswith(("Attach", "Detach")):
        keys += ("iam:PolicyARN",)
    if "Credential" in verb:
        keys += ("iam:CredentialKind",)
    if verb in {"PutActionCatalogue", "DeleteActionCatalogue"}:
        keys += ("iam:CatalogueOwner",)
    if verb.startswith("Create") or action.access_level is AccessLevel.TAGGING:
        keys += _TAGS
    if action is Action.EVALUATE:
        keys += ("decisions:ActionPrefix",)
    return keys
