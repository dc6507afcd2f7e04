"""Housekeeping of signing keys: what time alone brings."""

from iam.features.signing_keys.service import advance_keys
from iam.runtime import Runtime


async def advance(runtime: Runtime) -> None:
    """Activate a key that was published for long enough, and remove those that are done."""
    async with runtime.begin_as_root() as uow:
        await advance_keys(uow)
