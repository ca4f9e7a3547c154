"""Images are known by their looks: those of a tested data set, and no others."""

from pathlib import Path

import numpy as np
import pytest

from segassay.errors import ModelError
from segassay.judge.context.known_looks import KnownLooks, summary

N = 6


def slices(rng: np.random.Generator, kind: int, n: int) -> list[np.ndarray]:
    """Return summaries of slices of one kind of images."""
    middle = np.random.default_rng(kind).normal(size=N) * 3
    return [
        summary(rng.normal(middle, 0.2 + 0.05 * kind, size=(50, N)).astype(np.float32))
        for _ in range(n)
    ]


@pytest.fixture
def known() -> KnownLooks:
    rng = np.random.default_rng(0)
    subjects = np.array([f"s{n // 4}" for n in range(24)])
    looks = {name: (np.stack(slices(rng, k, 24)), subjects) for k, name in enumerate("abc")}
    return KnownLooks.of(looks, {"a": ["liver", "spleen"], "b": ["liver"]})


def test_structures_are_known_in_images_of_the_sets_that_held_them(known: KnownLooks) -> None:
    rng = np.random.default_rng(1)
    assert known.known_in(slices(rng, 0, 5)) == {"liver", "spleen"}
    assert known.known_in(slices(rng, 1, 5)) == {"liver"}
    assert known.known_in(slices(rng, 2, 5)) == frozenset()  # seen in training, never tested
    assert known.known_in(slices(rng, 9, 5)) == frozenset()


def test_a_data_set_of_other_images_vouches_for_none_of_them(known: KnownLooks) -> None:
    rng = np.random.default_rng(2)
    image, alike, unlike = slices(rng, 0, 5), slices(rng, 0, 20), slices(rng, 9, 20)
    assert "spleen" in known.known_in(image, alike)
    assert known.known_in(image, unlike) == frozenset()
    assert known.known_in(slices(rng, 9, 5), alike) == frozenset()


def test_of_few_subjects_nothing_can_be_said() -> None:
    rng = np.random.default_rng(3)
    looks = {"a": (np.stack(slices(rng, 0, 8)), np.array(["one", "two"] * 4))}
    assert KnownLooks.of(looks, {"a": ["liver"]}).known_in(slices(rng, 9, 3)) == {"liver"}


def test_it_comes_back_from_its_file(known: KnownLooks, tmp_path: Path) -> None:
    known.save(tmp_path / "looks.npz")
    back = KnownLooks.load(tmp_path / "looks.npz")
    rng = np.random.default_rng(4)
    for kind in (0, 1, 2, 9):
        seen = slices(rng, kind, 5)
        assert back.known_in(seen) == known.known_in(seen)
    wider = [np.concatenate([s[:N], [7.0], s[N:], [7.0]]) for s in slices(rng, 0, 5)]
    assert "spleen" in back.known_in(wider)  # of more features the first count


def test_a_damaged_file_is_refused(known: KnownLooks, tmp_path: Path) -> None:
    path = tmp_path / "looks.npz"
    known.save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelError):
        KnownLooks.load(path)
