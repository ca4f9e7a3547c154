"""All that a judge learns from as one small file that can travel to a machine with a GPU.

Slices far from any label are left out. The others are reduced until the file is small enough,
labels with them; the masks of networks keep four levels. A judge sees crops of 96 pixels:
structures that fill a good part of the slice lose nothing, small ones become blurred. Random shapes
are not packed, since they are drawn anew.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from segassay.corruption.network_masks import NetworkMasks
from segassay.datasets.splits import SubjectSplit
from segassay.errors import ReadError, UsageError
from segassay.geometry.resample import resized
from segassay.training.material.material import Material
from segassay.training.material.store import CodedLabel, Codes, StoredCase, StoredSet, coded_label
from segassay.training.settings import JudgeRecipe, SetRecipe
from segassay.types import Modality

_SIDES = (256, 192, 160, 128, 112, 96, 80, 64)
"""Longest sides of a slice that are tried, until the file is small enough."""

_LEVEL = 85
"""Probabilities are packed in steps of so many 255ths."""

_BEYOND = 4
"""Slices that are kept beyond the first and the last that holds a label: faults reach there."""

_ABOUT = "about.json"
_PARTS = ("train", "tuning")


def write_pack(material: Material, path: Path, *, most_mib: float) -> int:
    """Write a pack of at most `most_mib` MiB, whole or not at all.

    Returns:
        The longest side of its slices in pixels.

    Raises:
        UsageError: It does not fit, however small the slices.
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        for side in _SIDES:
            if _written(material, fresh, side, most_mib * 2**20):
                fresh.replace(path)
                return side
    finally:
        fresh.unlink(missing_ok=True)
    raise UsageError(
        f"{path}: more than {most_mib:g} MiB even at {_SIDES[-1]} pixels a slice; "
        "allow more, or leave sets out of the recipe"
    )


def read_pack(path: Path, recipe: JudgeRecipe) -> Material:
    """Read the sets of a recipe from a pack; weights and options are the recipe's.

    Raises:
        ReadError: It is missing, damaged or no pack.
        UsageError: It lacks a set of the recipe.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(_ABOUT))
            parts = [_read_sets(archive, part, about[part], recipe) for part in _PARTS]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ReadError(f"{path}: not a pack that can be read ({error}); make it anew") from error
    train, tuning = parts
    missing = [entry.name for entry in recipe.data if entry.name not in about["splits"]]
    if missing:
        raise UsageError(f"{path}: lacks {missing[0]}, which {recipe.name} names; make it anew")
    splits = {
        entry.name: SubjectSplit(*(tuple(about["splits"][entry.name][p]) for p in _SPLIT))
        for entry in recipe.data
    }
    return Material(train, tuple(store for store in tuning if store.cases), splits)


_SPLIT = ("train", "tuning", "test")


def _written(material: Material, path: Path, side: int, most: float) -> bool:
    """Write a pack with slices of at most `side` pixels; `False` where it becomes too large."""
    about: dict[str, Any] = {
        "splits": {
            name: {part: list(getattr(split, part)) for part in _SPLIT}
            for name, split in material.splits.items()
        }
    }
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        for part in _PARTS:
            about[part] = {}
            for store in getattr(material, part):
                told = about[part][store.recipe.name] = []
                for number, case in enumerate(store.cases):
                    place = f"{part}/{store.recipe.name}/{number}"
                    told.append(_Packer(archive, place)(_smaller(_trimmed(case), side)))
                    if archive.fp is not None and archive.fp.tell() > most:
                        return False
        archive.writestr(_ABOUT, json.dumps(about, allow_nan=False))
    return path.stat().st_size <= most


def _trimmed(case: StoredCase) -> StoredCase:
    """Leave out slices far from any label."""
    filled = np.unique(np.concatenate([label.filled for label in case.labels.values()]))
    if not filled.size:
        return case
    start, stop = max(0, int(filled[0]) - _BEYOND), int(filled[-1]) + _BEYOND + 1
    masks = case.networks
    if masks is not None:
        kept = (masks.places[:, 2] >= start) & (masks.places[:, 2] < stop)
        places = masks.places[kept] - np.array([0, 0, start], dtype=np.int32)
        masks = replace(
            masks, places=places, probability=masks.probability[kept], dice=masks.dice[kept]
        )
    return replace(
        case,
        planes=case.planes[start:stop],
        maps=tuple(one[start:stop] for one in case.maps),
        labels={n: replace(a, areas=a.areas[start:stop]) for n, a in case.labels.items()},
        networks=masks,
    )


def _smaller(case: StoredCase, side: int) -> StoredCase:
    """Reduce a case's slices to at most `side` pixels along the longer side, labels with them."""
    n, height, width = case.planes.shape
    share = min(1.0, side / max(height, width))
    shape = (max(1, round(height * share)), max(1, round(width * share)))
    pixels = resized(case.planes.astype(np.float32), (n, *shape))
    step = (case.pixel_mm[0] * height / shape[0], case.pixel_mm[1] * width / shape[1])
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(shape, (height, width), strict=True)
    )
    return replace(
        case,
        planes=np.asarray(np.rint(pixels), dtype=np.uint8),
        maps=tuple(np.ascontiguousarray(m[:, rows[:, None], columns]) for m in case.maps),
        pixel_mm=step,
    )


