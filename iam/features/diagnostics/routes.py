"""JSON API of diagnostics. Only principals of `main` may."""

from iam.authz.actions import Action
from iam.features.diagnostics import service
from iam.features.diagnostics.schemas import DiagnosticsOut
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="diagnostics")


@router.get("/diagnostics", action=Action.GET_DIAGNOSTICS)
async def get_diagnostics(work: Work) -> DiagnosticsOut:
    """Look at the whole installation: what is wrong, and what to do."""
    return DiagnosticsOut.of(await service.diagnose(work.uow))
