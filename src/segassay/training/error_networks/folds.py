"""Who learns from whom: segmenters see the subjects of one fold and are used on all others."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from segassay.corruption.network_masks import NetworkMasks
from segassay.datasets.splits import natural_key
from segassay.training.error_networks.architectures import Segmenter
from segassay.training.error_networks.predict import keep_sizeable, predict_case
from segassay.training.error_networks.square_slices import square_case
from segassay.training.error_networks.train_network import FoldSet, fit_segmenter
from segassay.training.material.store import StoredCase, StoredSet
from segassay.training.settings import SegmenterRecipe
from segassay.types import Say


@dataclass(frozen=True, slots=True)
class TrainedSegmenter:
    """One network at one moment of its training, as a file."""

    kind: str
    fold: int
    moment: int
    path: Path

    @property
    def name(self) -> str:
        """Short name that says where its masks come from."""
        return f"{self.kind}-{self.fold}-{self.moment}"


def fold_of(store: StoredSet, folds: int) -> dict[str, int]:
    """Return the fold of every subject of a set, in turn over their natural order."""
    subjects = sorted({case.subject_id for case in store.cases}, key=natural_key)
    return {subject: number % folds for number, subject in enumerate(subjects)}


def structures_of(stores: Sequence[StoredSet]) -> dict[str, tuple[str, ...]]:
    """Return the structures that each set's training subjects hold, in order of their names."""
    return {store.recipe.name: tuple(sorted(store.holders)) for store in stores}


def train_folds(
    stores: tuple[StoredSet, ...], recipe: SegmenterRecipe, folder: Path, *, say: Say
) -> list[TrainedSegmenter]:
    """Train every kind once per fold on the subjects of that fold; finished ones are kept."""
    trained = []
    for fold in range(recipe.folds):
        for kind in recipe.kinds:
            trained += _train(kind, fold, stores, recipe, folder, say)
    return trained


def _train(
    kind: str,
    fold: int,
    stores: tuple[StoredSet, ...],
    recipe: SegmenterRecipe,
    folder: Path,
    say: Say,
) -> list[TrainedSegmenter]:
    wanted = [
        TrainedSegmenter(kind, fold, moment, folder / f"{kind}-{fold}-{moment}.safetensors")
        for moment in range(len(recipe.snapshots))
    ]
    if all(one.path.exists() for one in wanted):
        return wanted
    say(f"training {kind} on fold {fold}, {recipe.updates} updates")
    sets = [_fold_set(store, fold, recipe) for store in stores]
    weights = fit_segmenter(kind, [s for s in sets if s.cases], recipe, seed=fold)
    folder.mkdir(parents=True, exist_ok=True)
    known = {"structures": json.dumps({s.name: s.structures for s in sets}, allow_nan=False)}
    for one, state in zip(wanted, weights, strict=True):
        tensors = {name: value.contiguous() for name, value in state.items()}
        one.path.write_bytes(save(tensors, metadata=known))
    return wanted


def known_structures(path: Path) -> dict[str, tuple[str, ...]]:
    """Return what a trained network's heads segment, in order, by data set."""
    with safe_open(path, framework="pt") as file:
        found: dict[str, list[str]] = json.loads(file.metadata()["structures"])
    return {name: tuple(structures) for name, structures in found.items()}


def _fold_set(store: StoredSet, fold: int, recipe: SegmenterRecipe) -> FoldSet:
    folds, structures = fold_of(store, recipe.folds), tuple(sorted(store.holders))
    cases = [case for case in store.cases if folds[case.subject_id] == fold]
    squares = (square_case(case, structures, recipe.size) for case in cases)
    return FoldSet(
        store.recipe.name,
        structures,
        store.recipe.weight,
        tuple(square for square in squares if square.labelled.size),
    )


def load_segmenter(one: TrainedSegmenter) -> Segmenter:
    """Rebuild a trained network from its file; which sets it knows follows from its heads."""
    state = load_file(one.path)
    heads = {
        key.split(".")[1]: len(value)
        for key, value in state.items()
        if key.startswith("heads.") and key.endswith(".weight")
    }
    net = Segmenter(one.kind, heads)
    net.load_state_dict(state)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def predict_set(
    store: StoredSet,
    structures: tuple[str, ...],
    segmenters: Sequence[TrainedSegmenter],
    recipe: SegmenterRecipe,
    folder: Path,
    *,
    seen_fold: Callable[[StoredCase], int | None],
) -> Iterator[tuple[StoredCase, NetworkMasks]]:
    """Give every case the masks of the networks that did not learn from its subject.

    `seen_fold` tells the fold whose networks saw a case, `None` for cases that none saw.
    """
    nets = {one: load_segmenter(one) for one in segmenters}
    for case in store.cases:
        path = folder / store.recipe.name / f"{case.case_id}.npz"
        if not path.exists():
            fair = [one for one in segmenters if one.fold != seen_fold(case)]
            fair = [one for one in fair if store.recipe.name in nets[one].heads]
            square = square_case(case, structures, recipe.size)
            answers = [predict_case(nets[one], store.recipe.name, square) for one in fair]
            names = tuple(one.name for one in fair)
            keep_sizeable(names, structures, answers, square.gold).save(path)
        yield case, NetworkMasks.load(path)
