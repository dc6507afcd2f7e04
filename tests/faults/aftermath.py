"""Finds out what became of what nobody was told, and asks again for what must stay as it is."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from tests.faults.claims import jti_of
from tests.faults.client import Client, Credential
from tests.faults.journal import Operation, Result
from tests.faults.load import POLICY, Cast

_KEYED: Final = ("user.create", "user.disable", "credential.create")
_READ: Final = frozenset({"user.update", "user.attach", "user.detach", "credential.revoke"})
_PROBES: Final = 25
_REPEATS: Final = 3


async def settle_all(client: Client, cast: Cast, operations: Sequence[Operation]) -> None:
    """Settle every operation of unknown result; tokens that nobody has are counted instead."""
    for operation in operations:
        if operation.result is not Result.UNKNOWN or operation.happened is not None:
            continue
        happened = await _find_out(client, cast, operation)
        if happened is not None:
            client.journal.settle(operation, happened=happened)


async def probe(client: Client, cast: Cast, operations: Sequence[Operation]) -> None:
    """Ask for what was ended, for what was not, and for the same again."""
    await _introspect(client, cast, operations)
    secrets = {found.id: found for found in _created_secrets(operations)}
    for revocation in _of_kind(operations, "credential.revoke"):
        if revocation.key in secrets:
            await client.token(secrets[revocation.key])
    keys = {found.id: found for found in cast.keys}
    for used in _of_kind(operations, "token.assertion")[-_REPEATS:]:
        by = keys.get(used.sent["credential"])
        if by is not None:
            await client.token(by, assertion=used.sent["assertion"])
    for kind in _KEYED:
        firsts = [found for found in _of_kind(operations, kind) if found.retry_of is None]
        for operation in firsts[-_REPEATS:]:
            await client.again(operation)


async def _find_out(client: Client, cast: Cast, operation: Operation) -> bool | None:
    if operation.kind in _KEYED:
        retry = await client.again(operation)
        # A retry of what happened gets its answer again: one that is refused tells that it did not.
        return None if retry.result is Result.UNKNOWN else retry.result is Result.OK
    if operation.kind in _READ:
        return await _read(client, operation)
    if operation.kind == "token.revoke":
        by = cast.by_credential(operation.sent["credential"])
        answer = await client.introspect(operation.key, operation.sent["token"], by)
        return None if answer.result is not Result.OK else not answer.got["active"]
    return None


async def _read(client: Client, operation: Operation) -> bool | None:
    path = operation.sent["path"].partition(":")[0]
    if "/attached-policies/" in path:
        path = path.rpartition("/")[0]
    answer = await client.api("read", operation.key, "GET", path)
    if answer.result is not Result.OK:
        return None
    if operation.kind == "credential.revoke":
        return bool(answer.got["status"] == "revoked")
    if operation.kind == "user.update":
        wanted = operation.sent["body"]["display_name"]
        return bool(answer.got["display_name"] == wanted)
    return (POLICY in answer.got["items"]) is (operation.kind == "user.attach")


async def _introspect(client: Client, cast: Cast, operations: Sequence[Operation]) -> None:
    """The last tokens that were revoked, and the last of the others."""
    revoked = {found.key: found.sent["token"] for found in _of_kind(operations, "token.revoke")}
    issued = chain(_of_kind(operations, "token.secret"), _of_kind(operations, "token.assertion"))
    texts = [found.got["access_token"] for found in sorted(issued, key=lambda one: one.start)]
    holders = {jti_of(text): (text, cast.secret_for(text)) for text in texts}
    others = [jti for jti in holders if jti not in revoked]
    for jti in [*list(revoked)[-_PROBES:], *others[-_PROBES:]]:
        text, by = holders.get(jti, ("", None))
        if by is not None:
            await client.introspect(jti, text, by)


def _of_kind(operations: Iterable[Operation], kind: str) -> list[Operation]:
    """What was done of this kind, in order."""
    return [found for found in operations if found.kind == kind and found.result is Result.OK]


def _created_secrets(operations: Iterable[Operation]) -> Iterable[Credential]:
    for made in _of_kind(operations, "credential.create"):
        if made.got.get("client_secret"):
            yield Credential(made.got["id"], made.key, made.got["client_secret"])
