"""Starting costs nothing: no heavy library is loaded before a command needs it."""

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "scipy",
    "matplotlib",
    "onnxruntime",
    "openvino",
    "fastapi",
    "polars",
    "nibabel",
    "numpy",
)
HELP = "from segassay.cli import main\ntry:\n    main({argv})\nexcept SystemExit: pass"


@pytest.mark.parametrize(
    "start",
    [
        "import segassay; segassay.__version__; dir(segassay)",
        HELP.format(argv=["--help"]),
        HELP.format(argv=["--version"]),
        HELP.format(argv=["audit", "--help"]),
        HELP.format(argv=["evaluate", "--help"]),
        HELP.format(argv=["pairs", "--help"]),
        HELP.format(argv=["fit", "--help"]),
        HELP.format(argv=["calibrate", "--help"]),
        HELP.format(argv=["train", "judge", "--help"]),
        HELP.format(argv=["synthesize", "--help"]),
    ],
)
def test_starting_is_light(start: str) -> None:
    code = f"import sys\n{start}\nprint('loaded:', *(m for m in {HEAVY} if m in sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].strip() == "loaded:"
