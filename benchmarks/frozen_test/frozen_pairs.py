"""The frozen test: which masks of which held-out subjects, made again bit for bit from a file.

`benchmarks/pairs.yaml` names data sets, subjects, file checksums and a seed. Every pair follows
from it: per label a flat spread of target Dice from 0 to 1. Half of the faults are errors of a real
network of an architecture that no judge meets in training; of the planted half every second comes
from a family that none meets, the rest from families judges are trained on (in slices and through
slices).
"""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from segassay.corruption.families import NEVER_TRAINED
from segassay.corruption.faulty_cases import ExpertCase, network_faults, read_expert_case
from segassay.corruption.network_masks import NetworkMasks
from segassay.corruption.volume_faults import LabelledPlanes, draw_volume_fault, slicewise
from segassay.datasets.case import Case
from segassay.datasets.opening import open_dataset
from segassay.datasets.pair_table import UNTOUCHED
from segassay.datasets.read_case import file_sha256
from segassay.datasets.splits import split_subjects
from segassay.errors import DatasetError, UsageError
from segassay.images.slicing import as_planes, from_planes, slicing_axis
from segassay.metrics.overlap import NSD_MM, dice, volume_surface_dice
from segassay.types import Modality

Origin = Literal["expert", "trained", "unseen", "network"]


