"""A judge between what it began as and what it became."""

import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from pydantic import ValidationError  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from conftest import write_phantoms  # noqa: E402
from segassay.judge.documents.judge_folder import WEIGHTS, find_judge, write_checksums  # noqa: E402
from segassay.judge.networks.onnx_file import write_weights  # noqa: E402
from segassay.training.learning.loop import JudgeTraining  # noqa: E402
from segassay.training.material.material import load_material  # noqa: E402
from segassay.training.settings import JudgeRecipe  # noqa: E402


def _recipe(**options: object) -> JudgeRecipe:
    data = [{"name": "phantoms", "path": "set", "modality": "ct"}]
    small = {"name": "tiny", "data": data, "widths": (8, 16), "batch": 8, "pool": 32, **options}
    return JudgeRecipe.model_validate(small)


def test_a_finished_judge_keeps_a_share_of_what_it_began_as(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_TUNING_PAIRS", "_BLENDING_PAIRS"):  # thousands take minutes
        monkeypatch.setattr(f"segassay.training.learning.loop.{name}", 64)
    write_phantoms(tmp_path / "set", range(1, 10))
    material = load_material(_recipe(), tmp_path, say=lambda _: None)
    first = JudgeTraining(_recipe(updates=2), material, tmp_path, say=lambda _: None)
    start = tmp_path / "start"
    shutil.copytree(find_judge("judge-v0"), start)
    write_weights(first.run().state_dict(), start / WEIGHTS)
    write_checksums(start)

    out = tmp_path / "second"
    out.mkdir()
    recipe = _recipe(
        updates=4, start_from=str(start), keep_of_start=0.25, learning_rate=0.05, ema_halflife=1
    )
    training = JudgeTraining(recipe, material, out, say=lambda _: None)
    finished = training.run().state_dict()

    learned = dict(training.averaged_net.named_parameters())
    begun = load_file(start / WEIGHTS)
    moved = 0.0
    for name, part in learned.items():
        expected = 0.75 * part.detach() + 0.25 * begun[name]
        torch.testing.assert_close(finished[name], expected)
        moved = max(moved, float((part.detach() - begun[name]).abs().max()))
    assert moved > 1e-3
    spreads = [name for name in finished if name.endswith("running_var")]
    assert spreads
    assert all(bool((finished[name] > 0).all()) for name in spreads)
    assert any(
        not torch.equal(finished[n], training.average.module.state_dict()[n]) for n in spreads
    )


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="keep_of_start needs start_from"):
        _recipe(keep_of_start=0.5)
