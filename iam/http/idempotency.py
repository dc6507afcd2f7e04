"""`Idempotency-Key` on POST: a retry after a lost answer has one effect and gets the same answer.

The answer is kept in the transaction of its effect, sealed, because it may have shown a secret.
It is found by principal and key; the same key with another request is refused. Whoever may not do
it any more does not get the answer again either.
"""

import hashlib
from datetime import timedelta
from typing import Final

import orjson
from sqlalchemy import delete, select
from starlette.requests import Request
from starlette.responses import Response

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import conflict, invalid
from iam.kit.framing import framed
from iam.kit.sealing import Place
from iam.models import IdempotencyRecord
from iam.work import UnitOfWork

KEPT: Final = timedelta(hours=24)
KEPT_WITH_SECRET: Final = timedelta(minutes=10)
HEADER: Final = "idempotency-key"
MAX_KEY: Final = 255


async def replay(uow: UnitOfWork, request: Request) -> Response | None:
    """The answer that was given to this key before, if it was.

    Raises `IamError` (422) when the key was used for a different request, and of kind `denied` when
    the caller may not do any more what it did then.
    """
    key = _key(request)
    if key is None:
        return None
    row = await uow.scalar(_record(uow, key))
    if row is None:
        return None
    if row.expires_at <= uow.now:
        await uow.execute(
            delete(IdempotencyRecord).where(
                IdempotencyRecord.principal_id == uow.caller.id, IdempotencyRecord.key == key
            )
        )
        uow.session.expunge(row)
        return None
    if row.request_hash != await _hash(request):
        message = "this `Idempotency-Key` was used for a different request"
        raise invalid("idempotency_key_reused", message)
    answer = orjson.loads(uow.tools.sealer.open(row.answer_sealed, _place(uow, key)))
    for action, resource, context in answer["authorized"]:
        await authorize(uow, Action(action), resource, context=context)
    headers = {**answer["headers"], "Idempotency-Replayed": "true"}
    return Response(answer["body"].encode(), row.status_code, headers)


async def remember(
    uow: UnitOfWork, request: Request, answer: Response, *, shows_secret: bool
) -> None:
    """Keep this answer with the effect that it reports; one that shows a secret not for long.

    Raises `IamError` of kind `conflict` when the same key is being used at this very moment.
    """
    key = _key(request)
    if key is None:
        return
    content = {
        "headers": dict(answer.headers),
        "body": bytes(answer.body).decode(),
        "authorized": [tuple(asked) for asked in uow.authorized],
    }
    row = IdempotencyRecord(
        principal_id=uow.caller.id,
        key=key,
        account=uow.caller.account,
        request_hash=await _hash(request),
        status_code=answer.status_code,
        answer_sealed=uow.tools.sealer.seal(orjson.dumps(content), _place(uow, key)),
        expires_at=uow.now + (KEPT_WITH_SECRET if shows_secret else KEPT),
    )
    in_flight = conflict("idempotency_key_in_use", "a request with this key is under way")
    await uow.insert(row, taken=in_flight)


def _key(request: Request) -> str | None:
    keys = request.headers.getlist(HEADER)
    if not keys or request.method != "POST":
        return None
    key = keys[0]
    if len(keys) > 1 or not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        message = "expected one `Idempotency-Key` of 1 to 255 printable ASCII characters"
        raise invalid("idempotency_key_malformed", message)
    return key


def _record(uow: UnitOfWork, key: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 -- a Select
    return select(IdempotencyRecord).where(
        IdempotencyRecord.principal_id == uow.caller.id, IdempotencyRecord.key == key
    )


async def _hash(request: Request) -> bytes:
    body = hashlib.sha256(await request.body()).hexdigest()
    whole = framed(request.method, request.url.path, body)
    return hashlib.sha256(whole.encode()).digest()


def _place(uow: UnitOfWork, key: str) -> Place:
    return Place(
        table="idempotency_records",
        column="answer_sealed",
        row_id=f"{uow.caller.id}/{key}",
        account=uow.caller.account,
    )
