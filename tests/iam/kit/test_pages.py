import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam.errors import ErrorKind, IamError
from iam.kit.framing import framed
from iam.kit.pages import Cursors, Page

CURSORS = Cursors(b"k" * 32)
SCOPE = framed("main", "/v1/users", "name")


def refused(cursor: str, scope: str = SCOPE) -> bool:
    with pytest.raises(IamError) as refusal:
        CURSORS.decode(cursor, scope=scope)
    return (refusal.value.kind, refusal.value.code) == (ErrorKind.INVALID, "cursor_invalid")


@given(st.lists(st.text(max_size=20), max_size=4), st.text(max_size=20))
def test_a_cursor_gives_its_values_back_in_its_scope(values: list[str], scope: str) -> None:
    assert CURSORS.decode(CURSORS.encode(values, scope=scope), scope=scope) == values


def test_a_cursor_needs_no_escaping_in_a_url_and_hides_its_values() -> None:
    for length in range(8):
        cursor = CURSORS.encode(["alice" + "x" * length], scope=SCOPE)
        assert cursor.replace("-", "").replace("_", "").isalnum()
        assert "alice" not in cursor


@pytest.mark.parametrize(
    "scope",
    [
        framed("other", "/v1/users", "name"),
        framed("main", "/v1/groups", "name"),
        framed("main", "/v1/users", "created"),
        framed("main", "/v1/users", "name", "status=active"),
        "",
    ],
)
def test_aa_17_a_cursor_of_another_account_list_sort_or_filter_is_refused(scope: str) -> None:
    assert refused(CURSORS.encode(["alice"], scope=SCOPE), scope)


def test_aa_17_every_tampered_cursor_is_refused() -> None:
    cursor = CURSORS.encode(["alice", "usr_1"], scope=SCOPE)

    for i in range(len(cursor)):
        other = "B" if cursor[i] == "A" else "A"
        assert refused(cursor[:i] + other + cursor[i + 1 :])
        assert refused(cursor[:i] + "!" + cursor[i:])
        assert refused(cursor[:i])
    for suffix in ("=", "A", "==", "\n", "é"):
        assert refused(cursor + suffix)


@pytest.mark.parametrize(
    "cursor", ["", "A", "' OR 1=1 --", "eyJvZmZzZXQiOjEwMDB9", "A" * 2_048, "A" * 1_000_000, "\0"]
)
def test_aa_17_a_forged_cursor_is_refused(cursor: str) -> None:
    assert refused(cursor)


def test_aa_17_a_cursor_under_another_key_is_refused() -> None:
    assert refused(Cursors(b"x" * 32).encode(["alice"], scope=SCOPE))


def test_a_page_is_cut_where_more_rows_follow() -> None:
    assert Page.cut(["a", "b", "c"], 2, str.upper) == Page(["a", "b"], "B")


@pytest.mark.parametrize("rows", [[], ["a"], ["a", "b"]])
def test_the_last_page_has_no_cursor(rows: list[str]) -> None:
    assert Page.cut(rows, 2, str.upper) == Page(rows, None)
