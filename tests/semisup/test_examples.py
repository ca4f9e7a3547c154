"""The examples run, and a judge helps in them."""

import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_plain_pytorch() -> None:
    main = runpy.run_path(str(EXAMPLES / "plain_pytorch.py"))["main"]
    assert main(updates=20) > 0.5


def test_lightning_fabric() -> None:
    first, last = runpy.run_path(str(EXAMPLES / "fabric_module.py"))["main"](updates=10)
    assert last < first


def test_monai_trainer() -> None:
    # In a process of its own: MONAI remembers an import of ignite that failed, and with warnings as
    # errors, as tests have them, it does.
    if find_spec("ignite") is None:
        pytest.skip("MONAI's trainer needs pytorch-ignite")
    code = "from monai_trainer import main; print(main(epochs=1), main(epochs=10))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=EXAMPLES, capture_output=True, text=True, check=True
    )
    first, last = map(float, done.stdout.split()[-2:])
    assert last < first
