"""Compares what clients were told with what the database has. Every violation is one line.

What "nothing lost" means here: whatever was acknowledged is there, completely; whatever was refused
is not; whatever nobody was told about happened completely or not at all; and what has ended stays
ended.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from iam.models import AuditEntry, Base
from tests.faults.claims import header_and_claims
from tests.faults.journal import Operation, Result
from tests.faults.recovered import Recovered

EVENT_OF: Final[Mapping[str, str]] = {
    "service.create": "iam.service.created.v1",
    "user.create": "iam.user.created.v1",
    "user.update": "iam.user.updated.v1",
    "user.attach": "iam.user.policy_attached.v1",
    "user.detach": "iam.user.policy_detached.v1",
    "user.disable": "iam.user.disabled.v1",
    "credential.create": "iam.credential.created.v1",
    "credential.revoke": "iam.credential.revoked.v1",
    "token.revoke": "iam.token.revoked.v1",
    "webhook.create": "iam.webhook.created.v1",
}
_TOKENS: Final = frozenset({"token.secret", "token.assertion"})
_INTERNAL_ERROR: Final = 500
_ATTACHMENTS: Final = "policy_attachments"


def violations(operations: Sequence[Operation], database: Recovered) -> list[str]:
    """Everything that contradicts a promise."""
    if database.complaint:
        return [f"the database is damaged: {database.complaint}"]
    tokens = [found for found in operations if found.kind in _TOKENS]
    return [
        *_defects(operations),
        *_lost_tokens(tokens, database),
        *_tokens_from_nowhere(tokens, database),
        *_used_twice(tokens),
        *_changes(operations, database),
        *_half_written(database),
        *_unaudited(database),
        *_broken_seal(database),
        *_token_revocations(operations, database),
        *_credential_revocations(operations, database),
        *_introspections(operations),
    ]


def _defects(operations: Iterable[Operation]) -> Iterator[str]:
    """Whatever breaks, the service knows what it is doing: 503 is an answer, 500 is none."""
    for operation in operations:
        if operation.status == _INTERNAL_ERROR:
            yield f"{operation.id}: {operation.kind} was answered with a 500"


def _lost_tokens(tokens: Iterable[Operation], database: Recovered) -> Iterator[str]:
    """Every acknowledged token is in the ledger, which agrees with its claims."""
    for operation in _ok(tokens):
        header, claims = header_and_claims(operation.got["access_token"])
        row = database.tokens.get(claims["jti"])
        if row is None:
            yield f"{operation.id}: the token {claims['jti']} is not in the ledger"
            continue
        said = (header["kid"], claims["sub"], claims["client_id"], claims["aud"], claims["epoch"])
        kept = (row.kid, row.principal_id, row.client_id, row.audience, row.principal_epoch)
        if said != kept or claims["exp"] != int(row.expires_at.timestamp()):
            yield f"{operation.id}: ledger and claims of {row.jti} differ"
        if row.credential_id != operation.sent["credential"]:
            yield f"{operation.id}: the ledger names another credential for {row.jti}"


def _tokens_from_nowhere(tokens: Iterable[Operation], database: Recovered) -> Iterator[str]:
    """What is in the ledger was handed out, or asked for and never answered."""
    known: Counter[str] = Counter()
    maybe: Counter[str] = Counter()
    for operation in tokens:
        known[operation.key] += operation.result is Result.OK
        maybe[operation.key] += operation.result is Result.UNKNOWN
    found = Counter(row.client_id for row in database.tokens.values())
    for client_id, count in found.items():
        spare = count - known[client_id] - maybe[client_id]
        if spare > 0:
            yield f"{client_id}: {spare} tokens in the ledger that nobody can have asked for"


def _used_twice(tokens: Iterable[Operation]) -> Iterator[str]:
    """No token is handed out twice, and no assertion counts twice."""
    done = list(_ok(tokens))
    texts = Counter(found.got["access_token"] for found in done)
    assertions = Counter(found.sent["assertion"] for found in done if found.sent["assertion"])
    for text, count in (texts + assertions).items():
        if count > 1:
            yield f"used {count} times: {text[-20:]}"


def _changes(operations: Iterable[Operation], database: Recovered) -> Iterator[str]:
    """A change has one event, one that was not made has none, however often it was tried."""
    tries: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        if operation.kind in EVENT_OF:
            tries[operation.root].append(operation)
    events: dict[str, list[AuditEntry]] = defaultdict(list)
    root_of = {found.id: root for root, group in tries.items() for found in group}
    for entry in database.entries:
        root = root_of.get(entry.request_id)
        if root is not None:
            events[root].append(entry)
        elif entry.request_id.startswith("op-"):
            yield f"{entry.id}: {entry.type} by {entry.request_id}, which asked for no change"
    for root, group in tries.items():
        yield from _one_change(root, group, events[root])


def _one_change(
    root: str, tries: Sequence[Operation], events: Sequence[AuditEntry]
) -> Iterator[str]:
    kind = tries[0].kind
    if any(found.type != EVENT_OF[kind] for found in events):
        yield f"{root}: {kind} made events {[found.type for found in events]}"
    if any(found.was_done for found in tries):
        expected = 1
    elif any(found.result is Result.UNKNOWN and found.happened is None for found in tries):
        yield f"{root}: nobody can tell whether {kind} {tries[0].key} happened"
        return
    else:
        expected = 0
    if len(events) != expected:
        told = [found.result.value for found in tries]
        yield f"{root}: {kind} ({', '.join(told)}) has {len(events)} events, expected {expected}"
    ids = {found.got["id"] for found in tries if found.result is Result.OK and "id" in found.got}
    if len(ids) > 1:
        yield f"{root}: {kind} made {len(ids)} things: {sorted(ids)}"


def _half_written(database: Recovered) -> Iterator[str]:
    """Each event is in the audit log and in the outbox, once each."""
    entries = {entry.id: entry for entry in database.entries}
    for missing in entries.keys() - database.messages.keys():
        yield f"{missing}: {entries[missing].type} is in the audit log and not in the outbox"
    for missing in database.messages.keys() - entries.keys():
        message = database.messages[missing]
        yield f"{missing}: {message.type} is in the outbox and not in the audit log"
    for both in entries.keys() & database.messages.keys():
        entry, message = entries[both], database.messages[both]
        if (entry.type, entry.subject) != (message.type, message.subject):
            yield f"{both}: audit log and outbox differ"


def _broken_seal(database: Recovered) -> Iterator[str]:
    """What was sealed is there, without a gap, and leads to what was signed."""
    if database.broken_seal:
        yield f"the audit log is not as it was sealed: {database.broken_seal}"


def _unaudited(database: Recovered) -> Iterator[str]:
    """The events, one applied after the other, give exactly the rows that are there."""
    entities, attachments = _replayed(database.entries)
    for what, told, there in (
        ("entity", entities, database.entities),
        ("attachment", attachments, database.attachments),
    ):
        for name in there.keys() - told.keys():
            yield f"{what} {name} is there without an event"
        for name in there.keys() & told.keys():
            if dict(there[name]) != told[name]:
                yield f"{what} {name} is {dict(there[name])}, its events say {told[name]}"
        for name in told.keys() - there.keys():
            yield f"{what} {name} has an event and is not there"


def _replayed(
    entries: Iterable[AuditEntry],
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    entities: dict[str, dict[str, Any]] = {}
    attachments: dict[str, dict[str, Any]] = {}
    for entry in entries:
        before, after = entry.before or {}, entry.after or {}
        for gone in before.get(_ATTACHMENTS, ()):
            attachments.pop(gone["id"], None)
        for new in after.get(_ATTACHMENTS, ()):
            attachments[new["id"]] = new
        own = {name: value for name, value in after.items() if name not in Base.metadata.tables}
        if own and entry.target_id.startswith(("usr_", "svc_", "grp_", "crd_")):
            state = {**entities.get(entry.target_id, {}), **own}
            entities[entry.target_id] = {k: v for k, v in state.items() if v is not None}
    return entities, attachments


def _token_revocations(operations: Iterable[Operation], database: Recovered) -> Iterator[str]:
    """A revoked token is marked in the ledger, and nothing else is."""
    revoked = {found.key for found in operations if _is_done(found, "token.revoke")}
    marked = {row.jti for row in database.tokens.values() if row.revoked_at is not None}
    for jti in revoked - marked:
        yield f"{jti}: revoked, and the ledger does not say so"
    for jti in marked - revoked:
        yield f"{jti}: the ledger says revoked, and nobody did that"


def _credential_revocations(operations: Sequence[Operation], database: Recovered) -> Iterator[str]:
    """A revoked credential stays revoked, and gets no token from the acknowledgement on."""
    ended = {found.key: found for found in operations if _is_done(found, "credential.revoke")}
    for credential, revocation in ended.items():
        there = database.entities.get(credential, {})
        if there.get("status") != "revoked":
            yield f"{credential}: revoked by {revocation.id}, and is {there.get('status')}"
    for operation in operations:
        if operation.kind in _TOKENS and operation.result is Result.OK:
            end = ended.get(operation.sent["credential"])
            if end is not None and _is_after(operation, end):
                yield f"{operation.id}: a token by a credential that {end.id} had revoked"


def _introspections(operations: Sequence[Operation]) -> Iterator[str]:
    """What was ended is inactive from then on; what nobody ended is active."""
    credential_of = {
        header_and_claims(found.got["access_token"])[1]["jti"]: found.sent["credential"]
        for found in _ok(operations)
        if found.kind in _TOKENS
    }
    ends: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        if operation.kind in {"token.revoke", "credential.revoke"}:
            ends[operation.key].append(operation)
    for asked in _ok(operations):
        if asked.kind != "introspect":
            continue
        credential = credential_of.get(asked.key, "")
        relevant = [*ends[asked.key], *ends[credential]]
        is_active = asked.got["active"]
        if is_active and any(end.was_done and _is_after(asked, end) for end in relevant):
            yield f"{asked.id}: the token {asked.key} was ended and is active"
        if not is_active and all(end.result is Result.FAIL for end in relevant):
            yield f"{asked.id}: nobody ended the token {asked.key}, and it is inactive"


def _ok(operations: Iterable[Operation]) -> Iterator[Operation]:
    return (found for found in operations if found.result is Result.OK)


def _is_done(operation: Operation, kind: str) -> bool:
    return operation.kind == kind and operation.was_done


def _is_after(operation: Operation, earlier: Operation) -> bool:
    return earlier.end is not None and operation.start > earlier.end
