"""What a judge finds out about an image serves all labels that it is asked about, now or later."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.geometry.grid import Grid
from segassay.images.volume import Volume
from segassay.judge.context.looks import Floats, Looks
from segassay.judge.scoring import load_judge
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.types import Modality


@pytest.fixture
def judge() -> tuple[ContextJudge, list[Floats]]:
    """The judge that reads the context, and the pictures that its encoder saw."""
    found = load_judge("judge-context")
    assert isinstance(found, ContextJudge)
    encoder, seen = found.encoder, list[Floats]()

    def noted(pictures: Sequence[Floats]) -> list[Looks]:
        seen.extend(pictures)
        return encoder(pictures)

    found.encoder = noted
    return found, seen


@pytest.fixture(scope="module")
def image() -> Volume:
    phantom = make_phantom(1)
    i, j, k = phantom.image.shape
    return Volume(phantom.image, Grid((i, j, k), phantom.affine), True, True)


def test_labels_asked_about_later_share_what_was_seen(
    judge: tuple[ContextJudge, list[Floats]], image: Volume
) -> None:
    asking, seen = judge
    masks = [(name, make_phantom(1).labels == LABELS[name]) for name in ("liver", "spleen")]
    apart = [asking.score_labels(image, [one], modality=Modality.CT)[0].value for one in masks]
    n_apart = len(seen)
    seen.clear()
    first = asking.asked(image, masks[:1], modality=Modality.CT)
    later = asking.asked(first[0].image, masks[1:], modality=None)
    assert later[0].image is first[0].image
    together = [asking.scores(labels)[0].value for labels in (first, later)]
    assert together == pytest.approx(apart)
    assert len(seen) == len({one.tobytes() for one in seen}) < n_apart


def test_slices_without_contrast_are_seen_once(
    judge: tuple[ContextJudge, list[Floats]], image: Volume
) -> None:
    asking, seen = judge
    black = replace(image, array=np.broadcast_to(np.float32(0), image.array.shape))
    zeros = replace(image, array=np.zeros(image.array.shape, dtype=np.float32))
    mask = make_phantom(1).labels == LABELS["liver"]
    scores = [
        asking.score_labels(one, [("liver", mask)], modality=Modality.CT)[0].value
        for one in (black, zeros)
    ]
    assert scores[0] == scores[1]
    assert len(seen) == 2
