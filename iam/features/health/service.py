"""Use cases of health."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError
from iam.features.credentials.service import report_expiry
from iam.features.health.rules import Readings
from iam.features.signing_keys.rules import Purpose
from iam.features.signing_keys.snapshots import Signers
from iam.kit import schema
from iam.models import MAIN_ACCOUNT
from iam.work import Tools, UnitOfWork

_log = structlog.get_logger(__name__)


async def is_ready(tools: Tools, signers: Signers) -> bool:
    """Whether requests can be served: the database answers, has our schema, and a key signs.

    What is missing goes to the log, not to whoever asks.
    """
    try:
        await tools.database.ping()
        found = await schema.current_revision(tools.database)
        if found != schema.HEAD:
            _log.warning("not_ready", reason="schema", found=found, expected=schema.HEAD)
            return False
        await signers.get(Purpose.ACCESS_TOKEN)
    except (IamError, SQLAlchemyError, OSError, TimeoutError) as error:
        _log.warning("not_ready", reason=type(error).__name__)
        return False
    return True


async def read_metrics(uow: UnitOfWork) -> Readings:
    """What there is to measure, over all accounts: judged on the installation, in `main`."""
    await authorize(uow, Action.READ_METRICS, uow.arn_of("iam", MAIN_ACCOUNT, "installation"))
    await uow.see_all_accounts()
    return Readings(uow.now, uow.tools.changes.staleness, await report_expiry(uow))
