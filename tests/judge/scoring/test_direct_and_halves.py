"""Judges that answer with a number, and judges of two halves: sums and choices by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from segassay.errors import UsageError
from segassay.images.slicing import SliceSample
from segassay.judge.engines.direct_engine import DirectAnswers
from segassay.judge.estimates.aggregate import estimate_volume
from segassay.judge.inputs.arrays_and_files import image_volume
from segassay.judge.scoring import load_judge
from segassay.judge.scoring.cross_fitted_judge import HalvesJudge
from segassay.judge.scoring.direct_judge import direct_sums
from segassay.judge.scoring.query import AskedImage


def answers(dice: list[float], size: list[float]) -> DirectAnswers:
    n = len(dice)
    return DirectAnswers(
        np.array(dice, dtype=np.float32),
        np.array(size, dtype=np.float32),
        np.full(n, 0.75, dtype=np.float32),
        np.zeros((n, 1), dtype=np.float32),
    )


def plan(areas: list[int], samples: list[SliceSample], *, known: float = 1.0) -> Any:
    """A plan whose crops have ten by ten cells of four pixels each: 400 pixels."""
    seen = SimpleNamespace(crop=np.zeros((5, 10, 10), dtype=np.float32), pixels_per_cell=4.0)
    return SimpleNamespace(
        areas=np.array(areas),
        samples=samples,
        inputs=[seen] * len(samples),
        known_share=lambda _: (np.full((10, 10), known), 1.0),
    )


def test_sums_follow_from_dice_and_size() -> None:
    samples = [SliceSample(0, 2.0, beyond=False), SliceSample(1, 1.0, beyond=True)]
    first = direct_sums(plan([100, 0], samples), answers([9, 0.5, 0.7], [9, 0.5, 0.25]), 1)
    assert [(s.index, s.weight, s.beyond) for s in first] == [(0, 2.0, False), (1, 1.0, True)]
    assert [s.mask for s in first] == [100, 0]
    assert [s.true for s in first] == pytest.approx([200, 100])
    # 0.5 = 2 x / (200 + 100); where there is no mask nothing overlaps, whatever the answer says
    assert [s.overlap for s in first] == pytest.approx([75, 0])
    assert first[0].dice == pytest.approx(0.5)
    assert [s.presence for s in first] == [0.75, 0.75]
    found = estimate_volume(first, 200)
    assert found.dice == pytest.approx(2 * 150 / (400 + 100 + 200))
    assert np.isnan(found.nsd)  # it draws no outline


def test_of_a_slice_known_in_part_the_rest_is_not_missed() -> None:
    samples = [SliceSample(0, 1.0, beyond=False)]
    (one,) = direct_sums(plan([100], samples, known=0.5), answers([0.5], [0.5]), 0)
    assert one.true == pytest.approx(100)
    assert one.overlap == pytest.approx(50)


def test_a_judge_of_numbers_draws_nothing() -> None:
    judge = load_judge("segae-vlm", threads=1)
    image = np.zeros((16, 16, 4), dtype=np.float32)
    mask = np.zeros(image.shape, dtype=np.bool_)
    mask[4:9, 4:9, 1:3] = True
    assert not judge.suggests
    with pytest.raises(UsageError):
        judge.suggest(image, mask, "liver")
    score = judge.score(image, mask, "liver", modality="ct")
    assert np.isnan(score.expected_nsd)
    assert 0 <= score.value <= 1


class Half:
    """A judge that says its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def scores(self, labels: Any) -> list[str]:
        return [self.name] * len(labels)

    def raw_scores(self, image: Any, masks: Any, *, modality: Any) -> list[str]:
        return [self.name]

    def worst(self, label: Any) -> str:
        return self.name

    def shown(self, label: Any, index: int) -> str:
        return self.name


def test_an_image_is_judged_by_the_half_that_did_not_learn_it() -> None:
    rng = np.random.default_rng(1)
    by_first, by_second, by_none = (image_volume(rng.random((4, 4, 2))) for _ in range(3))
    judge: Any = object.__new__(HalvesJudge)
    judge._first, judge._second = Half("first"), Half("second")
    judge._learned_by_first = frozenset({AskedImage(by_first, None).content})
    for image, expected in ((by_first, "second"), (by_second, "first"), (by_none, "first")):
        label: Any = SimpleNamespace(image=AskedImage(image, None))
        assert judge.scores([label, label]) == [expected, expected]
        assert judge.raw_scores(image, [], modality=None) == [expected]
        assert judge.worst(label) == expected
        assert judge.shown(label, 0) == expected
    assert judge.scores([]) == []
