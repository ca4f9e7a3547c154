"""A judge on disk: a folder with weights, their description, and checksums.

judge.onnx        the network
meta.json         preprocessing, known structures, hashes of training images, evidence
calibration.json  from raw to expected Dice, and how far off that was on unseen subjects
card.md           what it is for, what it learned from, how well it does, licence
SHA256SUMS        checksums of all files; a judge whose files do not match is refused

Some kinds of judge have more files: `text.npy`, a vector `(structures, n)` for every structure of
`meta.json` in its order, `weights.safetensors`, to train on from, `unfamiliar.json`, what scores
are worth where it knows nothing, `adapter.json`, the correction of a judge that was fitted to
somebody's data, `typical.json`, what is usual of the labels it was fitted to, and `gold.npz`, the
trusted cases it compares with. One of kind `halves` has a second network, `other.onnx`, with its
`other_calibration.json`, one of kind `context` the encoder of slices, `encoder.onnx`, what the
images look like in which it was tested, `known_looks.npz`, and, where it was fitted,
`context.npz`, what is kept of the trusted cases whose labels vote.
"""

import hashlib
import importlib.resources
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from segassay.errors import ModelError
from segassay.files import checksums
from segassay.files.checksums import CHECKSUMS, read_checksums, sha256_of, verify_checksums
from segassay.files.strict_json import strict_json
from segassay.judge.documents.corrections import (
    AdapterFile,
    CalibrationFile,
    TypicalFile,
    UncalibratedFile,
    UnfamiliarFile,
)
from segassay.judge.documents.description import JudgeKind, JudgeMeta
from segassay.judge.documents.strict_reading import Document, read_document

CARD = "card.md"
FILES = ("judge.onnx", "meta.json", "calibration.json", CARD)
"""What every judge has."""

WEIGHTS = "weights.safetensors"
"""To train on from; scores do not depend on it."""

ADAPTER = "adapter.json"
"""What fitting to somebody's data added; absent where nothing was fitted, or nothing helped."""

TYPICAL = "typical.json"
"""Centre and spread of the traits of the labels that a judge was fitted to, for each structure."""

GOLD = "gold.npz"
"""Reduced images and labels of trusted cases, in a judge fitted to compare with them."""

CONTEXT = "context.npz"
"""Features and labels of slices of trusted cases, in a fitted judge that reads the context."""

UNFAMILIAR = "unfamiliar.json"
"""What scores of structures that it never learned are worth; absent where nobody measured it."""

OTHER, OTHER_CALIBRATION = "other.onnx", "other_calibration.json"
"""Network and calibration of a judge's other half, in a judge taught in halves."""

ENCODER = "encoder.onnx"
"""The pretrained encoder of a judge that reads the context."""

