"""A trained segmenter in use: an image in, masks out. Needs no torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.geometry.resample import resized
from segassay.images.mask import Mask
from segassay.images.slicing import plane_order
from segassay.images.volume import Volume
from segassay.judge.engines.network import Ports, open_network
from segassay.segment.model_folder import MODEL, ModelMeta, open_model
from segassay.segment.windows import probabilities
from segassay.types import Engine

Floats = NDArray[np.float32]


class Segmenter:
    """A segmenter, opened; safe to share between threads."""

    def __init__(
        self, folder: Path, *, threads: int | None = None, engine: Engine = Engine.ONNX
    ) -> None:
        """Open the folder that `train seg` wrote.

        Raises:
            ModelError: It is none, or is damaged.
        """
        self.meta: ModelMeta = open_model(folder)
        pre = self.meta.preprocessing
        ports = Ports({"patch": (pre.inputs, *pre.patch)}, ("probabilities",))
        self._session = open_network(folder / MODEL, ports, threads=threads, engine=engine)

    def probabilities(self, channels: Sequence[Volume]) -> Floats:
        """Return the probability of every map `(maps, slices, rows, columns)`, as it is seen.

        Args:
            channels: The image, a volume for every channel.

        Raises:
            CaseError: It has another number of channels than the model learned from.
        """
        pre = self.meta.preprocessing
        seen = pre.seen(channels)
        return probabilities(seen.array, self._run, pre.patch, neighbours=pre.neighbours)

    def __call__(self, channels: Sequence[Volume]) -> dict[str, Mask]:
        """Return the mask `(i, j, k)` of every structure on the image's voxels; may be empty."""
        first = channels[0]
        return self.masks(self.probabilities(channels), first)

    def masks(self, p: Floats, image: Volume) -> dict[str, Mask]:
        """Turn probabilities of an image, as it is seen, to masks on its voxels `(i, j, k)`.

        Maps are brought to the image's size one by one, so that memory does not grow with them.
        """
        pre = self.meta.preprocessing
        whole = tuple(image.grid.shape[n] for n in plane_order(pre.axis_of(image)))
        if not self.meta.exclusive:
            drawn = (resized(one, whole) > 0.5 for one in p)
            return {
                name: Mask.of(np.asarray(pre.restored(one, image)))
                for name, one in zip(self.meta.structures, drawn, strict=True)
            }
        most, label = resized(p[0], whole), np.zeros(whole, dtype=np.uint16)
        for number, one in enumerate(p[1:], start=1):
            own = resized(one, whole)
            label[own > most] = number
            most = np.maximum(most, own)
        values = np.asarray(pre.restored(label, image))
        return {
            name: Mask.of(values == number)
            for number, name in enumerate(self.meta.structures, start=1)
        }

    def _run(self, patches: Floats) -> Floats:
        answer: Any = self._session.run(None, {"patch": np.ascontiguousarray(patches)})
        return np.asarray(answer[0], dtype=np.float32)
