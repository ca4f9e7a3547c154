"""Which trusted cases a fitted judge keeps."""

from dataclasses import replace
from pathlib import Path

from conftest import write_phantoms
from segassay.datasets.opening import open_dataset
from segassay.fit.gold_atlas import gold_cases


def test_of_every_subject_the_first_labelled_case_is_kept(tmp_path: Path) -> None:
    cases = open_dataset(write_phantoms(tmp_path, (1, 2))).cases
    raw = [replace(case, case_id=f"raw{case.case_id}", labels=()) for case in cases]
    kept = gold_cases([*raw, *cases], "set", 1).cases
    assert [case.subject for case in kept] == [cases[0].subject_id]
    assert (
        kept[0].reference.masks.keys()
        == gold_cases(cases, "set", 1).cases[0].reference.masks.keys()
    )
