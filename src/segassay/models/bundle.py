"""A judge as one file to pass on, laid out like a MONAI Bundle, and back into a judge folder."""

import io
import json
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from segassay.errors import ModelError, OutputError
from segassay.files.atomic import write_whole
from segassay.files.checksums import CHECKSUMS
from segassay.files.zip_in_memory import read_zip
from segassay.judge.documents.judge_folder import CARD, WEIGHTS, JudgeFolder, open_judge
from segassay.judge.documents.new_folder import put_in_place
from segassay.judge.engines.onnxruntime_session import open_session

_PLACES = {
    "judge.onnx": "models/judge.onnx",
    WEIGHTS: "models/model.safetensors",
    "meta.json": "configs/meta.json",
    "calibration.json": "configs/calibration.json",
    CARD: "docs/README.md",
    CHECKSUMS: CHECKSUMS,
}
"""Where a judge's files lie in a bundle; any other lies in `models/`."""

_METADATA, _LICENSE = "configs/metadata.json", "LICENSE"
_TERMS = "The terms of these weights stand in docs/README.md. They are not those of the code.\n"
_MOST_BYTES = 1024 * 2**20
_MOST_FILES = 64
_EPOCH = (1980, 1, 1, 0, 0, 0)


def export_bundle(judge: Path, out: Path) -> Path:
    """Write a judge folder as one zip file; the same judge gives the same bytes.

    Raises:
        ModelError: The judge is not whole.
        OutputError: `out` exists, or cannot be written.
    """
    folder = open_judge(judge)
    if out.exists():
        raise OutputError(f"{out}: already exists; choose another -o, or remove it first")
    parts: dict[str, bytes] = {
        _METADATA: (json.dumps(bundle_metadata(folder), indent=1, allow_nan=False) + "\n").encode(),
        _LICENSE: _TERMS.encode(),
    }
    for name in folder.files:
        parts[_PLACES.get(name, f"models/{name}")] = (judge / name).read_bytes()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, _zipped(parts))
    except OSError as error:
        raise OutputError.of(out, error) from error
    return out


def import_bundle(bundle: Path, folder: Path) -> Path:
    """Make a judge folder of a bundle written by `export_bundle`.

    Raises:
        ModelError: The file is damaged, too large, no bundle of ours, or its files differ from
            their checksums; nothing was written.
        OutputError: The folder exists, or cannot be written.
    """
    parts = _read(bundle)

    def fill(fresh: Path) -> None:
        """Write the bundle's files into a folder."""
        for name, content in parts.items():
            (fresh / name).write_bytes(content)

    return put_in_place(folder, fill)


def bundle_metadata(folder: JudgeFolder) -> dict[str, Any]:
    """Return `metadata.json` as MONAI Bundles have it, with what scores depend on beside it."""
    session = open_session(folder.onnx, threads=1)
    meta = folder.meta
    return {
        "name": folder.path.name,
        "version": meta.model_id,
        "task": "Expected Dice of a segmentation label, without ground truth",
        "description": "A judge of segassay; docs/README.md is its card.",
        "authors": "see docs/README.md",
        "copyright": "see docs/README.md",
        "intended_use": "Research. Not a medical device.",
        "network_data_format": {
            "inputs": {part.name: _tensor(part) for part in session.get_inputs()},
            "outputs": {part.name: _tensor(part) for part in session.get_outputs()},
        },
        "kind": meta.kind.value,
        **meta.model_dump(mode="json", include={"preprocess", "structures", "evidence"}),
        "training_images": len(folder.training_images),
        "judge_sha256": folder.sha256,
    }


def _tensor(part: Any) -> dict[str, Any]:
    return {"type": part.type, "shape": list(part.shape)}


def _zipped(parts: dict[str, bytes]) -> bytes:
    """Zip with a fixed time: a bundle tells nothing of when and where it was made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, content in sorted(parts.items()):
            entry = zipfile.ZipInfo(place, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _read(bundle: Path) -> dict[str, bytes]:
    """Return files by their names in a judge folder; paths of the archive are never written to."""
    try:
        if not stat.S_ISREG(bundle.stat().st_mode):  # a device or a pipe may never end
            raise ModelError(f"{bundle.name}: is no file; give an exported bundle")
        with bundle.open("rb") as file:
            parts = read_zip(file, bundle.name, most_bytes=_MOST_BYTES, most_files=_MOST_FILES)
    except OSError as error:
        raise ModelError(f"{bundle.name}: {error.strerror or error}") from error
    named = {_name(bundle, place): content for place, content in parts.items()}
    named.pop("", None)
    return named


def _name(bundle: Path, place: str) -> str:
    """Return the name of a bundle's file in a judge folder; empty for what only the bundle has."""
    if place in (_METADATA, _LICENSE):
        return ""
    names = {there: name for name, there in _PLACES.items()}
    if place in names:
        return names[place]
    path = PurePosixPath(place)
    if path.parent != PurePosixPath("models") or "\\" in place or path.name in _PLACES:
        raise ModelError(
            f"{bundle.name}: {place!r:.80} is no file of a judge's bundle; nothing was unpacked"
        )
    return path.name
