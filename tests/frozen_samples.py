"""A frozen test of eight tiny sets, and what networks could have said of its cases."""

import shutil
from pathlib import Path

import numpy as np

from benchmarks.frozen_test.frozen import Frozen
from benchmarks.frozen_test.frozen_pairs import FrozenNetwork, freeze
from segassay.corruption.faulty_cases import ExpertCase, read_expert_case
from segassay.corruption.network_masks import NetworkMasks
from segassay.datasets.case import Case
from segassay.images.slicing import as_planes, pixel_mm, slicing_axis
from segassay.judge.inputs.letterbox import letterbox
from segassay.types import Modality
from tiny_context import write_set

SETS = ("btcv", "acdc", "hippocampus", "left_atrium", "chaos_t2", "jsrt", "hc18", "ph2")
STRUCTURE = "blob"


def guesses(expert: ExpertCase, structure: str = "liver") -> NetworkMasks:
    """What two networks could have said: the expert's mask, small, and something else."""
    axis = slicing_axis(expert.image.grid)
    gold = as_planes(expert.masks[structure], axis)
    shape = gold.shape[1:]
    found = np.zeros((2, len(gold), 96, 96), dtype=np.uint8)
    found[0] = 255 * letterbox(shape, pixel_mm(expert.image.grid, axis), 96)(gold)
    found[1, :, 30:60, 30:60] = 140
    return NetworkMasks(
        networks=("net-0-0", "net-0-1"),
        structures=(structure,),
        places=np.array([(n, 0, k) for n in range(2) for k in range(len(gold))], dtype=np.int32),
        probability=found.reshape(-1, 96, 96),
        dice=np.zeros(2 * len(gold), dtype=np.float32),
    )


def write_tiny(root: Path) -> Path:
    """Write the pictures that all eight sets share: eight subjects, of which two are tested."""
    shutil.rmtree(write_set(root / "set", 8) / "predictions")
    return root


class TinyNetwork:
    """Stands for the network whose errors the frozen test holds."""

    def masks(self, name: str, case: Case, modality: Modality, checksum: str) -> NetworkMasks:
        """Return what it says of a case; arguments as of `UnseenNetwork.masks`."""
        del name, checksum
        return guesses(read_expert_case("set", case, modality), STRUCTURE)


def make_tiny(self: Frozen, data: Path) -> None:
    """Make the test of these sets instead of the one in `pairs.yaml`: for `Frozen.__init__`."""
    network = FrozenNetwork(size=64, weights={})
    test = freeze([(name, "set", Modality.MR) for name in SETS], data, network, seed=3)
    self.data = data
    self.test = test.model_copy(update={"faults_per_label": 4})
    self._network = TinyNetwork()  # type: ignore[assignment]
