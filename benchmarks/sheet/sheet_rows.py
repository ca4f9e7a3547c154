"""The questions of the judge's sheet, each as rows: one row per judged mask, with its true Dice."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.frozen_test.frozen import Row
from benchmarks.frozen_test.frozen_pairs import FrozenPair
from segassay.corruption.faulty_cases import ExpertCase
from segassay.corruption.volume_faults import LabelledPlanes, slicewise
from segassay.datasets.pair_table import UNTOUCHED
from segassay.images.slicing import as_planes, from_planes, slicing_axis
from segassay.images.volume import Volume
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.judge.scoring import Judge
from segassay.judge.scoring.loading import judge_of
from segassay.metrics.overlap import dice
from segassay.vocabulary.names import mirrored

Mask = NDArray[np.bool_]

SWEEP = tuple(np.round(np.arange(0.1, 0.96, 0.05), 2))
SLICE_COUNTS = (1, 2, 3, 5, 10, 20, 40)
_EVERY = 9
_PATIENTS = 5
_DONORS = 3
_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def place(expert: ExpertCase, test: str, structure: str) -> Row:
    """Return the columns that say where a row comes from."""
    return {
        "test": test,
        "set": expert.set_name,
        "subject": f"{expert.set_name}/{expert.case.subject_id}",
        "case": expert.case.case_id,
        "structure": structure,
    }


def pair_rows(
    expert: ExpertCase, judge: Judge, pairs: Sequence[FrozenPair], foreign: Volume
) -> list[Row]:
    """Judge all pairs of a case: as they are, without the image, and on another patient's image."""
    labels = [(p.structure, p.mask) for p in pairs]
    scores = judge.score_labels(expert.image, labels, modality=expert.modality)
    black = replace(expert.image, array=np.zeros_like(expert.image.array))
    blind = judge.score_labels(black, labels, modality=expert.modality)
    other = replace(expert.image, array=fitted(foreign.array, expert.image.array.shape))
    shuffled = judge.score_labels(other, labels, modality=expert.modality)
    return [
        {
            **place(expert, "pair", p.structure),
            "recipe": p.recipe,
            "origin": p.origin,
            "seed": p.seed,
            "true": p.dice,
            "nsd": p.nsd,
            "size": int(p.mask.sum()),
            "value": s.value,
            "low": s.low,
            "high": s.high,
            "status": s.status.value,
            "mask_only": b.value,
            "shuffled": f.value,
        }
        for p, s, b, f in zip(pairs, scores, blind, shuffled, strict=True)
    ]


