"""Reading is silent; what other code of the process sees of warnings and logs stays as it was."""

import logging
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from conftest import write_picture
from segassay.files.quiet import Quiet
from segassay.images.io import read_image


def test_warnings_are_held_back_for_the_reader_alone() -> None:
    quiet, heard = Quiet(), []
    inside, done = threading.Event(), threading.Event()

    def read() -> None:
        with quiet():
            inside.set()
            done.wait(10)
            warnings.warn("of the reader", UserWarning, stacklevel=1)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=read)
        thread.start()
        inside.wait(10)
        warnings.warn("of somebody else", UserWarning, stacklevel=1)
        done.set()
        thread.join()
        heard = [str(one.message) for one in caught]
    assert heard == ["of somebody else"]


def test_two_readers_that_overlap_leave_the_filters_as_they_were() -> None:
    """`catch_warnings` of two threads, ended in the order of their start, ignores for good."""
    quiet = Quiet()
    first, second = threading.Event(), threading.Event()

    def read(begin: threading.Event, end: threading.Event) -> None:
        with quiet():
            begin.set()
            end.wait(10)

    ends = threading.Event(), threading.Event()
    threads = [
        threading.Thread(target=read, args=pair) for pair in zip((first, second), ends, strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for thread, begun in zip(threads, (first, second), strict=True):
            thread.start()
            begun.wait(10)
        for thread, end in zip(threads, ends, strict=True):
            end.set()
            thread.join()
        with pytest.raises(UserWarning):
            warnings.warn("heard", UserWarning, stacklevel=1)


def test_filters_do_not_grow() -> None:
    quiet = Quiet()
    with warnings.catch_warnings():
        sizes = []
        for _ in range(5):
            warnings.simplefilter("always", append=False)
            with quiet():
                sizes.append(len(warnings.filters))
        assert len(set(sizes)) == 1


def test_logs_are_held_back_for_the_reader_alone(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("segassay-test-quiet")
    quiet = Quiet(logger)
    with quiet():
        logger.warning("of the reader")
    logger.warning("of somebody else")
    assert [record.message for record in caplog.records] == ["of somebody else"]


def odd_picture(folder: Path) -> Path:
    path = folder / "odd.tif"
    tags = ImageFileDirectory_v2()
    tags[305] = "a program"
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(path, tiffinfo=tags)
    data = bytearray(path.read_bytes())
    place = data.index(b"\x31\x01\x02\x00")  # tag 305, text: announce more than there is
    data[place + 4 : place + 12] = (2**20).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    path.write_bytes(data)
    return path


def test_the_picture_below_is_one_that_pillow_warns_of(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="tag 305"):
        Image.open(odd_picture(tmp_path)).load()


@pytest.mark.parametrize("action", ["always", "error"])
def test_a_picture_that_pillow_warns_of_is_read_in_silence(
    tmp_path: Path, action: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = odd_picture(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter(action)  # type: ignore[arg-type]
        assert read_image(path).array.shape == (8, 8, 1)
    assert capfd.readouterr().err == ""


def test_itk_warns_again_after_reading(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK", reason="needs the itk extra")
    path = tmp_path / "a.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 4, 5), dtype=np.int16)), str(path))
    for was_on in (True, False):
        sitk.ProcessObject.SetGlobalWarningDisplay(was_on)
        try:
            read_image(path)
            assert sitk.ProcessObject.GetGlobalWarningDisplay() is was_on
        finally:
            sitk.ProcessObject.GlobalWarningDisplayOn()


def test_reading_a_picture_in_many_threads(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", np.eye(16, dtype=np.uint8))
    before = list(warnings.filters)
    threads = [threading.Thread(target=read_image, args=(path,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [each for each in warnings.filters if each in before]
    assert kept == before
