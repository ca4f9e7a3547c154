"""Which file holds a structure of a case, and how it is taken out of it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LabelRef:
    """One structure of one case: which file holds it and how to take it out.

    `values` are the voxel values that mean this structure in a multi-label file (several for an
    nnU-Net region); `None` means that the file is a binary mask of this structure alone.
    `source` tells raters, versions and models of one structure apart. `pieces` are further files
    that hold other parts of the same structure; the mask is the union. `ignore` are values of
    voxels that nobody labelled: neither the structure nor background.
    """

    structure: str
    path: Path
    values: tuple[int, ...] | None = None
    source: str = "label"
    pieces: tuple[Path, ...] = ()
    ignore: tuple[int, ...] = ()