def fitted(array: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Crop or pad an array about its centre to another shape; padding repeats the edges."""
    for axis, wanted in enumerate(shape):
        surplus = array.shape[axis] - wanted
        if surplus > 0:
            array = np.take(array, range(surplus // 2, surplus // 2 + wanted), axis)
        elif surplus < 0:
            pad = [(0, 0)] * array.ndim
            pad[axis] = (-surplus // 2, -surplus - (-surplus // 2))
            array = np.pad(array, pad, mode="edge")
    return array


def wrong_name_rows(expert: ExpertCase, judge: Judge) -> list[Row]:
    """Judge expert masks under the name of another structure that is in the image, too."""
    gold = expert.masks
    swaps = [(wrong, right) for right in gold for wrong in gold if wrong != right]
    masks = [(wrong, gold[right]) for wrong, right in swaps]
    scores = judge.score_labels(expert.image, masks, modality=expert.modality) if masks else []
    return [
        {
            **place(expert, "wrong_name", wrong),
            "mask_of": right,
            "close": wrong == mirrored(right) or touching(gold[wrong], gold[right]),
            "true": dice(gold[wrong], gold[right]),
            "value": score.value,
        }
        for (wrong, right), score in zip(swaps, scores, strict=True)
    ]


def touching(a: Mask, b: Mask) -> bool:
    """Whether a mask touches another one by a face."""
    moved = (np.roll(a, step, axis) for axis in range(3) for step in (-1, 1))
    return any(bool((m & b).any()) for m in moved)


def sweep_rows(expert: ExpertCase, judge: Judge) -> list[Row]:
    """Judge the abdominal labels eroded and dilated step by step, as the papers do on BTCV."""
    if expert.set_name != "btcv":
        return []
    return [
        row
        for family, structure, masks in swept(expert)
        for row in _judged(expert, judge, family, structure, masks)
    ]


def swept(expert: ExpertCase) -> Iterator[tuple[str, str, list[Mask]]]:
    """Yield family, structure and masks that are eroded or dilated ever further."""
    axis = slicing_axis(expert.image.grid)
    for structure, family in product(expert.masks, ("erosion", "dilation")):
        mask = expert.masks[structure]
        label = LabelledPlanes(as_planes(expert.image.array, axis), as_planes(mask, axis))
        rng = np.random.default_rng(0)
        bad = [from_planes(slicewise(label, family, float(t), rng), axis) for t in SWEEP]
        yield family, structure, [m for m in bad if m.any()]


def slice_count_rows(expert: ExpertCase, judge_name: str, pairs: Sequence[FrozenPair]) -> list[Row]:
    """Judge some pairs of a volume with more and fewer slices."""
    if 1 in expert.image.grid.shape:
        return []
    folder = open_judge(find_judge(judge_name))
    some = pairs[::_EVERY]
    rows = []
    for count in SLICE_COUNTS:
        sampling = None
        if folder.meta.sampling is not None:
            sampling = folder.meta.sampling.model_copy(update={"inside": count})
        meta = folder.meta.model_copy(update={"sampling": sampling})
        judge = judge_of(replace(folder, meta=meta))
        labels = [(p.structure, p.mask) for p in some]
        scores = judge.score_labels(expert.image, labels, modality=expert.modality)
        rows += [
            {**place(expert, "slices", p.structure), "n": count, "true": p.dice, "value": s.value}
            for p, s in zip(some, scores, strict=True)
        ]
    return rows


def five_image_rows(experts: Sequence[ExpertCase], judge: Judge) -> list[Row]:
    """Put one patient's mask on up to five patients and judge it there.

    The mask's centre goes to the centre of the patient's own structure, then off it by a step that
    differs from patient to patient and mask to mask; the true Dice there is known. Who looks at the
    mask alone sees the same mask five times.
    """
    rows = []
    for structure in sorted({name for e in experts for name in e.masks}):
        holders = [e for e in experts if structure in e.masks][:_PATIENTS]
        if len(holders) < 3:
            continue
        for number, donor in enumerate(holders[:_DONORS]):
            rng = np.random.default_rng([number, len(structure)])
            steps = rng.permutation(_STEPS)
            for expert, step in zip(holders, steps, strict=False):
                mask = moved_onto(donor.masks[structure], expert.masks[structure], step, rng)
                if mask.any():
                    (row,) = _judged(expert, judge, "five_images", structure, [mask])
                    rows.append({**row, "donor": donor.case.case_id})
    return rows


def moved_onto(mask: Mask, gold: Mask, step: float, rng: np.random.Generator) -> Mask:
    """Move a mask onto another grid, `step` mean radii off the centre of the gold there."""
    voxels = np.argwhere(mask)
    angle = rng.uniform(0, 2 * np.pi)
    n_slices = len(np.unique(voxels[:, 2]))
    reach = step * np.sqrt(len(voxels) / n_slices / np.pi)
    offset = reach * np.array([np.cos(angle), np.sin(angle), 0.0])
    shift = np.argwhere(gold).mean(axis=0) + offset - voxels.mean(axis=0)
    voxels = voxels + np.rint(shift).astype(int)
    inside = ((voxels >= 0) & (voxels < gold.shape)).all(axis=1)
    out = np.zeros(gold.shape, dtype=np.bool_)
    out[tuple(voxels[inside].T)] = True
    return out


def _judged(
    expert: ExpertCase, judge: Judge, test: str, structure: str, masks: Sequence[Mask]
) -> list[Row]:
    labels = [(structure, m) for m in masks]
    scores = judge.score_labels(expert.image, labels, modality=expert.modality)
    gold = expert.masks[structure]
    return [
        {**place(expert, test, structure), "true": dice(m, gold), "value": s.value}
        for m, s in zip(masks, scores, strict=True)
    ]


def is_untouched(row: Row) -> bool:
    """Whether a row is an expert's label as it is."""
    return bool(row["test"] == "pair" and row["recipe"] == UNTOUCHED)
