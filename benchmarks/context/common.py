"""What the experiments on judging in context share: the sets, their folds, the encoder."""

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from segassay.context.looks import GRID, picture
from segassay.data.case import Dataset
from segassay.data.letterbox import letterbox
from segassay.training.segmenters.masks import NetworkMasks
from segassay.training.settings import JudgeRecipe, SetRecipe, read_recipe
from segassay.training.store import StoredCase, StoredSet, load_set, open_recipe
from segassay.types import Modality

DATA = Path(os.environ.get("SEGASSAY_SHARED_DATA", "../shared/data"))
RUNS = Path(os.environ.get("CONTEXT_RUNS", "runs/context"))
N_FOLDS = 3
_SIDE = 192


def breadth_rows() -> list[dict[str, str]]:
    with (DATA / "breadth" / "sets.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def breadth_recipe(row: dict[str, str], *, labels: str = "masks", weight: float = 1.0) -> SetRecipe:
    name = row["set"]
    modality = Modality(row["modality"]) if row["modality"] in set(Modality) else None
    return SetRecipe(
        name=name,
        path=str(RUNS / labels / name),
        modality=modality,
        weight=weight,
        mirror="free",
        source=row["source"],
        licence=row["licence"] or None,
    )


def fold_of(name: str) -> int:
    """Which fold a breadth set is left out in: by its place among all names in order."""
    names = sorted(row["set"] for row in breadth_rows())
    return names.index(name) % N_FOLDS


class Encoder:
    """EfficientNet-Lite0 up to its last block; three resolutions joined, then projected."""

    def __init__(self, path: Path, projection: Path | None) -> None:
        import openvino as ov

        self.run = ov.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        self.mean, self.matrix = None, None
        if projection is not None:
            kept = np.load(projection)
            self.mean, self.matrix = kept["mean"], kept["matrix"]

    def raw(self, pictures: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        import torch
        from torch.nn import functional as F

        found = [torch.from_numpy(np.array(t)) for t in self.run(pictures).values()]
        up = [F.interpolate(t, size=(GRID, GRID), mode="bilinear") for t in found]
        dense = torch.cat([w * F.normalize(t, dim=1) for w, t in zip((0.7, 1.0, 0.5), up)], 1)
        summary = F.normalize(found[1].mean((2, 3)), dim=1)
        return dense.flatten(2).transpose(1, 2).contiguous().numpy(), summary.numpy()

    def __call__(
        self, pictures: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        dense, summary = self.raw(pictures)
        if self.matrix is not None:
            dense = (dense - self.mean) @ self.matrix
        dense /= np.linalg.norm(dense, axis=2, keepdims=True).clip(1e-6)
        return dense.astype(np.float32), summary


def colours_of(dataset: Dataset) -> dict[str, Path]:
    return {
        case.case_id: case.images[0]
        for case in dataset.cases
        if case.images and case.images[0].suffix.lower() in {".png", ".jpg", ".jpeg", ".bmp"}
    }


def pictures_of(dataset: Dataset) -> Callable[[StoredCase, int], NDArray[np.float32]]:
    """Return what shows a slice to the encoder: in colour where the file is in colour."""
    paths = colours_of(dataset)

    def show(case: StoredCase, index: int) -> NDArray[np.float32]:
        path = paths.get(case.case_id)
        if path is not None:
            with Image.open(path) as opened:
                colours = np.asarray(opened.convert("RGB"))
            if colours.shape[:2] == case.planes.shape[1:] and colours.std(axis=2).mean() > 2.5:
                return picture(colours, case.pixel_mm)
        return picture(case.planes[index], case.pixel_mm)

    return show


def with_predictions(store: StoredSet, predictions: StoredSet) -> StoredSet:
    """Give every case the set's real predictions as masks of a network."""
    from dataclasses import replace

    by_case = {case.case_id: case for case in predictions.cases}
    cases = []
    for case in store.cases:
        other = by_case.get(case.case_id)
        names = [] if other is None else [n for n in other.labels if n in case.labels]
        if other is None or not names or other.planes.shape != case.planes.shape:
            cases.append(case)
            continue
        masks = [other.mask(n, 0) for n in names]
        seen = np.stack([letterbox(m.shape, case.pixel_mm, _SIDE)(m[None].astype(np.float32))[0] for m in masks])
        gold = [case.mask(n, 0) for n in names]
        dice = [2 * (a & b).sum() / max(a.sum() + b.sum(), 1) for a, b in zip(masks, gold)]
        places = np.array([[0, k, 0] for k in range(len(names))], dtype=np.int32)
        networks = NetworkMasks(
            ("public",), tuple(names), places, np.rint(seen * 255).clip(0, 255).astype(np.uint8),
            np.asarray(dice, dtype=np.float32),
        )
        cases.append(replace(case, networks=networks))
    return StoredSet.of(store.recipe, tuple(cases))


def load_all(recipe: SetRecipe, *, train_only: bool = False) -> tuple[StoredSet, Dataset]:
    from segassay.data.splits import split_subjects

    dataset = open_recipe(recipe, DATA)
    subjects = [c.subject_id for c in dataset.cases if c.labels]
    kept = frozenset(split_subjects(subjects).train if train_only else subjects)
    return load_set(recipe, dataset, kept, say=lambda _: None), dataset


def shared_recipes() -> list[SetRecipe]:
    recipe: JudgeRecipe = read_recipe(Path("recipes/judge-small.yaml"))
    return [s for s in recipe.data if not s.name.endswith("_coronal")]