class FrozenSet(BaseModel):
    """One data set of the test: its place below the data root, and its files' checksums by case.

    A checksum covers the image and all label files of a case, so that a changed file is noticed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    path: str
    modality: Modality
    cases: dict[str, str]


class FrozenNetwork(BaseModel):
    """The network whose errors the test holds: side of its input, checksum of each weights file.

    The files are moments of one training, early to late.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    weights: dict[str, str]

    def fingerprint(self) -> str:
        """Return a short name for what follows from this network: 12 hex digits."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


class FrozenTest(BaseModel):
    """Contents of `pairs.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    seed: int
    faults_per_label: int = Field(ge=2)
    unseen_families: tuple[str, ...]
    network: FrozenNetwork
    sets: tuple[FrozenSet, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FrozenPair:
    """One mask `(i, j, k)` of the test with what is true of it.

    `origin` is `expert`, `trained` or `unseen` (planted by a family that judges meet in training,
    or by one that none meets) or `network`. `dice` is 1 for the untouched label; `nsd` is the
    surface Dice at 2 mm (in pixels where the image has no millimetres). `seed` makes a planted
    fault again.
    """

    structure: str
    recipe: str
    origin: Origin
    seed: int
    mask: NDArray[np.bool_]
    dice: float
    nsd: float


def read_frozen_test(path: Path) -> FrozenTest:
    """Read `pairs.yaml`; raises `UsageError` for a file of another form."""
    try:
        found = FrozenTest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(
            f"{path.name}: not a frozen test ({' '.join(str(error).split())})"
        ) from error
    if set(found.unseen_families) != set(NEVER_TRAINED):
        raise UsageError(f"{path.name}: its unseen families are not the ones that training avoids")
    return found


def freeze(
    sets: list[tuple[str, str, Modality]], data: Path, network: FrozenNetwork, *, seed: int
) -> FrozenTest:
    """Choose the held-out subjects of data sets `(name, path, modality)` and take checksums."""
    frozen = []
    for name, path, modality in sets:
        dataset = open_dataset(data / path)
        held = set(split_subjects([c.subject_id for c in dataset.cases if c.labels]).test)
        cases = {c.case_id: case_checksum(c) for c in dataset.cases if c.subject_id in held}
        frozen.append(FrozenSet(name=name, path=path, modality=modality, cases=cases))
    return FrozenTest(
        version=2,
        seed=seed,
        faults_per_label=10,
        unseen_families=tuple(NEVER_TRAINED),
        network=network,
        sets=tuple(frozen),
    )


def frozen_case(entry: FrozenSet, case_id: str, data: Path) -> ExpertCase:
    """Read one case of a set of the test; errors as of `frozen_cases`."""
    only = entry.model_copy(update={"cases": {case_id: entry.cases[case_id]}})
    return next(frozen_cases(only, data))


def frozen_cases(entry: FrozenSet, data: Path) -> Iterator[ExpertCase]:
    """Read the cases of one set of the test.

    Raises:
        DatasetError: A case is missing or one of its files has changed.
    """
    found = {case.case_id: case for case in open_dataset(data / entry.path).cases}
    for case_id, checksum in entry.cases.items():
        if case_id not in found:
            raise DatasetError(f"{entry.name}: case {case_id} of the frozen test is missing")
        if case_checksum(found[case_id]) != checksum:
            raise DatasetError(
                f"{entry.name}: files of case {case_id} differ from the frozen test's; "
                "figures would not be comparable"
            )
        yield read_expert_case(entry.name, found[case_id], entry.modality)


def frozen_pairs(
    test: FrozenTest, expert: ExpertCase, structure: str, networks: NetworkMasks | None
) -> Iterator[FrozenPair]:
    """Make the masks of one label: the untouched one, planted faults, errors of the network.

    Without `networks` there are planted faults only, the same as with them.
    """
    gold = expert.masks[structure]
    yield FrozenPair(structure, UNTOUCHED, "expert", seed=0, mask=gold, dice=1.0, nsd=1.0)
    n_planted = test.faults_per_label // 2
    found = [_planted(test, expert, structure, number) for number in range(n_planted)]
    if networks is not None:
        seed = _seed(test, expert, structure, n_planted)
        rng = np.random.default_rng(seed)
        n_wanted = test.faults_per_label - n_planted
        targets = ((np.arange(n_wanted) + rng.random(n_wanted)) / n_wanted).tolist()
        found += [
            (recipe, "network", seed, mask)
            for recipe, _, mask in network_faults(expert, structure, networks, targets)
        ]
    for recipe, origin, seed, mask in found:
        if mask.any():
            yield FrozenPair(
                structure, recipe, origin, seed, mask, dice(mask, gold), _nsd(expert, mask, gold)
            )


def _planted(
    test: FrozenTest, expert: ExpertCase, structure: str, number: int
) -> tuple[str, Origin, int, NDArray[np.bool_]]:
    seed = _seed(test, expert, structure, number)
    rng = np.random.default_rng(seed)
    target = (number + float(rng.random())) / (test.faults_per_label // 2)
    label = _planes(expert, structure)
    axis = slicing_axis(expert.image.grid)
    origin: Origin = "unseen" if (number + _seed(test, expert, structure, 0)) % 2 else "trained"
    if origin == "unseen":
        unseen = sorted(test.unseen_families)
        recipe = unseen[int(rng.integers(len(unseen)))]
        planes = slicewise(label, recipe, target, rng)
    else:
        fault = draw_volume_fault(label, rng, dice=target)
        planes, recipe = fault.mask, fault.recipe
    return recipe, origin, seed, np.ascontiguousarray(from_planes(planes, axis))


def _planes(expert: ExpertCase, structure: str) -> LabelledPlanes:
    axis = slicing_axis(expert.image.grid)
    return LabelledPlanes(
        image=as_planes(expert.image.array, axis),
        gold=as_planes(expert.masks[structure], axis),
        others=tuple(as_planes(m, axis) for n, m in expert.masks.items() if n != structure),
    )


def _nsd(expert: ExpertCase, mask: NDArray[np.bool_], gold: NDArray[np.bool_]) -> float:
    spacing = expert.image.grid.spacing_mm
    return volume_surface_dice(mask, gold, spacing, tolerance_mm=NSD_MM)


def _seed(test: FrozenTest, expert: ExpertCase, structure: str, number: int) -> int:
    place = f"{test.seed}/{expert.set_name}/{expert.case.case_id}/{structure}/{number}"
    return zlib.crc32(place.encode())


def case_checksum(case: Case) -> str:
    """Return one checksum over the files of a case, images first."""
    paths = (*case.images, *dict.fromkeys(ref.path for ref in case.labels))
    sums = ",".join(file_sha256(path) for path in paths)
    return hashlib.sha256(sums.encode()).hexdigest()[:16]


def as_yaml(test: FrozenTest) -> str:
    """Return the text of `pairs.yaml`."""
    data: dict[str, Any] = test.model_dump(mode="json")
    return yaml.safe_dump(data, sort_keys=False)
