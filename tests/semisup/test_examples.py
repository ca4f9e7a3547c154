"""The examples run, and a judge helps in them."""

import runpy
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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # ignite's and MONAI's own
def test_monai_trainer() -> None:
    pytest.importorskip("ignite", reason="MONAI's trainer needs pytorch-ignite")
    main = runpy.run_path(str(EXAMPLES / "monai_trainer.py"))["main"]
    assert main(epochs=10) < main(epochs=1)
