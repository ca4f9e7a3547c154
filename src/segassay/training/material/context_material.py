"""Contexts for all sets of a recipe, made once and kept beside the checkpoint."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from segassay.judge.context.known_looks import KnownLooks, summary
from segassay.judge.context.looks import fine_patches, picture, tiles
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.judge.engines.context_engine import PatchEncoder
from segassay.training.material.context_worlds import (
    WORLDS,
    SetWorlds,
    make_worlds,
    restricted,
    slices_of,
)
from segassay.training.material.material import Material
from segassay.training.material.store import StoredSet
from segassay.training.settings import ContextRecipe
from segassay.types import Say

_BATCH = 8


def encoder_of(recipe: ContextRecipe) -> Path:
    """Return the file of the recipe's encoder.

    Raises:
        ModelError: It is neither a file nor a judge with an encoder.
    """
    file = Path(recipe.encoder)
    return file if file.is_file() else open_judge(find_judge(recipe.encoder)).require_encoder()


def with_worlds(
    recipe: ContextRecipe, material: Material, folder: Path, *, seed: int, say: Say
) -> Material:
    """Add what the context says of every slice that is learned from, or tuned on.

    Sets are restricted to these slices; those of which nothing is known by name, as random shapes,
    stay as they are and have no context.

    Args:
        recipe: What is made.
        material: The sets.
        folder: What is finished is kept in here, a file for each set.
        seed: Of the errors in the labels that vote.
        say: Gets a line for each set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    encoder = PatchEncoder(encoder_of(recipe))
    tuning = {store.recipe.name: store for store in material.tuning}
    train, tuned, worlds = [], [], {}
    for store in material.train:
        name = store.recipe.name
        other = tuning.get(name)
        both = StoredSet.of(store.recipe, (*store.cases, *(other.cases if other else ())))
        path = folder / f"{name}.npz"
        if not path.exists():
            _made(recipe, both, encoder, seed).save(path)
            say(f"{name}: context for {len(both.cases)} cases")
        worlds[name] = SetWorlds.load(path)
        train.append(_only(store, worlds[name]))
        if other is not None:
            tuned.append(_only(other, worlds[name]))
    return replace(material, train=tuple(train), tuning=tuple(tuned), worlds=worlds)


def known_looks(
    worlds: Mapping[str, SetWorlds], structures: Mapping[str, Iterable[str]]
) -> KnownLooks:
    """Return what images look like in the sets whose structures a judge was tested on."""
    looks = {}
    for name, found in worlds.items():
        rows = range(len(found.looks))
        summaries = [summary(found.looks_of(row, mirrored=False).patches) for row in rows]
        looks[name] = np.stack(summaries), np.array(found.close[0].subjects)
    return KnownLooks.of(looks, structures)


def _made(recipe: ContextRecipe, store: StoredSet, encoder: PatchEncoder, seed: int) -> SetWorlds:
    slices = _slices(recipe, store)
    shown = (
        picture(_seen(store, case, index), store.cases[case].pixel_mm) for case, index in slices
    )
    looks = [one for batch in _batches(shown) for one in encoder(batch)]
    fine = [
        fine_patches(encoder(tiles(_seen(store, case, index), store.cases[case].pixel_mm)))
        for case, index in slices
    ]
    features = (
        np.stack([one.patches for one in looks]),
        np.stack([one.summary for one in looks]),
        np.stack(fine),
    )
    return make_worlds(store, slices, features, kinds=WORLDS, n_looks=recipe.n_looks, seed=seed)


def _slices(recipe: ContextRecipe, store: StoredSet) -> list[tuple[int, int]]:
    """Choose slices of whole cases, evenly, at most `most` in all."""
    each = [slices_of(case, recipe.slices) for case in store.cases]
    step = max(1, -(-sum(map(len, each)) // recipe.most))
    return [(n, int(i)) for n in range(0, len(each), step) for i in each[n]]


def _seen(store: StoredSet, case: int, index: int) -> np.ndarray:
    stored = store.cases[case]
    return stored.planes[index] if stored.colours is None else stored.colours


def _batches(shown: Iterator[np.ndarray]) -> Iterator[list[np.ndarray]]:
    batch: list[np.ndarray] = []
    for one in shown:
        batch.append(one)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _only(store: StoredSet, worlds: SetWorlds) -> StoredSet:
    """Restrict a set to the cases and slices of which something is known."""
    kept: dict[str, list[int]] = {}
    for case_id, index in worlds.rows:
        kept.setdefault(case_id, []).append(index)
    cases = (
        restricted(case, np.array(kept[case.case_id]))
        for case in store.cases
        if case.case_id in kept
    )
    return StoredSet.of(store.recipe, tuple(cases))
