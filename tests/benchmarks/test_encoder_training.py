"""The encoder learns by what patches are alike."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from benchmarks.design.encoder_training import (
    EncoderTraining,
    Episode,
    SliceSet,
    draw_episode,
    expected_shares,
    place_distances,
    vote_dice,
)
from benchmarks.design.patch_encoder import PatchEncoder
from segassay.judge.context.looks import GRID
from segassay.judge.context.votes import Voting, cast_votes, combine_votes, with_places
from segassay.training.material.store import StoredSet, load_case, open_recipe
from segassay.training.settings import read_recipe
from tiny_context import RECIPE, write_set


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> SliceSet:
    root = tmp_path_factory.mktemp("encoder")
    write_set(root / "set", 5)
    (root / "r.yaml").write_text(RECIPE.replace("ENCODER", "none"))
    entry = read_recipe(root / "r.yaml").data[0].model_copy(update={"predictions": None})
    cases = tuple(load_case(entry, case) for case in open_recipe(entry, root).cases)
    return SliceSet.of(StoredSet.of(entry, cases))


def test_slices_are_kept_as_the_encoder_sees_them(shown: SliceSet) -> None:
    assert shown.pictures.shape == (5, 3, 256, 256)
    assert shown.shares.shape == (5, 1, 64, 64)
    assert shown.labelled.all()
    bright = shown.pictures[:, 0, 2::4, 2::4]
    inside = shown.shares[:, 0] > 127
    assert bright[inside].mean() > bright[~inside].mean() + 1


def test_slices_and_labels_are_moved_together(shown: SliceSet) -> None:
    rng = np.random.default_rng(0)
    for _ in range(12):
        drawn = draw_episode(shown, rng, augmented=False)
        assert drawn is not None
        assert len(drawn.pictures) == 4
        bright = torch.nn.functional.avg_pool2d(drawn.pictures[:, 0], 8).flatten(1)
        inside = drawn.shares[:, 0] > 0.9
        assert bright[inside].mean() > bright[drawn.shares[:, 0] < 0.1].mean() + 1
        if drawn.close:  # the label fills much of its box
            assert 0.1 < drawn.shares.mean() < 0.5


def test_a_structure_of_one_subject_is_not_drawn(shown: SliceSet) -> None:
    one = replace(
        shown,
        pictures=shown.pictures[:1],
        shares=shown.shares[:1],
        labelled=shown.labelled[:1],
        subjects=shown.subjects[:1],
        levels=shown.levels[:1],
    )
    assert draw_episode(one, np.random.default_rng(0), augmented=True) is None


def test_votes_are_those_in_use() -> None:
    """The torch twin of `judge.context.votes` says the same."""
    rng = np.random.default_rng(0)
    looks = rng.normal(size=(3, GRID * GRID, 6)).astype(np.float32)
    looks /= np.linalg.norm(looks, axis=2, keepdims=True)
    shares = rng.random((3, 2, GRID * GRID)).astype(np.float32)
    labelled = np.array([[1, 1], [1, 0], [1, 1]], dtype=np.float32)
    voting = Voting(temperature=0.1)
    drawn = Episode(
        torch.zeros(0), torch.from_numpy(shares), torch.from_numpy(labelled), close=False
    )
    every = torch.arange(GRID * GRID)
    found = expected_shares(torch.from_numpy(looks), drawn, every, place_distances(), voting)
    query = with_places(looks[0], voting)[0]
    cast = [cast_votes(query, with_places(looks[k], voting)[1], shares[k], voting) for k in (1, 2)]
    sums, masses = (np.stack(part) for part in zip(*cast, strict=True))
    expected = combine_votes(sums, masses, labelled[1:]).expected
    assert found[0].numpy() == pytest.approx(expected, abs=1e-3)


def test_a_stopped_training_goes_on_from_what_it_learned(shown: SliceSet, tmp_path: Path) -> None:
    anywhere = [(0, 0), (64, 40), (-48, 56), (56, -72), (-64, -48)]
    moved = replace(
        shown,
        pictures=np.stack(
            [np.roll(p, m, (1, 2)) for p, m in zip(shown.pictures, anywhere, strict=True)]
        ),
        shares=np.stack(
            [
                np.roll(p, np.array(m) // 4, (1, 2))
                for p, m in zip(shown.shares, anywhere, strict=True)
            ]
        ),
    )
    torch.manual_seed(0)
    net = PatchEncoder(8)
    before = vote_dice(net.eval(), [moved])["whole"]
    path = tmp_path / "encoder.pt"
    said: list[str] = []
    EncoderTraining(net, [moved], path, minutes=0.02, say=said.append).run()
    kept = torch.load(path, weights_only=True)
    assert kept["steps"] >= 1
    more = kept["seconds"] / 60 + 0.03  # a busy machine may have overrun the first budget
    again = PatchEncoder(8)
    trained = EncoderTraining(again, [moved], path, minutes=more, say=said.append).run()
    assert torch.load(path, weights_only=True)["steps"] > kept["steps"]
    assert len(said) == 1
    assert not torch.equal(trained.matrix, torch.eye(472)[:, :8])
    assert vote_dice(trained, [moved])["whole"] > before - 0.1  # easy from the beginning
