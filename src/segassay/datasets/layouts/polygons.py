"""Outlines and boxes in text files: known by sight, to be named, and not read."""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from segassay.datasets.discovery.listing import folders_of
from segassay.errors import ReadError
from segassay.files import filesystem

_LOOKED_AT = 200
_DEPTH = 3
_HEAD_BYTES = 1 << 16
_ENDINGS = (".json", ".xml", ".txt", ".csv", ".geojson", ".ndjson", ".jsonl")
_YOLO_LINE = re.compile(r"\d+(?:\s+-?\d*\.?\d+(?:e-?\d+)?){4,}\s*")


def _json_of(*keys: str) -> Callable[[str], bool]:
    return lambda text: all(f'"{key}"' in text for key in keys)


_KINDS: tuple[tuple[str, tuple[str, ...], Callable[[str], bool]], ...] = (
    ("LabelMe", (".json",), _json_of("shapes", "imagePath")),
    ("LabelMe", (".json",), _json_of("shapes", "shape_type")),
    ("VIA", (".json", ".csv"), lambda text: "region" in text and "shape_attributes" in text),
    ("Label Studio", (".json",), lambda text: "polygonlabels" in text or "brushlabels" in text),
    ("Label Studio", (".json",), _json_of("original_width", "from_name")),
    ("Labelbox", (".json", ".ndjson"), _json_of("data_row", "projects")),
    ("GeoJSON", (".json", ".geojson"), _json_of("coordinates", "geometry")),
    ("Supervisely", (".json",), _json_of("objects", "exterior")),
    ("COCO", (".json",), _json_of("images", "file_name")),
    ("COCO", (".json",), _json_of("annotations", "image_id")),
    ("CVAT", (".xml",), lambda text: "<annotations" in text),
    ("Pascal VOC", (".xml",), lambda text: "<annotation" in text and "<object" in text),
    ("YOLO", (".txt",), lambda text: _is_yolo(text)),
)
"""Name, endings, and a look at the beginning of the file."""


def polygon_file(place: Path) -> tuple[Path, str] | None:
    """Return the first file of outlines and what wrote it, in a folder or as a file itself.

    `None` if there is none among the files that are looked at: their beginnings, in a folder and
    three levels below it.
    """
    paths = _texts(place) if filesystem.is_dir(place) else iter((place,))
    for path in islice(paths, _LOOKED_AT):
        kind = _kind_of(path)
        if kind is not None:
            return path, kind
    return None


def _texts(folder: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """Yield the first text files of every folder: one folder of many must not hide the others."""
    found = (p for p in filesystem.children(folder) if p.name.lower().endswith(_ENDINGS))
    yield from islice(
        (p for p in found if not filesystem.is_system(p) and filesystem.is_file(p)), 5
    )
    if depth:
        for inner in folders_of(folder):
            if not inner.is_symlink():
                yield from _texts(inner, depth - 1)


def _kind_of(path: Path) -> str | None:
    try:
        text = filesystem.read_bytes(path, _HEAD_BYTES).decode("utf-8-sig", errors="replace")
    except ReadError:
        return None
    ending = path.suffix.lower()
    return next((name for name, ends, fits in _KINDS if ending in ends and fits(text)), None)


def _is_yolo(text: str) -> bool:
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    whole = lines[:-1] if len(lines) > 1 else lines
    return bool(whole) and all(_YOLO_LINE.fullmatch(line) for line in whole)
