"""The table in README.md names tests that are there, and forgets no fault that it promises."""

import re

import pytest

from tests.faults.index import ROOT, Proof, is_marked_long, is_there, proofs

PROMISED = [
    *range(1, 6), *range(7, 11), *range(12, 19), 24, *range(26, 30), 31, 36, 37,
]  # fmt: skip
PROOFS = list(proofs())


def test_every_promised_fault_is_in_the_table() -> None:
    shown = {proof.fault for proof in PROOFS}
    assert sorted(shown) == sorted({f"F-{number:02}" for number in PROMISED} | shown)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: f"{proof.fault}-{proof.name}")
def test_each_test_of_the_table_is_there_with_its_profile(proof: Proof) -> None:
    assert is_there(proof), f"{proof.file} has no {proof.name}"
    assert is_marked_long(proof) is proof.is_long


def test_no_test_of_a_fault_is_missing_in_the_table() -> None:
    named = {proof.name for proof in PROOFS}
    pattern = re.compile(r"def (test_f_\d\d_\w+)\(")
    found = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in pattern.findall(path.read_text(encoding="utf-8"))
    }
    known = {f"test_f_{number:02}_" for number in PROMISED}
    assert {name for name in found if name[:10] in known and "faults" in name} <= named
