"""A memory on disk: it votes as before, vouches for trusted labels, names nobody, or is refused."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_votes import disc, looks, said, slices

from blobs import blob
from conftest import write_picture
from segassay.datasets.case import Case
from segassay.errors import ModelError
from segassay.images.label_ref import LabelRef
from segassay.judge.context.context_cases import ContextReader
from segassay.judge.context.context_memory import ContextMemory, ContextSlice
from segassay.judge.context.looks import Floats, Looks
from segassay.judge.context.votes import PATCHES, Voting, soft_dice
from segassay.judge.context.voting_slices import chosen_slices

VOTING = Voting()


def with_images(some: list[ContextSlice]) -> list[ContextSlice]:
    return [
        ContextSlice(s.subject, s.level, s.looks, s.shares, f"{n:064x}") for n, s in enumerate(some)
    ]


@pytest.mark.parametrize("trusted", [False, True])
def test_it_votes_as_it_did(trusted: bool, tmp_path: Path) -> None:
    memory = ContextMemory.of(with_images(slices(7, wrong=2)), VOTING, trusted=trusted)
    memory.save(tmp_path / "context.npz")
    again = ContextMemory.load(tmp_path / "context.npz", VOTING)
    query = looks(disc(15, 13, 6), np.random.default_rng(99))
    before, after = said(memory, query), said(again, query)
    for name in ("expected", "spread", "mass", "numbers"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    assert (before.n_slices, before.n_subjects) == (after.n_slices, after.n_subjects)
    assert again.trusted is trusted
    assert again.subjects == memory.subjects


def test_features_lose_next_to_nothing_in_bytes() -> None:
    one = slices(3)[0]
    memory = ContextMemory.of(slices(3))
    kept = memory.patches[0].astype(np.float32)
    kept /= np.linalg.norm(kept, axis=1, keepdims=True)
    cosines = (kept * one.looks.patches).sum(axis=1)
    assert cosines.min() > 0.9995


def test_trusted_labels_count_one_even_where_nobody_agrees() -> None:
    some = slices(9, wrong=3)
    doubting, trusting = ContextMemory.of(some), ContextMemory.of(some, trusted=True)
    assert (trusting.belief[trusting.labelled] == 1).all()
    assert doubting.belief[:3].max() < 0.5
    mask = disc(15, 13, 6)
    query = looks(mask, np.random.default_rng(99))
    truth = mask.ravel().astype(np.float32)
    found = said(trusting, query)
    assert found.numbers[4] == 1
    assert soft_dice(found.expected, truth) < soft_dice(said(doubting, query).expected, truth)
    assert found.numbers[2] > 0, "how labels agree is counted all the same"


def test_an_image_is_known_by_its_voxels_under_any_name() -> None:
    some = with_images(slices(5))
    memory = ContextMemory.of(some, trusted=True)
    query, image = some[2].looks, some[2].image
    by_name = memory.ask(query, ["disc"], subject="s2", level=0.0)[0]
    by_image = memory.ask(query, ["disc"], subject="", level=0.0, image=image)[0]
    assert by_name is not None
    assert by_image is not None
    np.testing.assert_array_equal(by_name.expected, by_image.expected)
    assert memory.n_others("disc", subject="", image=image) == 4
    twice = ContextMemory.of([*some, replace(some[2], subject="copy")], trusted=True)
    assert twice.n_others("disc", subject="copy", image=image) == 4
    assert twice.n_others("disc", subject="s2") == 5
    assert memory.n_others("disc", subject="new") == 5
    assert memory.n_others("ring", subject="new") == 0


def test_without_names_it_votes_the_same_and_still_knows_its_images(tmp_path: Path) -> None:
    some = with_images(slices(6))[::-1]
    memory = ContextMemory.of(some, VOTING, trusted=True)
    path = tmp_path / "context.npz"
    memory.nameless().save(path)
    nameless = ContextMemory.load(path, VOTING)
    assert nameless.is_nameless
    assert set(nameless.subjects) == {str(n) for n in range(1, 7)}
    with np.load(path, allow_pickle=False) as kept:
        assert not any(one.subject in json.loads(str(kept["about"]))["subjects"] for one in some)
    query = looks(disc(15, 13, 6), np.random.default_rng(99))
    found = said(nameless, query, subject="3")  # a patient of somebody else's
    np.testing.assert_allclose(found.expected, said(memory, query).expected, atol=1e-5)
    assert found.n_subjects == 6
    assert nameless.n_others("disc", subject="", image=some[0].image) == 5


def spoil(path: Path, **parts: Any) -> None:
    with np.load(path, allow_pickle=False) as kept:
        whole = {name: kept[name] for name in kept.files}
    about = json.loads(str(whole["about"]))
    for name, value in parts.items():
        if name in about:
            about[name] = value
        else:
            whole[name] = value
    whole["about"] = np.array(json.dumps(about))
    np.savez_compressed(path, **whole)


@pytest.mark.parametrize(
    "parts",
    [
        {"version": 1},
        {"subjects": ["a"]},
        {"subjects": "abc"},
        {"structures": []},
        {"images": [1, 2, 3]},
        {"patches": np.zeros((3, PATCHES, 24), dtype=np.float32)},
        {"shares": np.zeros((3, 2, PATCHES), dtype=np.uint8)},
        {"levels": np.full(3, np.nan, dtype=np.float32)},
        {"belief": np.array([{"a": 1}], dtype=object)},
        {"close_rows": np.full((3, 1), 7, dtype=np.int32)},
        {"close_shares": np.zeros((3, 2), dtype=np.uint8)},
    ],
)
def test_what_is_no_memory_is_refused(parts: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "context.npz"
    ContextMemory.of(slices(3), VOTING).save(path)
    spoil(path, **parts)
    with pytest.raises(ModelError):
        ContextMemory.load(path, VOTING)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "context.npz"
    ContextMemory.of(slices(3), VOTING).save(path)
    whole = path.read_bytes()
    for content in (b"", b"no zip", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ModelError):
            ContextMemory.load(path, VOTING)
    with pytest.raises(ModelError):
        ContextMemory.load(tmp_path / "none.npz", VOTING)


def test_slices_are_chosen_with_a_margin_of_two_or_a_tenth() -> None:
    filled = np.array([12, 10, 10, 14])
    assert chosen_slices(filled, 30, 12).tolist() == [8, 9, 10, 11, 12, 13, 14, 15, 16]
    assert chosen_slices(filled, 15, 3).tolist() == [8, 11, 14]
    wide = np.arange(40, 80)
    assert chosen_slices(wide, 200, 500)[[0, -1]].tolist() == [36, 83]
    assert chosen_slices(np.zeros(0, dtype=np.intp), 9, 12).size == 0
    assert chosen_slices(np.zeros(0, dtype=np.intp), 1, 12).tolist() == [0]


def blind(pictures: Sequence[Floats]) -> list[Looks]:
    """Return features that tell nothing."""
    flat = np.full((PATCHES, 4), 0.5, dtype=np.float32)
    return [Looks(flat, np.array([1.0, 0.01 * n], dtype=np.float32)) for n in range(len(pictures))]


def test_trusted_structures_of_few_subjects_are_left_out(tmp_path: Path) -> None:
    cases = []
    for number in range(5):
        grey, inside = blob(number)
        image = write_picture(tmp_path / f"{number}.png", grey.astype(np.uint8))
        label = write_picture(tmp_path / f"m{number}.png", np.asarray(255 * inside, np.uint8))
        names = ("blob", "ring") if number < 2 else ("blob",)
        labels = tuple(LabelRef(name, label) for name in names)
        cases.append(Case(f"c{number}", f"s{number}", (image,), labels))
    reader = ContextReader(blind, VOTING, (-160.0, 240.0))
    own, trusted = reader.gather(cases), reader.gather(cases, trusted=True)
    assert own is not None
    assert trusted is not None
    assert own.structures == ("blob", "ring")
    assert trusted.structures == ("blob",)
    assert own.n_subjects == trusted.n_subjects == 5
    assert len(set(own.images)) == 5
    assert reader.gather(cases[:2]) is None
    assert reader.gather([]) is None
