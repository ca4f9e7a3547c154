"""The vision-language judge's network: shapes, what its answers depend on, its text tower."""

import zlib
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from segassay.judge.inputs.preprocess import (  # noqa: E402
    CONDITION_DIM,
    CROP_CHANNELS,
    FIELD_CHANNELS,
)
from segassay.judge.networks.segae_vlm import (  # noqa: E402
    ExportedSegaeVlm,
    SegaeVlm,
    SegaeVlmConfig,
)
from segassay.judge.networks.text_tower import (  # noqa: E402
    GivenText,
    NameTable,
    NgramTower,
    hashed_words,
)
from segassay.vocabulary.describe import describe  # noqa: E402
from segassay.vocabulary.vector import NAME_DIM, name_vector  # noqa: E402

NAMES = ("kidney_left", "kidney_right", "liver", "vertebrae_T11", "vertebrae_T12")
Tensors = tuple[Any, ...]


@pytest.fixture
def net() -> SegaeVlm:
    torch.manual_seed(0)
    config = SegaeVlmConfig(
        CROP_CHANNELS, FIELD_CHANNELS, CONDITION_DIM, dim=20, depth=2, heads=2, text_dim=16
    )
    table = NameTable(NAMES, NgramTower([describe(name) for name in NAMES]), config.text_dim)
    return SegaeVlm(config, table).eval()


def inputs(*names: str | None) -> Tensors:
    generator = torch.Generator().manual_seed(1)
    crop = torch.randn(1, CROP_CHANNELS, 96, 96, generator=generator).repeat(len(names), 1, 1, 1)
    field = torch.randn(1, FIELD_CHANNELS, 64, 64, generator=generator).repeat(len(names), 1, 1, 1)
    condition = torch.zeros(len(names), CONDITION_DIM)
    for row, name in zip(condition, names, strict=True):
        row[:NAME_DIM] = torch.from_numpy(name_vector(name))
    return crop, field, condition


def answers(net: Any, batch: Tensors) -> Tensors:
    with torch.no_grad():
        return tuple(net(*batch))


def test_answers_have_their_shapes_and_ranges(net: SegaeVlm) -> None:
    dice, size, presence, embedding = answers(
        ExportedSegaeVlm(net), inputs("liver", None, "kidney_left")
    )
    assert dice.shape == size.shape == presence.shape == (3,)
    assert embedding.shape == (3, net.config.dim)
    assert (dice > 0).all()
    assert (dice < 1).all()
    assert (size >= 0).all()


@pytest.mark.parametrize("part", ["slice", "mask", "whole slice", "scale"])
def test_score_depends_on_every_input(net: SegaeVlm, part: str) -> None:
    crop, field, condition = inputs("liver")
    before = answers(net, (crop, field, condition))[0]
    if part == "slice":
        crop[:, 1] = 0
    elif part == "mask":
        crop[:, 3] = crop[:, 3].flip(1)
    elif part == "whole slice":
        field[:, 0] = 0
    else:
        condition[:, NAME_DIM + 8] += 1
    assert (answers(net, (crop, field, condition))[0] - before).abs().item() > 1e-5


def test_score_depends_on_the_name_and_twins_differ(net: SegaeVlm) -> None:
    scores = answers(net, inputs(*NAMES, None))[0]
    assert len({round(float(score), 6) for score in scores}) == len(NAMES) + 1


def test_export_keeps_text_vectors_and_answers(net: SegaeVlm) -> None:
    batch = inputs(*NAMES, None)
    exported = ExportedSegaeVlm(net)
    dice = answers(exported, batch)[0]
    torch.testing.assert_close(dice, answers(net, batch)[0].sigmoid())
    assert exported.vectors.shape == (1 + len(NAMES), net.config.text_dim)
    for weights in net.names.parameters():
        weights.data.zero_()  # what was exported needs the tower no longer
    torch.testing.assert_close(answers(exported, batch)[0], dice)
    assert not torch.allclose(answers(net, batch)[0].sigmoid(), dice)


def test_every_part_learns(net: SegaeVlm) -> None:
    score, size, presence, _ = net(*inputs("liver", None))
    (score.sum() + size.sum() + presence.sum()).backward()
    silent = [name for name, weights in net.named_parameters() if weights.grad is None]
    assert silent == []
    tower = net.names.tower
    assert isinstance(tower, NgramTower)
    assert tower.grams.weight.grad is not None
    assert tower.grams.weight.grad.abs().sum() > 0


def test_given_vectors_stay_as_they_are() -> None:
    made = torch.randn(len(NAMES), 7)
    table = NameTable(NAMES, GivenText(made), 16)
    assert "tower.vectors" not in dict(table.named_parameters())
    torch.testing.assert_close(
        table.tower(torch.arange(len(NAMES))).norm(dim=1), torch.ones(len(NAMES))
    )
    assert table.every_vector().shape == (1 + len(NAMES), 16)


def test_words_are_hashed_the_same_everywhere() -> None:
    ids = hashed_words(["liver", "LIVER!", "liver lobe", ""])
    torch.testing.assert_close(ids[0], ids[1])
    torch.testing.assert_close(ids[0, 0], ids[2, 0])
    assert ids[0, 0, 0] == 1 + zlib.crc32(b"<liver>") % 4095
    assert int((ids[0, 0] > 0).sum()) == 6  # the word, then <li liv ive ver er>
    assert (ids[3] == 0).all()


def test_a_network_without_names_judges_without_them() -> None:
    config = SegaeVlmConfig(CROP_CHANNELS, FIELD_CHANNELS, CONDITION_DIM, dim=8, depth=1, heads=2)
    net = SegaeVlm(config, NameTable((), NgramTower(()), config.text_dim))
    assert net(*inputs(None, None))[0].shape == (2,)
