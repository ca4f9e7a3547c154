"""Checks of pictures as files: EXIF orientations, masks stored as greys."""

from segassay.checks.base import FileView, ImageView, found
from segassay.images.formats.registry import format_named
from segassay.records.findings import Finding
from segassay.types import Severity

_WAYS = {
    2: "mirrored left to right",
    3: "turned by 180 degrees",
    4: "mirrored top to bottom",
    5: "mirrored along the diagonal",
    6: "turned by 90 degrees",
    7: "mirrored along the other diagonal",
    8: "turned by 270 degrees",
}
_EXCHANGES = range(5, 9)


def exif_orientation(view: ImageView) -> list[Finding]:
    """Find pictures that carry an EXIF orientation: programs disagree on whether to follow it."""
    if view.exif not in _WAYS:
        return []
    height, width = view.planes.shape[1:]
    is_told = view.exif in _EXCHANGES and height != width
    message = (
        f"{view.file_name}: EXIF orientation {view.exif}, {_WAYS[view.exif]}: read upright, as "
        "viewers show it; other programs see the stored pixels"
    )
    step = "store the picture upright and without the tag"
    if not is_told:
        step += "; its shape does not tell whether masks were drawn upright: look at one"
    evidence = {"orientation": view.exif, "shape_tells": is_told}
    return [found("exif_orientation", view, Severity.WARNING, message, step, **evidence)]


def label_exif(view: FileView) -> list[Finding]:
    """Find label pictures that had to be turned, or that carry an EXIF orientation."""
    if view.exif == 1 and view.turned == 1:
        return []
    if view.exif == view.turned:
        how = f"EXIF orientation {view.exif}, {_WAYS[view.exif]}: read upright, as viewers show it"
    elif view.turned == 1:
        how = f"EXIF orientation {view.exif} is not followed: only as stored it fits its image"
    else:
        how = (
            f"drawn on the stored pixels of its image: turned by its EXIF orientation {view.turned}"
        )
    step = "store picture and mask upright, without a tag, so that every program pairs them alike"
    evidence = {"orientation": view.exif, "turned": view.turned}
    message = f"{view.file_name}: {how}"
    return [found("label_exif", view, Severity.WARNING, message, step, **evidence)]


def lossy_label(view: FileView) -> list[Finding]:
    """Find masks that were stored as grey pictures: as JPEG, smoothed, or enlarged."""
    if not view.n_greys:
        return []
    message = (
        f"{view.file_name}: a mask stored with {view.n_greys} values, as JPEG or with a soft rim; "
        "cut at half of its own"
    )
    step = "`segassay fix DATA --dry-run` shows the repair"
    stored_as = format_named(view.file_name)
    if stored_as is not None and stored_as.is_lossy:
        step = "store masks as PNG with two values: JPEG cannot hold them"
    evidence = {"values": view.n_greys}
    return [found("lossy_label", view, Severity.WARNING, message, step, **evidence)]
