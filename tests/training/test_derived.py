"""Structures made of structures: the same change everywhere, on the same images."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from segassay.training.material.derived import CHANGES, derived_set
from segassay.training.material.store import StoredSet, load_case, open_recipe
from segassay.training.settings import read_recipe
from tiny_context import RECIPE, write_set


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[StoredSet, StoredSet]:
    root = tmp_path_factory.mktemp("derived")
    write_set(root / "set", 6)
    (root / "r.yaml").write_text(RECIPE.replace("ENCODER", "none"))
    entry = read_recipe(root / "r.yaml").data[0]
    found = []
    for labels in (entry.labels, entry.predictions):
        own = entry.model_copy(update={"labels": labels, "predictions": None})
        cases = (case for case in open_recipe(own, root).cases if case.labels)
        found.append(StoredSet.of(entry, tuple(load_case(own, case) for case in cases)))
    return found[0], found[1]


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_differs_from_the_mask_and_leaves_an_empty_one_empty(kind: str) -> None:
    mask = np.zeros((64, 64), dtype=np.bool_)
    mask[10:30, 12:40] = True
    mask[45:55, 50:60] = True
    mask[12, 12] = False
    changed = CHANGES[kind](mask)
    assert changed.shape == mask.shape
    assert changed.any()
    assert (changed != mask).any()
    assert not CHANGES[kind](np.zeros_like(mask)).any()


def test_halves_make_a_whole() -> None:
    mask = np.zeros((40, 40), dtype=np.bool_)
    mask[3:20, 5:30] = True
    for one, other in (("upper", "lower"), ("left", "right")):
        first, second = CHANGES[one](mask), CHANGES[other](mask)
        assert not (first & second).any()
        assert np.array_equal(first | second, mask)


def test_labels_and_predictions_change_alike(stored: tuple[StoredSet, StoredSet]) -> None:
    store, predictions = stored
    derived = derived_set(store, predictions, 0.5)
    kind = derived.recipe.name.removeprefix(f"{store.recipe.name}-")
    assert derived.recipe.weight == 0.5 * store.recipe.weight
    assert not derived.recipe.named
    for case, old in zip(derived.cases, store.cases, strict=True):
        expected = CHANGES[kind](old.mask("blob", 0))
        assert case.planes is old.planes
        assert np.array_equal(case.mask("blob", 0), expected)
        assert case.labels["blob"].areas[0] == expected.sum()
    with_networks = [case for case in derived.cases if case.networks is not None]
    assert len(with_networks) == len(predictions.cases)
    for case in with_networks:
        assert case.networks is not None
        (other,) = (p for p in predictions.cases if p.case_id == case.case_id)
        shape = (case.planes.shape[1], case.planes.shape[2])
        found = case.networks.mask(0, shape, case.pixel_mm, 0.5)
        expected = CHANGES[kind](other.mask("blob", 0))
        assert 2 * (found & expected).sum() > 0.9 * (found.sum() + expected.sum())
