import time

import anyio
import pytest

from iam.kit import loop_lag
from iam.kit.loop_lag import LoopLag

pytestmark = pytest.mark.anyio


async def test_f_32_a_loop_that_was_blocked_is_known_to_have_been_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_lag, "PERIOD", 0.01)
    lag = LoopLag()
    assert lag.worst == 0
    lag.start()
    try:
        time.sleep(0.3)  # noqa: ASYNC251 -- to block the loop is the point
        await anyio.sleep(0.05)  # the timer that is overdue comes first, and few after it
        assert lag.worst > 0.25
        assert lag.latest <= lag.worst
    finally:
        lag.stop()
