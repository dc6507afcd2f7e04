"""JSON API of the caller."""

from iam.features.me import service as me
from iam.features.me.schemas import MeOut
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="me")


@router.get("/me", action=None, operation_id="GetCallerIdentity")
async def get_me(work: Work) -> MeOut:
    """Tell who calls. Any valid token will do."""
    return MeOut.of(await me.get_caller_identity(work.uow))
