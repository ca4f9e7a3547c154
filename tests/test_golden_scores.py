"""Scores of the shipped judges do not drift: ten per judge, kept as they were in version 0.1.0."""

import json

import pytest

from golden_scores import JUDGES, KEPT, golden_scores, summary
from segassay.judge.scoring import load_judge

EXPECTED = json.loads(KEPT.read_text(encoding="utf-8"))


def test_every_shipped_judge_has_ten_golden_scores() -> None:
    assert {name: len(scores) for name, scores in EXPECTED.items()} == dict.fromkeys(JUDGES, 10)


@pytest.mark.parametrize("name", JUDGES)
def test_golden_scores_stay(name: str) -> None:
    found = {what: summary(score) for what, score in golden_scores(load_judge(name)).items()}
    assert found.keys() == EXPECTED[name].keys()
    for what, expected in EXPECTED[name].items():
        assert found[what] == pytest.approx(expected, abs=1e-4), what
