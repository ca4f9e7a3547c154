"""Choose the frozen test's subjects, train its network, and write `benchmarks/pairs.yaml`.

Run once; the network's weights are kept beside the file, and with them another run gives the same
file. The file is what counts: changing it makes a new version of the test, and figures of different
versions are not compared.

Usage: python -m benchmarks.frozen_test.make_frozen_pairs DATA_ROOT
"""

import sys
from pathlib import Path

from benchmarks.frozen_test.frozen_pairs import FrozenNetwork, as_yaml, freeze
from benchmarks.frozen_test.unseen_architecture import train_network
from segassay.datasets.read_case import file_sha256
from segassay.training.settings import SegmenterRecipe, read_recipe
from segassay.types import Modality

SETS = [
    ("btcv", "nnUNet_raw/Dataset101_BTCV", Modality.CT),
    ("acdc", "nnUNet_raw/Dataset027_ACDC", Modality.MR),
    ("hippocampus", "Task04_Hippocampus", Modality.MR),
    ("left_atrium", "Task90_LeftAtrium", Modality.MR),
    ("chaos_t2", "chaos_t2", Modality.MR),
    ("jsrt", "jsrt", Modality.XRAY),
    ("hc18", "hc18", Modality.ULTRASOUND),
    ("ph2", "ph2", Modality.DERMOSCOPY),
]


def main(data: Path) -> None:
    """Write the file beside this script, and the network's weights where they are missing."""
    here = Path(__file__).parents[1]
    recipe = here.parent / "recipes" / "unseen-network.yaml"
    settings = read_recipe(recipe).segmenters or SegmenterRecipe()
    weights = train_network(recipe, data, here / "unseen_network", say=print)
    sums = {path.name: file_sha256(path) for path in weights}
    network = FrozenNetwork(size=settings.size, weights=sums)
    test = freeze(SETS, data, network, seed=20261121)
    (here / "pairs.yaml").write_text(as_yaml(test))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
