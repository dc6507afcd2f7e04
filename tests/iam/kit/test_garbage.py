import gc
from collections.abc import Iterator

import pytest

from iam.kit.garbage import made_to_stay


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_a_block_makes_is_not_looked_at_during_it_nor_later() -> None:
    with made_to_stay():
        assert not gc.isenabled()
        made = [[number] for number in range(1000)]
    assert gc.isenabled()
    looked_at = {id(each) for each in gc.get_objects()}
    assert not looked_at & {id(each) for each in made}


def test_after_a_failure_garbage_is_collected_again() -> None:
    with pytest.raises(ImportError), made_to_stay():
        raise ImportError
    assert gc.isenabled()
