"""A gzip file read at any place gives what it gives when it is unpacked whole."""

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segassay.errors import DatasetError
from segassay.files import seekable_gzip
from segassay.files.seekable_gzip import SeekableGzip, Stop

SIZE = 400_000


@pytest.fixture(scope="module")
def content() -> bytes:
    return np.random.default_rng(0).integers(0, 9, SIZE, dtype=np.uint8).tobytes()


@pytest.fixture(scope="module", params=[1, 3])
def packed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> Path:
    """The content in one gzip member, or in several."""
    path = tmp_path_factory.mktemp("gzip") / "a.tar.gz"
    part = SIZE // request.param + 1
    path.write_bytes(b"".join(gzip.compress(content[n : n + part]) for n in range(0, SIZE, part)))
    return path


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    reads=st.lists(
        st.tuples(st.integers(0, SIZE + 10), st.integers(0, 90_000)), min_size=1, max_size=6
    )
)
def test_any_reads_in_any_order(
    packed: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, reads: list[tuple[int, int]]
) -> None:
    monkeypatch.setattr(seekable_gzip, "_STEP_BYTES", 50_000)
    stops: list[Stop] = []
    with io.BufferedReader(SeekableGzip(packed, stops)) as file:
        for place, size in reads:
            file.seek(place)
            assert file.read(size) == content[place : place + size]
    assert [s.unpacked for s in stops] == sorted({s.unpacked for s in stops})
    with io.BufferedReader(SeekableGzip(packed, stops)) as other:
        assert other.read() == content


def test_a_late_read_begins_at_a_stop(
    packed: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seekable_gzip, "_STEP_BYTES", 50_000)
    stops: list[Stop] = []
    with SeekableGzip(packed, stops) as file:
        file.seek(SIZE)
    assert len(stops) >= SIZE // 100_000
    late = [Stop(0, 0, None), *stops[1:]]  # the beginning cannot be used
    with SeekableGzip(packed, stops) as other:
        other._stops = late
        other.seek(SIZE - 1000)
        assert other.read(10) == content[SIZE - 1000 : SIZE - 990]


@pytest.mark.parametrize("kept", [5, 500, -9])
def test_a_file_that_ends_too_early(packed: Path, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.tar.gz"
    path.write_bytes(packed.read_bytes()[:kept])
    with SeekableGzip(path, []) as file, pytest.raises(EOFError, match="too early"):
        file.seek(SIZE + 1)


def test_zeros_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "zeros.tar.gz"
    path.write_bytes(gzip.compress(bytes(80 << 20)))
    with SeekableGzip(path, []) as file, pytest.raises(DatasetError, match="1000 times"):
        file.seek(1 << 40)
