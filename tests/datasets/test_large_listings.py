"""Opening a data set takes steps in proportion to its files, whatever a label is looked for in."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dicom_samples import write_series
from segassay.datasets.layouts import bids, dicom_folders, named_masks

Writer = Callable[[Path, int], None]


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def write_bids(root: Path, n: int) -> None:
    for number in range(n):
        subject = f"sub-{number}"
        touch(root / subject / "anat" / f"{subject}_T1w.nii.gz")
        touch(root / "derivatives" / "auto" / subject / f"{subject}_label-brain_mask.nii.gz")


def write_named_masks(root: Path, n: int) -> None:
    for number in range(n):
        touch(root / "images" / f"case_{number}.png")
        touch(root / "masks" / f"case_{number}_heart_000.png")


def write_dicom(root: Path, n: int) -> None:
    slices = sorted(write_series(root.with_name(f"{root.name}_one")).iterdir())
    for number in range(n):
        touch(root / f"case_{number}" / "mask.nii.gz")
        shutil.copy(slices[0], root / f"case_{number}" / "image.dcm")


def n_calls(function: Callable[[], object]) -> int:
    """Count the calls that a function makes, all the way down: on a busy machine, too, the same."""
    count = 0

    def note(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    ("reader", "write", "n"),
    [
        (bids, write_bids, 100),
        (named_masks, write_named_masks, 100),
        (dicom_folders, write_dicom, 50),
    ],
)
def test_twice_the_files_take_twice_the_steps(
    tmp_path: Path, reader: Any, write: Writer, n: int
) -> None:
    calls = []
    for number in (n, 2 * n):
        root = tmp_path / str(number)
        write(root, number)
        calls.append(n_calls(lambda root=root: reader.read(root, None)))  # type: ignore[misc]
    assert calls[1] < 2.2 * calls[0]
