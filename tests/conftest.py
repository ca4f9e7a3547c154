"""What many tests need: real data where it lies beside the repository, phantoms, the judge."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes side by side: threads of one would wait, spinning, for cores that others have.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# Most tests audit phantoms, whose organs judge-small knows by name in a fifth of the time. The
# judge that is asked by default has tests of its own.
os.environ["SEGASSAY_JUDGE"] = "judge-small"

import nibabel as nib
import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.judge.scoring import Judge, load_judge

REPOSITORY = Path(__file__).parents[1]

# Half of what hypothesis draws by itself; tests of more, or of costlier, examples say so.
settings.register_profile("house", max_examples=50)
settings.load_profile("house")

LONGEST = (
    "test_fit_context",
    "test_context_training",
    "test_demo",
    "test_killed",
    "test_poison_case",
    "test_evaluate",
    "test_fit",
    "test_training",
    "test_encoder_training",
    "test_audit",
    "test_vlm_training",
    "test_choose_peers",
    "test_sentinel_training",
    "test_in_browser",
)
"""Files of tests that take longest, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: the end is then of short ones, side by side."""
    items.sort(key=lambda item: (*LONGEST, item.path.stem).index(item.path.stem))


WriteNifti = Callable[..., Path]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; tests that need it skip where it is absent."""
    path = Path(os.environ.get("SEGASSAY_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("no real data: set SEGASSAY_SHARED_DATA, or put it at ../shared/data")
    return path


@pytest.fixture(scope="session")
def judge() -> Judge:
    """A judge that knows organs by name, in whatever images: phantoms are unlike all real ones."""
    return load_judge("judge-small")


@pytest.fixture(scope="session")
def tiny_context_judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a judge that reads the context, trained for a few updates (a minute)."""
    pytest.importorskip("torch", reason="needs the train extra")
    pytest.importorskip("onnx", reason="needs the train extra")
    from tiny_context import train_tiny

    return train_tiny(tmp_path_factory.mktemp("context"))


def write_nifti(
    path: Path, array: NDArray[np.generic], affine: NDArray[np.float64] | None = None
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    where = np.diag([-1.5, -1.5, 3.0, 1.0]) if affine is None else affine
    image = nib.Nifti1Image(np.asarray(array), where)
    image.set_sform(where, code=1)
    image.set_qform(where, code=1)
    nib.save(image, path)
    return path


def write_picture(path: Path, array: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def write_phantoms(root: Path, seeds: Iterable[int]) -> Path:
    """Write phantoms, each a subject, as `images/` + `labels/` + `labels.json`."""
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for folder, content in zip(("images", "labels"), phantom_files(seed), strict=True):
            (root / folder / f"p{seed}.nii.gz").write_bytes(content)
    _write_names(root)
    return root


@cache
def phantom_files(seed: int) -> tuple[bytes, bytes]:
    """Image and label map of a phantom as files; made once in a process, as over a hundred ask."""
    phantom = make_phantom(seed)
    with TemporaryDirectory() as folder:
        image = write_nifti(Path(folder, "image.nii.gz"), phantom.image, phantom.affine)
        labels = write_nifti(Path(folder, "labels.nii.gz"), phantom.labels, phantom.affine)
        return image.read_bytes(), labels.read_bytes()


def write_noisy_phantoms(root: Path, slices: slice) -> Path:
    """Write twenty subjects: some slices of four phantoms, each five times with other noise."""
    rng = np.random.default_rng(0)
    for seed in range(1, 5):
        phantom = make_phantom(seed)
        image, labels = phantom.image[:, :, slices], phantom.labels[:, :, slices]
        for copy in range(5):
            name = f"p{copy}{seed}.nii.gz"
            noisy = image + rng.normal(0, 15, image.shape).astype(np.int16)
            write_nifti(root / "images" / name, noisy, phantom.affine)
            write_nifti(root / "labels" / name, labels, phantom.affine)
    _write_names(root)
    return root


def _write_names(root: Path) -> None:
    (root / "labels.json").write_text(json.dumps({str(v): name for v, name in LABELS.items()}))


@pytest.fixture
def phantom_set(tmp_path: Path) -> Path:
    return write_phantoms(tmp_path / "phantoms", range(1, 5))


BROWSER_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real browser; tests that need one skip where there is none."""
    binary = os.environ.get("SEGASSAY_CHROMIUM") or shutil.which("chromium")
    if binary is None:
        pytest.skip("no Chromium: install it, or set SEGASSAY_CHROMIUM")
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=binary, args=BROWSER_FLAGS)


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a file in the browser; in the end no page may have complained or left the disk."""
    complaints: list[str] = []
    requests: list[str] = []
    contexts = []

    def open_file(path: Path, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
