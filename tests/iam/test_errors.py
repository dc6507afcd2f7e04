from collections.abc import Callable

import pytest

from iam import errors
from iam.errors import ErrorKind, IamError


def test_an_error_carries_kind_code_message_and_detail() -> None:
    error = IamError(ErrorKind.DENIED, "access_denied", "no policy allows it", decision_id="dec_1")

    assert (error.kind, error.code, error.message) == (
        ErrorKind.DENIED,
        "access_denied",
        "no policy allows it",
    )
    assert error.detail == {"decision_id": "dec_1"}
    assert str(error) == "no policy allows it"


def test_a_repr_names_the_refusal_but_not_its_detail() -> None:
    error = errors.invalid("name_invalid", "expected letters", value="what the caller typed")

    assert repr(error) == "IamError(invalid, 'name_invalid', 'expected letters')"


@pytest.mark.parametrize(
    ("constructor", "kind"),
    [
        (errors.invalid, ErrorKind.INVALID),
        (errors.unauthenticated, ErrorKind.UNAUTHENTICATED),
        (errors.denied, ErrorKind.DENIED),
        (errors.not_found, ErrorKind.NOT_FOUND),
        (errors.conflict, ErrorKind.CONFLICT),
        (errors.precondition_failed, ErrorKind.PRECONDITION_FAILED),
        (errors.precondition_required, ErrorKind.PRECONDITION_REQUIRED),
        (errors.too_many, ErrorKind.TOO_MANY),
        (errors.unavailable, ErrorKind.UNAVAILABLE),
    ],
)
def test_each_kind_has_a_constructor_of_its_name(
    constructor: Callable[..., IamError], kind: ErrorKind
) -> None:
    error = constructor("some_code", "some message", retry_after=3)

    assert constructor.__name__ == kind.value
    assert (error.kind, error.code, error.detail) == (kind, "some_code", {"retry_after": 3})


def test_every_kind_has_a_constructor() -> None:
    assert all(callable(getattr(errors, kind.value)) for kind in ErrorKind)
