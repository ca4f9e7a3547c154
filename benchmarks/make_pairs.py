"""Choose the frozen test's subjects and write `benchmarks/pairs.yaml`.

Run once; running it again on the same data gives the same file. The file is what counts: changing
it makes a new version of the test, and figures of different versions are not compared.

Usage: python benchmarks/make_pairs.py DATA_ROOT
"""

import sys
from pathlib import Path

from segassay.pipelines.frozen_test import as_yaml, freeze
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
    """Write the file beside this script."""
    test = freeze(SETS, data, seed=20261121)
    Path(__file__).with_name("pairs.yaml").write_text(as_yaml(test))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
