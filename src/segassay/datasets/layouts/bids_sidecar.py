"""What the JSON file beside a BIDS label says of the image that it was drawn on."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from segassay.datasets.discovery.listing import read_json
from segassay.files.filesystem import is_file
from segassay.images.formats.registry import stem_of

_KEYS = ("SpatialReference", "Sources", "RawSources")
"""From the image whose grid the label lies on to the one that it was derived from."""

_BIDS_URI = re.compile(r"bids:[^:]*:")


def named_images(label: Path, images: dict[str, list[Path]]) -> list[Path]:
    """Return the images that a label's sidecar names; of several keys, by the first that names any.

    Args:
        label: The label's file; its sidecar has the same name and ends in `.json`.
        images: The images of the set by the stem of their names.

    Raises:
        DatasetError: The sidecar is broken.
    """
    sidecar = label.with_name(f"{stem_of(label)}.json")
    about = read_json(sidecar) if is_file(sidecar) else {}
    for key in _KEYS:
        found = [path for text in _texts(about.get(key)) for path in _meant(text, images)]
        if found:
            return list(dict.fromkeys(found))
    return []


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a string, a list, or the values of an object."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(inner, str):
                yield inner


def _meant(text: str, images: dict[str, list[Path]]) -> list[Path]:
    """Return the images of a `bids:` URI, or a path relative to the data set or to the label."""
    place = PurePosixPath(_BIDS_URI.sub("", text, count=1).replace("\\", "/"))
    parts = [part for part in place.parts if part not in ("/", ".", "..")]
    if not parts:
        return []
    above = parts[:-1]
    return [
        path
        for path in images.get(stem_of(Path(parts[-1])), ())
        if not above or list(path.parent.parts[-len(above) :]) == above
    ]
