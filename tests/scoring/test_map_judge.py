"""A nameless label is looked at twice: as the image is, and without its scale."""

from collections.abc import Sequence

import numpy as np
import pytest

from segassay.data.preprocess import JudgeInput, untold
from segassay.data.volume import Volume
from segassay.engines.onnx_engine import JudgeAnswers
from segassay.geometry.grid import Grid
from segassay.scoring import Judge
from segassay.scoring.map_judge import MapJudge


def blind_to_known_scales(inputs: Sequence[JudgeInput]) -> JudgeAnswers:
    """Stands for a network that finds the mask where it is told no scale, else nothing."""
    n = len(inputs)
    found = [np.zeros((96, 96)) if untold(seen) else 0.9 * seen.crop[3] for seen in inputs]
    return JudgeAnswers(
        np.array(found, np.float32).reshape(n, 96, 96),
        np.zeros(n, np.float32),
        np.ones(n, np.float32),
        np.zeros((n, 5), np.float32),
        np.zeros((n, 4), np.float32),
    )


@pytest.fixture
def image() -> Volume:
    array = np.random.default_rng(0).normal(size=(300, 300, 1)).astype(np.float32)
    return Volume(array, Grid(array.shape, np.eye(4)), anatomical=False, spacing_known=False)


def square(side: int) -> np.ndarray:
    mask = np.zeros((300, 300, 1), dtype=np.bool_)
    mask[20 : 20 + side, 20 : 20 + side] = True
    return mask


def raw(judge: Judge, image: Volume, name: str | None, mask: np.ndarray) -> float:
    return judge.raw_scores(image, [(name, mask)], modality=None)[0]


def test_a_nameless_label_is_believed_where_the_judge_finds_more(
    judge: Judge, image: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(judge, MapJudge)
    monkeypatch.setattr(judge, "_engine", blind_to_known_scales)
    assert raw(judge, image, None, square(150)) > 0.8
    assert raw(judge, image, "liver", square(150)) < 0.1
    # A small mask is seen at the image's own resolution: nothing could be left untold.
    assert raw(judge, image, "liver", square(30)) > 0.8


def test_labels_of_one_call_do_not_change_one_another(judge: Judge, image: Volume) -> None:
    labels = [(None, square(150)), ("liver", square(120)), (None, square(30))]
    together = judge.raw_scores(image, labels, modality=None)
    alone = [raw(judge, image, *label) for label in labels]
    np.testing.assert_allclose(together, alone, atol=1e-4)