KNOWN_LOOKS = "known_looks.npz"
"""What images look like in which it was tested, of a judge that reads the context."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgeFolder:
    """A verified judge folder with its documents, `None` for those it does not have.

    `calibration` is `None` for Quality Sentinel alone.
    """

    path: Path
    meta: JudgeMeta
    calibration: CalibrationFile | None
    adapter: AdapterFile | None = None
    typical: TypicalFile | None = None
    unfamiliar: UnfamiliarFile | None = None
    network: str = "judge.onnx"

    @property
    def onnx(self) -> Path:
        """The network's file."""
        return self.path / self.network

    def require_weights(self) -> Path:
        """Return the file to train on from; raise `ModelError` where there is none."""
        file = self.path / WEIGHTS
        if not file.exists():
            raise ModelError(
                f"{self.path.name}: no {WEIGHTS}, so nothing can be trained on from it"
            )
        return file

    @property
    def other(self) -> "JudgeFolder":
        """The other half of a judge taught in halves; `ModelError` without one."""
        calibration = read_document(self.path / OTHER_CALIBRATION, CalibrationFile)
        return replace(self, calibration=calibration, network=OTHER)

    @property
    def gold(self) -> Path | None:
        """The file of trusted cases, where there is one."""
        return self.path / GOLD if GOLD in self.files else None

    @property
    def context(self) -> Path | None:
        """The file of context cases, where there is one."""
        return self.path / CONTEXT if CONTEXT in self.files else None

    @property
    def encoder(self) -> Path | None:
        """The encoder of a judge that reads the context."""
        return self.path / ENCODER if ENCODER in self.files else None

    @property
    def known_looks(self) -> Path | None:
        """What the images look like in which a judge that reads the context was tested."""
        return self.path / KNOWN_LOOKS if KNOWN_LOOKS in self.files else None

    def require_encoder(self) -> Path:
        """Return the encoder's file; raise `ModelError` where there is none."""
        if self.encoder is None:
            raise ModelError(f"{self.path.name}: no {ENCODER}: it reads no context")
        return self.encoder

    @property
    def card(self) -> str:
        """Its card as Markdown; `ModelError` for one that cannot be read."""
        try:
            return (self.path / CARD).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{self.path.name}: {CARD} cannot be read ({error}); install the judge again"
            ) from error

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all its files, the checksums last."""
        return (*FILES, *_further(read_checksums(self.path)), CHECKSUMS)

    @property
    def sha256(self) -> str:
        """Checksum of all that scores depend on: not the card, not what only training needs.

        The name of a judge holds a date; two exports of one day differ in this alone.
        """
        sums = read_checksums(self.path)
        names = [name for name in (*FILES, *_further(sums)) if name not in {CARD, WEIGHTS}]
        relevant = "".join(sums[name] for name in names)
        return hashlib.sha256(relevant.encode()).hexdigest()

    @property
    def training_images(self) -> frozenset[str]:
        """Checksums of the images it learned from.

        Of their voxels, so that an image compressed anew is still known; the first judge kept
        checksums of files.
        """
        return frozenset((*self.meta.training_voxels, *self.meta.training_images))


def model_id(name: str, weights: Path) -> str:
    """Return a name that no other weights share: eight digits of their checksum are added."""
    return f"{name}-{sha256_of(weights)[:8]}"


def find_judge(name_or_path: str) -> Path:
    """Return the folder of a judge.

    Looked for in this order: a folder given as a path, `$SEGASSAY_HOME/<name>`, the installed
    distribution `segassay-weights`.

    Raises:
        ModelError: None of these places has it.
    """
    places = [Path(name_or_path), *(root / name_or_path for root in judge_roots())]
    for place in places:
        if (place / "meta.json").is_file():
            return place
    raise ModelError(
        f"no judge {name_or_path!r}: not a folder with a meta.json, not in $SEGASSAY_HOME, not in "
        "the segassay-weights package; install it with `pip install segassay-weights`"
    )


def judge_home() -> Path | None:
    """Return the folder of the user's own judges, `$SEGASSAY_HOME`; `None` if it is not set."""
    home = os.environ.get("SEGASSAY_HOME")
    return Path(home) if home else None


def judge_roots() -> tuple[Path, ...]:
    """Return the folders in which judges are looked up by name, the first to be asked first."""
    home = judge_home()
    return (*([] if home is None else [home]), *_packaged())


def known_judges() -> dict[str, Path]:
    """Return the judges that are found by name, in order of their names.

    Of two with one name the one that `find_judge` takes. Their files are not looked at.
    """
    found: dict[str, Path] = {}
    for root in judge_roots():
        for meta in root.glob("*/meta.json") if root.is_dir() else ():
            if not meta.parent.name.startswith("."):  # hidden: not finished, or put away
                found.setdefault(meta.parent.name, meta.parent)
    return dict(sorted(found.items()))


def open_judge(path: Path) -> JudgeFolder:
    """Verify and read a judge folder.

    Raises:
        ModelError: A file is missing, differs from its checksum, or is not what it should be.
    """
    verify(path)
    meta = read_document(path / "meta.json", JudgeMeta)
    present = read_checksums(path)
    if meta.kind is JudgeKind.QUALITY_SENTINEL:
        read_document(path / "calibration.json", UncalibratedFile)
        return JudgeFolder(path, meta, None)
    return JudgeFolder(
        path,
        meta,
        read_document(path / "calibration.json", CalibrationFile),
        read_document(path / ADAPTER, AdapterFile) if ADAPTER in present else None,
        read_document(path / TYPICAL, TypicalFile) if TYPICAL in present else None,
        read_document(path / UNFAMILIAR, UnfamiliarFile) if UNFAMILIAR in present else None,
    )


def verify(path: Path) -> None:
    """Compare every file with `SHA256SUMS`; raise `ModelError` at the first that differs."""
    verify_checksums(path, FILES)


def write_checksums(path: Path) -> None:
    """Write `SHA256SUMS` for all files of a judge folder."""
    checksums.write_checksums(path, FILES)


def write_document(path: Path, document: Document) -> None:
    """Write one of a judge's documents, the same content always the same bytes."""
    data = document.model_dump(mode="json")
    path.write_text(strict_json(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _further(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name not in FILES)


def _packaged() -> list[Path]:
    try:
        return [Path(str(importlib.resources.files("segassay_weights")))]
    except ModuleNotFoundError:
        return []
