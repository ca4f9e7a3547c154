"""The memory volumes may take: of the machine, of the container, of each worker."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conftest import write_nifti
from segassay.errors import ContentError
from segassay.files import memory_limits
from segassay.images.io import read_image

GIB = 1 << 30


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    yield
    memory_limits.share_memory(1)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_lowest_limit_of_all_groups_above_counts(tmp_path: Path) -> None:
    own = write(tmp_path / "own", "0::/a/b\n")
    assert memory_limits.cgroup_limit(tmp_path, own) >= 2**60
    write(tmp_path / "a" / "b" / "memory.max", "max\n")
    assert memory_limits.cgroup_limit(tmp_path, own) >= 2**60
    write(tmp_path / "a" / "memory.max", f"{2 * GIB}\n")
    assert memory_limits.cgroup_limit(tmp_path, own) == 2 * GIB
    write(tmp_path / "a" / "b" / "memory.max", f"{GIB}\n")
    assert memory_limits.cgroup_limit(tmp_path, own) == GIB


@pytest.mark.parametrize("path", ["/", "/of/the/host", "/../../elsewhere", ""])
def test_a_container_sees_its_own_limit_at_the_top(tmp_path: Path, path: str) -> None:
    groups = tmp_path / "cgroup"
    write(groups / "memory.max", f"{3 * GIB}\n")
    write(tmp_path / "memory.max", "1\n")  # above the mount: nothing of ours
    assert memory_limits.cgroup_limit(groups, write(tmp_path / "own", f"0::{path}\n")) == 3 * GIB


def test_version_1_is_read_beside_version_2(tmp_path: Path) -> None:
    own = write(tmp_path / "own", "9:cpu,memory:/x\n3:cpuset:/\n0::/\nnonsense\n")
    write(tmp_path / "memory" / "memory.limit_in_bytes", "9223372036854771712\n")
    write(tmp_path / "memory" / "x" / "memory.limit_in_bytes", f"{GIB}\n")
    assert memory_limits.cgroup_limit(tmp_path, own) == GIB
    assert memory_limits.cgroup_limit(tmp_path / "none", tmp_path / "none") >= 2**60


def test_workers_share_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limits, "cgroup_limit", lambda: 12 << 20)
    path = write_nifti(tmp_path / "a.nii.gz", np.zeros((100, 100, 100)))
    assert memory_limits.memory_bytes() == 12 << 20
    assert read_image(path).array.size == 10**6
    memory_limits.share_memory(2)
    assert memory_limits.memory_bytes() == 6 << 20
    with pytest.raises(ContentError):
        read_image(path)
