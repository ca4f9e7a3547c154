"""Features of the context's slices are computed once in a run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from segassay.judge.context.feature_cache import FeatureCache
from segassay.judge.context.looks import Floats, Looks


class CountingEncoder:
    """Tells how many pictures it was shown; features are the mean of each."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, pictures: Sequence[Floats]) -> list[Looks]:
        self.seen += len(pictures)
        return [Looks(np.full((4, 2), one.mean()), np.full(2, one.mean())) for one in pictures]


@pytest.fixture
def pictures() -> list[Floats]:
    return list(np.random.default_rng(0).random((3, 3, 8, 8), dtype=np.float32))


def test_what_was_written_is_found_again(tmp_path: Path, pictures: list[Floats]) -> None:
    encoder = CountingEncoder()
    kept = FeatureCache(encoder, tmp_path / "features", writes=True)(pictures[:2])
    found = FeatureCache(encoder, tmp_path / "features")(pictures[::-1])
    assert encoder.seen == 3
    assert [one.summary[0] for one in found] == pytest.approx([p.mean() for p in pictures[::-1]])
    for one, other in zip(kept, found[:0:-1], strict=True):
        assert np.array_equal(one.patches, other.patches)
        assert one.patches.dtype == other.patches.dtype


def test_slices_that_do_not_vote_are_not_kept(tmp_path: Path, pictures: list[Floats]) -> None:
    encoder = CountingEncoder()
    FeatureCache(encoder, tmp_path / "features")(pictures)
    assert not (tmp_path / "features").exists()


def test_a_damaged_file_is_computed_again(tmp_path: Path, pictures: list[Floats]) -> None:
    encoder = CountingEncoder()
    cache = FeatureCache(encoder, tmp_path / "features", writes=True)
    cache(pictures)
    for n, path in enumerate(sorted((tmp_path / "features").iterdir())):
        path.write_bytes(path.read_bytes()[: 100 * n])
    again = cache(pictures)
    assert encoder.seen == 6
    assert [one.summary[0] for one in again] == pytest.approx([p.mean() for p in pictures])


def test_a_folder_that_cannot_be_made_costs_nothing(tmp_path: Path, pictures: list[Floats]) -> None:
    (tmp_path / "file").touch()
    found = FeatureCache(CountingEncoder(), tmp_path / "file" / "features", writes=True)(pictures)
    assert len(found) == 3
