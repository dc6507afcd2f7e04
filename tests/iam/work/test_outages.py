"""What the driver raises when the database is away becomes "try again", never a 500."""

import pytest
from sqlalchemy.exc import DBAPIError

from iam.work.outages import is_outage


class _DriverError(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("connection was closed in the middle of operation")
        self.sqlstate = sqlstate


@pytest.mark.parametrize("sqlstate", ["08003", "08006", "40001", "57P03"])
def test_f_05_an_error_that_may_pass_is_an_outage(sqlstate: str) -> None:
    # As raised while connecting: there is no connection yet that SQLAlchemy could call invalidated.
    assert is_outage(DBAPIError("", {}, _DriverError(sqlstate)))


@pytest.mark.parametrize("sqlstate", ["42P01", "22001", None])
def test_an_error_that_stays_is_a_defect(sqlstate: str | None) -> None:
    assert not is_outage(DBAPIError("", {}, _DriverError(sqlstate)))


@pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError()])
def test_a_connection_that_was_not_made_is_an_outage(error: Exception) -> None:
    assert is_outage(error)


def test_f_05_a_connection_that_the_driver_has_lost_step_with_is_an_outage() -> None:
    out_of_step = type("InternalClientError", (Exception,), {})("another operation is in progress")
    assert is_outage(DBAPIError("", {}, out_of_step))
