"""The events as receivers may rely on them: what each means, and the shape of what it carries.

`python -m iam.journal.event_catalogue` writes `docs/events.md` and `docs/events.schema.json`. Tests
compare them, so that no name and no member changes unseen: receivers live longer than releases.
"""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import LargeBinary, inspect

from iam import models
from iam.journal.events import EventType
from iam.journal.record import UNINTERESTING

Schema = dict[str, Any]

_VERBS: Final = {
    "created": "was made",
    "updated": "was changed",
    "deleted": "was deleted",
    "suspended": "was suspended: none of its principals may act",
    "reactivated": "may be used again",
    "tagged": "got other tags",
    "disabled": "was disabled",
    "enabled": "was enabled again",
    "policy_attached": "got a managed policy",
    "policy_detached": "lost a managed policy",
    "inline_policy_put": "got an inline policy, or another text of it",
    "inline_policy_deleted": "lost an inline policy",
    "permissions_boundary_put": "got a permissions boundary",
    "permissions_boundary_deleted": "lost its permissions boundary",
    "trust_policy_updated": "may be assumed by others than before",
    "member_added": "got a member",
    "member_removed": "lost a member",
    "version_created": "got a version",
    "version_deleted": "lost a version",
    "default_version_set": "has another default version",
    "attached": "binds a level",
    "detached": "no longer binds a level",
    "quarantined": "is out of use until it is reactivated",
    "revoked": "ended for good",
    "prepared": "is published, and does not sign yet",
    "activated": "signs from now on",
    "retired": "signs no longer, and still verifies",
    "removed": "verifies no longer",
    "tainted": "is not to be trusted: nothing that it signed counts",
    "secret_rotated": "has another signing secret",
    "put": "got a text of the account's own",
    "test_sent": "was sent as a test",
    "tested": "was tested; goes to that webhook whatever it wants",
    "replayed": "had dead deliveries queued again",
    "applied": "was applied",
    "denied": "was refused to somebody (audit log only)",
    "checkpointed": "was sealed up to an entry, and that was signed (not in the audit log itself)",
    "person_erased": "has forgotten a principal that is deleted",
    "denials_dropped": "could not keep some refusals, so many (audit log only)",
    "requested": "was asked for",
    "rescued": "was made on the host to open a way back in: it may do everything until it ends",
    "started": "began",
    "succeeded": "ended well",
    "incomplete": "ended without having done all of it",
    "failed": "failed",
    "interrupted": "was interrupted, and begins anew",
    "lost": "was lost with its worker, and begins anew",
    "missed": "did not happen at its time",
    "cancel_requested": "is to end",
    "cancelled": "was ended before it was done",
    "restored": "was brought back from a backup: what was issued before is refused",
    "verified": "was restored on trial, and all that is sealed in it was opened",
    "confirmed": "is known to open what is meant for it",
    "provided": "is at hand, and seals nothing yet",
    "put_to_use": "seals from now on",
    "superseded": "seals no more, and still opens",
    "withdrawn": "is needed by nothing in the database any more",
}
_OWN: Final[dict[str, type[models.Base]]] = {
    "installation": models.Installation,
    "account": models.Account,
    "user": models.User,
    "service": models.Service,
    "role": models.Role,
    "group": models.Group,
    "policy": models.Policy,
    "resource_policy": models.ResourcePolicy,
    "guardrail": models.Guardrail,
    "action_catalogue": models.ActionCatalogue,
    "configuration": models.Configuration,
    "credential": models.Credential,
    "signing_key": models.SigningKey,
    "job": models.Job,
    "mail_route": models.MailRoute,
    "mail_template": models.MailTemplate,
    "webhook": models.Webhook,
    "backup": models.Backup,
    "master_key": models.MasterKey,
    "recovery_recipient": models.RecoveryRecipient,
}
"""What the columns of before and after are those of. Without one there is neither."""
_HANGING: Final[dict[str, tuple[type[models.Base], ...]]] = {
    "user": (models.PolicyAttachment, models.InlinePolicy),
    "service": (models.PolicyAttachment, models.InlinePolicy, models.ServiceAudience),
    "role": (models.PolicyAttachment, models.InlinePolicy),
    "group": (models.PolicyAttachment, models.InlinePolicy, models.GroupMembership),
    "policy": (models.PolicyVersion,),
    "guardrail": (models.GuardrailAttachment,),
}
"""Rows that hang on the same, as lists under the names of their tables."""
_POLICY: Final = ("policy", "policy_id")
DETAIL: Final[dict[str, tuple[str, ...]]] = {
    "iam.credential.*": ("holder",),
    "iam.policy.version_created.v1": ("version", "is_default"),
    "iam.policy.version_deleted.v1": ("version",),
    "iam.policy.default_version_set.v1": ("version",),
    "iam.guardrail.attached.v1": ("target",),
    "iam.guardrail.detached.v1": ("target",),
    "iam.group.member_added.v1": ("member",),
    "iam.group.member_removed.v1": ("member",),
    "iam.webhook.disabled.v1": ("reason",),
    "iam.installation.restored.v1": (
        "backup",
        "backup_created_at",
        "heads",
        "credentials",
        "quarantined",
        "replayed",
    ),
    "iam.webhook.replayed.v1": ("count", "delivery"),
    "iam.service.rescued.v1": ("severity", "reason", "ends_at"),
    "iam.token.revoked.v1": ("client_id",),
    "iam.audit_log.checkpointed.v1": ("chain", "number", "sequence", "hash", "jws"),
    "iam.audit_log.person_erased.v1": ("entries",),
    "iam.mail.test_sent.v1": ("mail",),
    **{
        f"iam.{holder}.{verb}.v1": members
        for holder in ("user", "service", "role", "group")
        for verb, members in (
            ("policy_attached", _POLICY),
            ("policy_detached", _POLICY),
            ("inline_policy_put", ("policy",)),
            ("inline_policy_deleted", ("policy",)),
        )
    },
}
"""The members of `detail` that receivers may rely on, where there are any."""
NOT_SENT: Final = frozenset({EventType.ACCESS_DENIED, EventType.DENIALS_DROPPED})
"""What is in the audit log alone: whoever is refused must not make the server send."""

