"""What names the values of label files: a `labels.json`, or the `labels` of a `dataset.json`."""

from dataclasses import dataclass, field
from pathlib import Path

from segassay.datasets.discovery.listing import declared_labels, read_json
from segassay.errors import DatasetError
from segassay.files.filesystem import is_file
from segassay.types import Modality, modality_of

LABELS_JSON = "labels.json"
DATASET_JSON = "dataset.json"

_DESCRIBES = ("channel_names", "modality", "training", "file_ending", "numTraining")
"""Keys by which a file is known as the description of an nnU-Net or Decathlon data set."""


@dataclass(frozen=True, slots=True)
class ValueNames:
    """Values by structure, empty where nothing names them, and the images' kind if it is told."""

    labels: dict[str, tuple[int, ...]] = field(default_factory=dict)
    modality: Modality | None = None


def read_names(path: Path, *, of: str = "") -> ValueNames:
    """Read names from a `labels.json`, or from the description of an nnU-Net or Decathlon set.

    Args:
        path: File that holds a JSON object.
        of: Name of the data set, which may tell what a general name means.

    Raises:
        DatasetError: The file is broken, or names nothing.
    """
    data = read_json(path)
    inner = data.get("labels")
    if not isinstance(inner, dict) and any(key in data for key in _DESCRIBES):
        raise DatasetError(f"{path.name}: describes a data set without an object 'labels'")
    told = data.get("channel_names", data.get("modality"))
    kind = modality_of(" ".join(map(str, told.values()))) if isinstance(told, dict) else None
    labels = declared_labels(path, inner if isinstance(inner, dict) else data, of=of)
    if not labels:
        raise DatasetError(f"{path.name}: names no value; expected names and values")
    return ValueNames(labels, kind)


def names_beside(labels: Path) -> ValueNames:
    """Return what lies beside label files and names their values; nothing if there is none.

    Args:
        labels: Folder of label files, such as nnU-Net's predictions with their `dataset.json`. A
            `labels.json` may lie in it or around it, and around nnU-Net's `labelsTr` and
            `labelsTs` the `dataset.json`.

    Raises:
        DatasetError: Such a file is broken.
    """
    around = [labels.parent / LABELS_JSON]
    if labels.name in ("labelsTr", "labelsTs"):
        around.append(labels.parent / DATASET_JSON)
    for path in (labels / LABELS_JSON, labels / DATASET_JSON, *around):
        if is_file(path) and (path.name == LABELS_JSON or "labels" in read_json(path)):
            return read_names(path, of=path.parent.name)
    return ValueNames()


def root_names(root: Path) -> dict[str, tuple[int, ...]]:
    """Return what the `labels.json` of a data set names; empty if there is none."""
    path = root / LABELS_JSON
    return declared_labels(path, read_json(path), of=root.name) if is_file(path) else {}
