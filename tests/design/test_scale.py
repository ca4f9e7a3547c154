"""The benchmark of very many cases measures a run that is whole."""

from pathlib import Path

from benchmarks.design.scale import cases, measured
from segassay.records.results import open_results
from segassay.records.shards import finished_ids, read_finished


def test_made_up_results_are_a_run_that_can_be_finished(tmp_path: Path) -> None:
    n_cases, n_labels = 400, 3
    assert measured("write", tmp_path, n_cases, n_labels)["labels"] == n_cases * n_labels
    assert measured("known", tmp_path, n_cases, n_labels)["cases"] == n_cases
    assert finished_ids(tmp_path) == {c.case_id for c in cases(tmp_path, n_cases, n_labels)}
    assert list((tmp_path / "shards").glob("*.jsonl"))
    found = measured("finish", tmp_path, n_cases, n_labels)
    assert found["labels"] == n_cases * n_labels
    frame = open_results(tmp_path).frame
    assert frame["label_sha256"].n_unique() == n_cases * n_labels
    assert frame["case_id"].is_sorted()
    stored = sum(some["n_rows"].sum() for some in read_finished(tmp_path, ["case_id", "n_rows"]))
    assert frame.height == stored