_ENVELOPE: Final[Schema] = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string"},
    "source": {"type": "string"},
    "subject": {"type": "string"},
    "time": {"type": "string", "format": "date-time"},
    "datacontenttype": {"const": "application/json"},
    "account": {"type": "string"},
    "sequence": {"type": "string"},
    "data": {
        "type": "object",
        "properties": {
            "actor": {"type": "string"},
            "before": {"type": ["object", "null"]},
            "after": {"type": ["object", "null"]},
            "detail": {"type": "object"},
        },
        "required": ["actor", "before", "after", "detail"],
    },
}
_TYPES: Final[dict[type, Schema]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    datetime: {"type": "string", "format": "date-time"},
    dict: {"type": "object"},
    list: {"type": "array"},
}


def entity_of(event_type: str) -> str:
    """The word in an event type for what it happened to."""
    return event_type.split(".")[1]


def meaning_of(event_type: str) -> str:
    """What an event says, as a sentence."""
    _, entity, verb, _ = event_type.split(".")
    told = _VERBS.get(verb) or f"was {verb.replace('_', ' ')}"
    article = "an" if entity[0] in "aei" else "a"
    return f"{article} {entity.replace('_', ' ')} {told}"


def detail_of(event_type: str) -> tuple[str, ...]:
    """The members of `detail` that receivers may rely on."""
    return DETAIL.get(event_type) or DETAIL.get(f"iam.{entity_of(event_type)}.*", ())


def values_schema(entity: str) -> Schema:
    """The shape of `before` and `after` of one entity: whatever changed is there, no more."""
    own = _OWN.get(entity)
    if own is None:
        return {"type": "null"}
    members = dict(_columns(own))
    for model in _HANGING.get(entity, ()):
        item = {"type": "object", "properties": dict(_columns(model))}
        members[model.__tablename__] = {"type": "array", "items": item}
    return {"type": ["object", "null"], "properties": members}


def schema() -> Schema:
    """The JSON Schema (2020-12) of every event as receivers get it."""
    entities = sorted({entity_of(each) for each in EventType if each not in NOT_SENT})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events of iam",
        "oneOf": [{"$ref": f"#/$defs/{each}"} for each in EventType if each not in NOT_SENT],
        "$defs": {
            "event": {
                "type": "object",
                "properties": _ENVELOPE,
                "required": [*_ENVELOPE, "type"],
            },
            **{f"values.{entity}": values_schema(entity) for entity in entities},
            **{each.value: _event_schema(each) for each in EventType if each not in NOT_SENT},
        },
    }


