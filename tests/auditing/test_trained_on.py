"""An audit says which images its judge learned from, however their files are stored today."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np

from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.images.io import read_image
from segassay.images.volume import voxel_sha256
from segassay.judge.documents.judge_folder import (
    find_judge,
    open_judge,
    write_checksums,
    write_document,
)
from segassay.runs.configs import SourceConfig
from segassay.types import Remark


def judge_that_saw(image: Path, folder: Path) -> Path:
    """A copy of the shipped judge that says it learned from these voxels."""
    shutil.copytree(find_judge("judge-v0"), folder)
    voxels = (voxel_sha256(read_image(image).array),)
    update = {"training_images": (), "training_voxels": voxels}
    write_document(folder / "meta.json", open_judge(folder).meta.model_copy(update=update))
    write_checksums(folder)
    return folder


def test_a_training_image_is_known_after_it_was_compressed_anew(
    phantom_set: Path, tmp_path: Path
) -> None:
    stored = phantom_set / "images" / "p1.nii.gz"
    judge = judge_that_saw(stored, tmp_path / "judge")
    image = nib.load(stored)
    plain = stored.with_suffix("")
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), image.affine, image.header), plain)
    stored.unlink()
    result = audit(
        AuditConfig(
            source=SourceConfig(path=phantom_set),
            out=tmp_path / "out",
            judge=str(judge),
            structures=("liver",),
            limit=2,
        )
    )
    seen = {row.case_id: Remark.TRAINED_ON_IMAGE in row.remarks for row in result.rows}
    assert seen == {"p1": True, "p2": False}
