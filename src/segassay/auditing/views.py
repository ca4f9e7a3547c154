"""What the checks get to see of a case in memory."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segassay.checks.base import Bound, CaseView, FileView, ImageView, LabelView
from segassay.datasets.read_case import CaseFiles
from segassay.errors import CaseError
from segassay.images.formats.registry import header_facts
from segassay.images.io import LabelMap
from segassay.images.label_ref import LabelRef
from segassay.images.mask import Mask
from segassay.images.slicing import as_planes, pixel_mm, slicing_axis
from segassay.images.volume import Volume


def image_view(files: CaseFiles, image: Volume) -> ImageView:
    """Show the image of a case as slices."""
    axis = slicing_axis(image.grid)
    path = files.case.images[0]
    return ImageView(
        case_id=files.case.case_id,
        file_name=path.name,
        planes=as_planes(image.array, axis),
        axis=axis,
        grid=image.grid,
        anatomical=image.anatomical,
        modality=files.case.modality,
        header=header_facts(path),
        exif=image.exif,
        channels={
            channel.name: str(grid) if isinstance(grid, CaseError) else grid
            for channel, grid in files.channels.items()
        },
    )


def file_view(
    refs: Sequence[LabelRef], labels: LabelMap, image: ImageView, declared: frozenset[int]
) -> FileView:
    """Show one label file with all labels that lie in it."""
    alone = refs[0] if len(refs) == 1 and refs[0].values is None else None
    return FileView(
        case_id=image.case_id,
        structure=alone.structure if alone is not None else None,
        source=refs[0].source,
        file_name=refs[0].path.name,
        label_grid=labels.grid,
        image_grid=image.grid,
        counts=labels.counts,
        declared=declared if alone is None else frozenset(),
        max_fraction=labels.max_fraction,
        header=header_facts(refs[0].path),
        image_header=image.header,
        array=labels.with_rim(),
        ignore=frozenset(refs[0].ignore),
        n_greys=labels.n_greys,
        exif=labels.exif,
        turned=labels.turned,
    )


def label_view(
    ref: LabelRef,
    mask: Mask,
    image: ImageView,
    bounds: tuple[Bound, ...],
    *,
    known: NDArray[np.bool_] | None,
    spacing_known: bool,
) -> LabelView:
    """Show one mask `(i, j, k)`, RAS+, as slices; `known` are the voxels that somebody labelled."""
    return LabelView(
        case_id=image.case_id,
        structure=ref.structure,
        source=ref.source,
        planes=mask.as_planes(image.axis),
        pixel_mm=pixel_mm(image.grid, image.axis),
        thickness_mm=image.grid.spacing_mm[image.axis],
        spacing_known=spacing_known,
        image=image,
        file_name=ref.path.name,
        bounds=bounds,
        known=None if known is None else as_planes(known, image.axis),
    )


def case_views(image: ImageView, labels: Sequence[LabelView]) -> list[CaseView]:
    """Show the labels of a case together, each source apart."""
    by_source: dict[str, list[LabelView]] = defaultdict(list)
    for label in labels:
        if label.n_voxels:
            by_source[label.source].append(label)
    return [
        CaseView(image.case_id, source, image, tuple(of_source))
        for source, of_source in by_source.items()
    ]