def _event_schema(event_type: EventType) -> Schema:
    values = {"$ref": f"#/$defs/values.{entity_of(event_type)}"}
    detail: Schema = {"properties": {name: {} for name in detail_of(event_type)}}
    data = {"properties": {"before": values, "after": values, "detail": detail}}
    return {
        "$ref": "#/$defs/event",
        "properties": {"type": {"const": event_type.value}, "data": data},
    }


def _columns(model: type[models.Base]) -> Iterator[tuple[str, Schema]]:
    for attribute in inspect(model).column_attrs:
        kind = attribute.columns[0].type
        if isinstance(kind, LargeBinary) or attribute.key in UNINTERESTING:
            continue
        yield attribute.key, _nullable(_schema_of(kind), attribute.columns[0].nullable)


def _schema_of(kind: Any) -> Schema:
    try:
        return _TYPES.get(kind.python_type, {"type": "string"})
    except NotImplementedError:  # JSON holds an object or an array
        return {"type": ["object", "array"]}


def _nullable(found: Schema, nullable: object) -> Schema:
    if not nullable or isinstance(found["type"], list):
        return found
    return {**found, "type": [found["type"], "null"]}


def document() -> str:
    """`docs/events.md`."""
    lines = [_INTRODUCTION]
    for entity in dict.fromkeys(entity_of(each) for each in EventType):
        lines += [f"### {entity.replace('_', ' ').capitalize()}", ""]
        lines += ["| type | what happened | in `detail` |", "|---|---|---|"]
        for each in EventType:
            if entity_of(each) == entity:
                detail = ", ".join(f"`{name}`" for name in detail_of(each))
                lines.append(f"| `{each.value}` | {meaning_of(each)} | {detail} |")
        members = values_schema(entity).get("properties", {})
        if members:
            names = ", ".join(f"`{name}`" for name in members)
            lines += ["", f"In `before` and `after`: {names}."]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


_INTRODUCTION: Final = """# Events

Whatever changes something leaves one event, in the transaction of the change. It is in the audit
log (`iam audit-log list`), and goes to every [webhook](webhooks.md) that wants it. A type is
`iam.{entity}.{verb}.v1`; types and members are only ever added. What would break a receiver gets a
type of its own that ends in `.v2`, and both are sent for a year.

Events leave as CloudEvents 1.0 in JSON:

```json
{
  "specversion": "1.0",
  "id": "evt_01kjpy7sm0e5vsbm4yaxp94gsw",
  "source": "https://iam.shop.example",
  "type": "iam.user.updated.v1",
  "subject": "arn:iam:iam::main:user/ana",
  "time": "2026-05-11T14:02:37Z",
  "datacontenttype": "application/json",
  "account": "main",
  "sequence": "00000000000000004127",
  "data": {
    "actor": "arn:iam:iam::main:service/admin",
    "before": {"display_name": "Ana Costa"},
    "after": {"display_name": "Ana Costa Silva"},
    "detail": {}
  }
}
```

* `id` is the same however often the event is sent: keep those of the last four days, and drop
  repeats.
* `source` is the issuer, `subject` the ARN of what it happened to, `actor` that of who did it.
* `sequence` numbers all that was queued for this receiver; its text sorts as the numbers do. Of one
  subject, events come in the order of their changes. A gap is an event that is dead, or still to
  come.
* `before` and `after` hold what changed, and no more: `before` is null of what is new, `after` of
  what is gone. Rows that hang on the same, such as members of a group, are lists under the name of
  their table. Neither holds a secret, its hash, or what is sealed.

[events.schema.json](events.schema.json) is the JSON Schema of all of them.

## Types
"""


def main(folder: str = "docs") -> None:
    """Write both files."""
    written = {"events.md": document(), "events.schema.json": schema_text()}
    for name, text in written.items():
        Path(folder, name).write_text(text, encoding="utf-8")


def schema_text() -> str:
    """`docs/events.schema.json`."""
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