@dataclass(frozen=True, slots=True)
class _Packer:
    """Writes a case's arrays below a place of an archive; returns what else is to be said of it."""

    archive: zipfile.ZipFile
    place: str

    def __call__(self, case: StoredCase) -> dict[str, Any]:
        # Neighbours differ little: their differences, bytes that wrap round, pack better.
        self._put("steps", np.diff(case.planes, axis=2, prepend=np.uint8(0)))
        for layer, one in enumerate(case.maps):
            self._put(f"map_{layer}", one)
        masks = case.networks
        if masks is not None:
            self._put("places", masks.places)
            self._put("levels", np.asarray(np.rint(masks.probability / _LEVEL), dtype=np.uint8))
            self._put("dice", masks.dice)
        return {
            "case_id": case.case_id,
            "subject_id": case.subject_id,
            "voxels_sha256": case.voxels_sha256,
            "modality": case.modality,
            "pixel_mm": case.pixel_mm,
            "thickness_mm": case.thickness_mm,
            "spacing_known": case.spacing_known,
            "labels": {n: [one.layer, one.codes, one.unknown] for n, one in case.labels.items()},
            "networks": None if masks is None else [masks.networks, masks.structures],
        }

    def _put(self, name: str, array: NDArray[np.generic]) -> None:
        buffer = io.BytesIO()
        npy.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
        self.archive.writestr(f"{self.place}/{name}.npy", buffer.getvalue())


def _read_sets(
    archive: zipfile.ZipFile, part: str, about: dict[str, Any], recipe: JudgeRecipe
) -> tuple[StoredSet, ...]:
    wanted = [entry for entry in recipe.data if entry.name in about]
    return tuple(
        StoredSet.of(entry, tuple(_read_cases(archive, part, entry, about[entry.name])))
        for entry in wanted
    )


def _read_cases(
    archive: zipfile.ZipFile, part: str, entry: SetRecipe, about: Sequence[dict[str, Any]]
) -> Iterator[StoredCase]:
    for number, said in enumerate(about):
        place = f"{part}/{entry.name}/{number}"
        step = (float(said["pixel_mm"][0]), float(said["pixel_mm"][1]))
        layers = sorted({layer for layer, *_ in said["labels"].values()})
        maps: tuple[Codes, ...] = tuple(_get(archive, f"{place}/map_{k}") for k in layers)
        yield StoredCase(
            set_name=entry.name,
            case_id=said["case_id"],
            subject_id=said["subject_id"],
            voxels_sha256=said["voxels_sha256"],
            modality=None if said["modality"] is None else Modality(said["modality"]),
            planes=np.cumsum(_get(archive, f"{place}/steps"), axis=2, dtype=np.uint8),
            pixel_mm=step,
            thickness_mm=float(said["thickness_mm"]),
            spacing_known=bool(said["spacing_known"]),
            maps=maps,
            labels={
                name: _label(maps[layer], step, layer, *codes)
                for name, (layer, *codes) in said["labels"].items()
            },
            networks=_read_masks(archive, place, said["networks"]),
        )


def _label(
    planes: Codes, step: tuple[float, float], layer: int, codes: list[int], *unknown: list[int]
) -> CodedLabel:
    """Describe a label as packed; the first packs do not say what is unknown."""
    ignore = tuple(code for some in unknown for code in some)
    every = {code: code for code in (*codes, *ignore)}
    return coded_label(layer, planes, every, tuple(codes), step, ignore)


def _read_masks(
    archive: zipfile.ZipFile, place: str, names: Sequence[Sequence[str]] | None
) -> NetworkMasks | None:
    if names is None:
        return None
    networks, structures = map(tuple, names)
    return NetworkMasks(
        networks,
        structures,
        _get(archive, f"{place}/places"),
        np.asarray(_get(archive, f"{place}/levels") * np.uint8(_LEVEL), dtype=np.uint8),
        _get(archive, f"{place}/dice"),
    )


def _get(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array
