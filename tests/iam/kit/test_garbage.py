import gc
from collections.abc import Iterator

import pytest

from iam.kit.garbage import collect_rarely, made_to_stay


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
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


def test_a_process_that_serves_looks_less_often_and_not_at_what_was_there() -> None:
    before = gc.get_threshold()
    there = [object()]
    collect_rarely()
    assert gc.get_threshold()[0] > before[0]
    assert id(there) not in {id(each) for each in gc.get_objects()}
