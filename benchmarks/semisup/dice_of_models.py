"""Dice of a trained segmenter on test subjects, of the weights that were kept and of the last."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.frozen_test.frozen import Row
from segassay.datasets.case import Dataset
from segassay.datasets.read_case import read_labelled_case
from segassay.images.io import read_image
from segassay.metrics.overlap import dice
from segassay.segment.model_folder import CHECKPOINT
from segassay.segment.networks import build_network
from segassay.segment.segmenter import Segmenter


class LastSegmenter(Segmenter):
    """A segmenter with the average weights at the end of its training, from the checkpoint."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        meta = self.meta
        maps = len(meta.structures) + meta.exclusive
        self.net = build_network(meta.recipe, meta.preprocessing.inputs, maps)
        state = torch.load(folder / CHECKPOINT, weights_only=True)["average"]
        own = {k.removeprefix("module."): v for k, v in state.items() if k.startswith("module.")}
        self.net.load_state_dict(own)
        self.net.eval()

    @torch.no_grad()
    def _run(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        said = self.net(torch.from_numpy(np.ascontiguousarray(patches))).float()
        p = said.softmax(1) if self.meta.exclusive else said.sigmoid()
        found: Any = p.numpy()
        return np.asarray(found, dtype=np.float32)


def dice_rows(folder: Path, test: Dataset) -> list[Row]:
    """Return a row for every label of the test: Dice of both weights, 0 for what is not drawn."""
    both = {"kept": Segmenter(folder), "last": LastSegmenter(folder)}
    rows: list[Row] = []
    for case in test.cases:
        opened = read_labelled_case(case)
        channels = [opened.image, *(read_image(path) for path in case.images[1:])]
        drawn = {name: segmenter(channels) for name, segmenter in both.items()}
        for ref, mask in opened.masks():
            if not mask or ref.structure not in both["kept"].meta.structures:
                continue
            found = {
                name: dice(*masks[ref.structure].beside(mask)) for name, masks in drawn.items()
            }
            rows.append({"subject": case.subject_id, "structure": ref.structure, **found})
    return rows
