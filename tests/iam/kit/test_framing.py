from hypothesis import given
from hypothesis import strategies as st

from iam.kit.framing import framed

PARTS = st.lists(st.text(alphabet="ab01:,|", max_size=4), max_size=4)


def test_pe_24_lists_that_join_to_the_same_text_stay_apart() -> None:
    assert framed("a|b", "c") != framed("a", "b|c")
    assert framed("ab", "c") != framed("a", "bc")
    assert framed("") != framed()


@given(PARTS, PARTS)
def test_pe_24_two_texts_are_equal_only_if_their_lists_are(
    left: list[str], right: list[str]
) -> None:
    assert (framed(*left) == framed(*right)) == (left == right)
