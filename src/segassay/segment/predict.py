"""`segassay predict`: a model and images in, label files out. Resumes where it stopped."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segassay.datasets.case import Case, Dataset
from segassay.datasets.discovery.value_names import LABELS_JSON
from segassay.errors import CaseError, MissingExtraError, OutputError, UsageError
from segassay.files.atomic import write_whole
from segassay.files.checksums import CHECKSUMS, sha256_of
from segassay.files.strict_json import strict_json
from segassay.images.io import read_image
from segassay.images.write_label import label_path, write_label
from segassay.segment.segmenter import Segmenter
from segassay.types import Engine, ExitCode, Progress, ignore_progress

RECORD = "predicted.json"
"""Which model drew the labels of a folder."""


@dataclass(frozen=True, slots=True)
class PredictResult:
    """What was drawn.

    Attributes:
        out: Folder of the label files.
        n_cases: Images there are.
        n_before: Of these, how many an earlier run had segmented.
        failed: Ids of cases that could not be segmented, each with the reason.
        empty: Ids of cases in which nothing was found.
    """

    out: Path
    n_cases: int
    n_before: int
    failed: tuple[tuple[str, str], ...]
    empty: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        """3 where a case failed, else 0."""
        return ExitCode.CASES_FAILED if self.failed else ExitCode.DONE

    def to_json(self) -> dict[str, object]:
        """Return the summary printed with `--json`."""
        return {
            "out": self.out.name,
            "cases": self.n_cases,
            "before": self.n_before,
            "failed": dict(self.failed),
            "empty": list(self.empty),
            "exit_code": int(self.exit_code),
        }


def predict(
    model: Path,
    dataset: Dataset,
    out: Path,
    *,
    overwrite: bool = False,
    threads: int | None = None,
    engine: Engine = Engine.ONNX,
    progress: Progress = ignore_progress,
) -> PredictResult:
    """Segment every image of a data set.

    Where no structures overlap, a case becomes one label map with a `labels.json` beside it that
    names its values; else a mask for each structure in a folder of its name. Both open with
    `segassay audit --images IMAGES --labels OUT`. Pictures become PNG, all else packed NIfTI on the
    voxels of the image.

    Raises:
        ModelError: The model cannot be used.
        UsageError: `out` holds labels of another model.
        OutputError: `out` cannot be written.
    """
    segmenter = Segmenter(model, threads=threads, engine=engine)
    _begin(out, model, segmenter, overwrite=overwrite)
    cases = dataset.cases
    failed: list[tuple[str, str]] = []
    empty: list[str] = []
    n_before = 0
    progress("images", 0, len(cases), "")
    for number, case in enumerate(cases, start=1):
        paths = dict(_paths(case, segmenter, out))
        if not overwrite and all(path.exists() for path in paths.values()):
            n_before += 1
        else:
            try:
                if not _segmented(case, segmenter, paths):
                    empty.append(case.case_id)
            except (CaseError, MissingExtraError) as error:
                failed.append((case.case_id, str(error)))
        progress("images", number, len(cases), case.case_id)
    return PredictResult(out, len(cases), n_before, tuple(failed), tuple(empty))


def _begin(out: Path, model: Path, segmenter: Segmenter, *, overwrite: bool) -> None:
    """Note which model draws, unless another one has drawn here before."""
    own = {"model": model.resolve().name, "sha256": sha256_of(model / CHECKSUMS)}
    record = out / RECORD
    try:
        out.mkdir(parents=True, exist_ok=True)
        if record.exists() and not overwrite and _read(record).get("sha256") != own["sha256"]:
            raise UsageError(
                f"{out.name}: holds labels by another model; choose another folder, or --overwrite"
            )
        write_whole(record, strict_json(own).encode() + b"\n")
        if segmenter.meta.exclusive:
            values = {"background": 0} | {
                name: value for value, name in enumerate(segmenter.meta.structures, start=1)
            }
            write_whole(out / LABELS_JSON, strict_json(values).encode() + b"\n")
    except OSError as error:
        raise OutputError.of(out, error) from error


def _read(record: Path) -> dict[str, Any]:
    try:
        found = json.loads(record.read_bytes())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _paths(case: Case, segmenter: Segmenter, out: Path) -> Iterator[tuple[str, Path]]:
    """Yield the label files of a case by structure, of a label map one without a name."""
    image = case.images[0]
    if segmenter.meta.exclusive:
        yield "", label_path(out / case.case_id, image)
        return
    for name in segmenter.meta.structures:
        yield name, label_path(out / name / case.case_id, image)


def _segmented(case: Case, segmenter: Segmenter, paths: dict[str, Path]) -> bool:
    """Write the labels of a case; return whether anything was found."""
    channels = [read_image(path) for path in case.images]
    masks = segmenter(channels)
    image = case.images[0]
    values = dict(enumerate(segmenter.meta.structures, start=1))
    for name, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_label(
            path,
            masks[name] if name else masks,
            like=image,
            names=None if name else values,
            keep_header=False,
            overwrite=True,
        )
    return any(masks.values())
