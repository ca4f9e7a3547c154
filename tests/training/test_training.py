"""Drawing pairs, learning, stopping, going on, exporting."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from benchmarks.design.train_ablations import KINDS  # noqa: E402
from conftest import write_phantoms  # noqa: E402
from segassay.corruption.families import FAULTS, draw_fault  # noqa: E402
from segassay.corruption.scene import Scene  # noqa: E402
from segassay.errors import UsageError  # noqa: E402
from segassay.judge.engines.direct_engine import DirectEngine  # noqa: E402
from segassay.judge.engines.onnx_engine import OnnxEngine  # noqa: E402
from segassay.judge.inputs.preprocess import JudgeInput, JudgePreprocess, untold  # noqa: E402
from segassay.judge.networks.judge_net import ExportedJudge, JudgeNet, expected_dice  # noqa: E402
from segassay.training.learning.export import describe, export_onnx  # noqa: E402
from segassay.training.learning.loop import JudgeTraining, learning_rate  # noqa: E402
from segassay.training.learning.networks import NETWORKS, build_net  # noqa: E402
from segassay.training.material.material import Material, load_material  # noqa: E402
from segassay.training.material.random_shape_sets import shape_set  # noqa: E402
from segassay.training.material.store import StoredSet  # noqa: E402
from segassay.training.samples.batches import EchoPool, collate, fresh_batches  # noqa: E402
from segassay.training.samples.training_pairs import PairDraw  # noqa: E402
from segassay.training.settings import (  # noqa: E402
    JudgeRecipe,
    PairRecipe,
    ShapeRecipe,
    read_recipe,
)

RECIPES = Path(__file__).parents[2] / "recipes"
JUDGE_RECIPES = [p for p in RECIPES.rglob("*.yaml") if not p.stem.startswith("synthesize")]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_phantoms(root / "set", range(1, 10))
    return root


@pytest.fixture(scope="module")
def material(root: Path) -> Material:
    return load_material(recipe(), root, say=lambda _: None)


def recipe(**options: object) -> JudgeRecipe:
    data = [{"name": "phantoms", "path": "set", "modality": "ct"}]
    small = {"name": "tiny", "data": data, "widths": (8, 16), "batch": 8, "pool": 32, **options}
    return JudgeRecipe.model_validate(small)


def test_test_subjects_are_never_opened(material: Material) -> None:
    split = material.splits["phantoms"]
    stored = {c.subject_id for s in (*material.train, *material.tuning) for c in s.cases}
    assert stored == {*split.train, *split.tuning}
    assert split.test == ("p8", "p9")


def test_pairs_are_reproducible_and_tell_the_truth(material: Material) -> None:
    draw = PairDraw(material.train, JudgePreprocess(), PairRecipe())
    pairs = [draw(np.random.default_rng(5)) for _ in range(2)]
    np.testing.assert_array_equal(pairs[0].seen.crop, pairs[1].seen.crop)
    rng = np.random.default_rng(0)
    many = [draw(rng) for _ in range(150)]
    for pair in many:
        mask, cell = pair.seen.crop[3], 1 / pair.gold.size
        both, size = float((mask * pair.gold).sum()), float(mask.sum())
        total = float(pair.gold.sum()) + pair.outside / cell + size
        if pair.kind >= 0 and size * pair.seen.pixels_per_cell > 100:
            # The crop holds the whole mask; only its antialiased edge differs from the full slice.
            assert 2 * both / total == pytest.approx(pair.dice, abs=0.12)
        assert (pair.kind == -1) == np.isnan(pair.dice)
    assert 0.7 < np.mean([pair.presence for pair in many]) < 0.97
    assert len({pair.kind for pair in many}) == 6


def test_without_names_no_mask_that_fits_another_structure_is_called_wrong() -> None:
    shapes = shape_set(ShapeRecipe(images=6), seed=0)
    entry = shapes.recipe.model_copy(update={"named": True})
    found = {}
    for store in (shapes, StoredSet.of(entry, shapes.cases)):
        draw = PairDraw((store,), JudgePreprocess(), PairRecipe())
        rng = np.random.default_rng(2)
        found[store.recipe.named] = sum(draw.candidate(rng)[1].of_another for _ in range(200))
    assert found[False] == 0
    assert found[True] > 5


def test_a_ring_with_its_core_is_a_structure_of_its_own() -> None:
    shapes = shape_set(ShapeRecipe(images=12), seed=0)
    wholes = [
        (case, label.codes)
        for case in shapes.cases
        for label in case.labels.values()
        if len(label.codes) == 2
    ]
    assert 2 < len(wholes) < 12
    for case, codes in wholes:
        assert {(code,) for code in codes} <= {label.codes for label in case.labels.values()}


def test_pairs_that_are_told_nothing_hold_no_clue_to_the_kind_of_image(material: Material) -> None:
    drawn = {}
    for share in (0.0, 1.0):
        draw = PairDraw(material.train, JudgePreprocess(), PairRecipe(untold=share, names=False))
        rng = np.random.default_rng(3)
        drawn[share] = [draw(rng).seen for _ in range(30)]
    assert all((untold(seen).condition == seen.condition).all() for seen in drawn[1.0])
    assert sum((untold(seen).condition != seen.condition).any() for seen in drawn[0.0]) > 15


def test_gold_only_recipe_gives_perfect_pairs(material: Material) -> None:
    only_gold = PairRecipe(gold=1, blank_crop=0, absent=0, blank_field=0)
    draw = PairDraw(material.train, JudgePreprocess(), only_gold)
    assert {draw(np.random.default_rng(n)).dice for n in range(10)} == {1.0}


def test_pool_shows_every_fresh_pair_about_echo_times(material: Material) -> None:
    draw = PairDraw(material.train, JudgePreprocess(), PairRecipe())
    fresh = fresh_batches(draw, 4, seed=(0,), workers=0)
    pool = EchoPool(fresh, 8, size=32)
    batch = pool(np.random.default_rng(0))
    assert batch.crop.shape == (8, 5, 96, 96)
    assert len({float(c.sum()) for c in batch.crop}) == 8


def test_stopped_training_goes_on_and_writes_curves(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "segassay.training.learning.loop._TUNING_PAIRS", 64
    )  # a thousand take a minute
    lines: list[str] = []
    first = JudgeTraining(recipe(minutes=0.03), material, tmp_path, say=lines.append)
    first.run()
    updates = first.progress.updates
    assert updates > 0
    more = first.progress.seconds / 60 + 0.03  # a busy machine may have overrun the first budget
    again = JudgeTraining(recipe(minutes=more), material, tmp_path, say=lines.append)
    assert again.progress.updates == updates
    assert again.progress.restarts == 1
    for one, two in zip(
        first.averaged_net.parameters(), again.averaged_net.parameters(), strict=True
    ):
        torch.testing.assert_close(one, two)
    again.run()
    assert again.progress.updates > updates
    with (tmp_path / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert float(rows[1]["updates"]) > float(rows[0]["updates"])
    assert any("continuing" in line for line in lines)
    last = JudgeTraining(recipe(minutes=1e-4), material, tmp_path, say=lines.append)
    last.run()  # its time is spent: one look, no update, so no loss to tell
    with (tmp_path / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[-1]["total"] == ""
    assert abs(float(rows[-1]["tuning_mae"]) - float(rows[1]["tuning_mae"])) < 1e-3


def test_exported_judge_answers_like_the_network(material: Material, tmp_path: Path) -> None:
    net = build_net(recipe())
    assert isinstance(net, JudgeNet)
    export_onnx(net, JudgePreprocess(), tmp_path / "judge.onnx")
    draw = PairDraw(material.train, JudgePreprocess(), PairRecipe())
    rng = np.random.default_rng(1)
    pairs = [draw(rng) for _ in range(3)]
    inputs: list[JudgeInput] = [pair.seen for pair in pairs]
    answers = OnnxEngine(tmp_path / "judge.onnx", JudgePreprocess(), threads=1)(inputs)
    batch = collate(pairs)
    with torch.no_grad():
        expected = ExportedJudge(net).eval()(batch.crop, batch.field, batch.condition)
    names = ("map", "outside", "presence", "kind", "embedding")
    for name, value in zip(names, expected, strict=True):
        np.testing.assert_allclose(getattr(answers, name), value.numpy(), atol=1e-4)


def test_two_exports_of_a_day_have_different_names(material: Material, tmp_path: Path) -> None:
    names = []
    for content in (b"one", b"two", b"two"):
        weights = tmp_path / "judge.onnx"
        weights.write_bytes(content)
        meta = describe(recipe(), material, JudgePreprocess(), pairs=1, weights=weights)
        names.append(meta.model_id)
    assert len({name.rsplit("-", 1)[0] for name in names}) == 1
    assert names[0] != names[1] == names[2]
    stored = [case for s in (*material.train, *material.tuning) for case in s.cases]
    assert meta.training_voxels == tuple(sorted({case.voxels_sha256 for case in stored}))
    assert len(meta.training_voxels) == 7


def test_expected_dice_by_hand() -> None:
    probability = torch.zeros(1, 4, 4)
    probability[0, :2] = 0.5
    mask = torch.zeros(1, 4, 4)
    mask[0, 0] = 1
    # both: 4 x .5 = 2; expected size: 8 x .5 = 4, beyond the crop .25 x 16 = 4; mask 4
    assert expected_dice(probability, torch.tensor([0.25]), mask).item() == pytest.approx(4 / 12)
    assert expected_dice(probability, torch.zeros(1), torch.zeros(1, 4, 4)).item() == 0


def test_learning_rate_warms_up_and_ends_small() -> None:
    r = recipe()
    assert learning_rate(r, 0.0) < 0.1 * r.learning_rate
    assert learning_rate(r, 0.03) > 0.9 * r.learning_rate
    assert learning_rate(r, 1.0) < 0.02 * r.learning_rate


@pytest.mark.parametrize("path", sorted(JUDGE_RECIPES), ids=lambda p: p.stem)
def test_recipes_in_the_repository_are_valid(path: Path) -> None:
    found = read_recipe(path)
    step = re.search("-(more|parts|untold|organs)$", path.stem)
    assert found.name.endswith(path.stem[: step.start()] if step else path.stem)
    if found.network in NETWORKS:  # the published rival is built elsewhere, and is large
        assert sum(p.numel() for p in build_net(found).parameters()) < 5_000_000


def test_a_recipe_like_another_says_only_what_differs(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(
        "{name: model, minutes: 5, pairs: {gold: 0.3, absent: 0.2}, data: ["
        "{name: a, path: a}, {name: a_coronal, path: a, plane: coronal}, {name: b, path: b}]}"
    )
    mine = tmp_path / "mine.yaml"
    mine.write_text("{like: model.yaml, name: mine, without: [a], pairs: {gold: 0.1}}")
    found = read_recipe(mine)
    assert (found.name, found.minutes) == ("mine", 5)
    assert (found.pairs.gold, found.pairs.absent) == (0.1, 0.2)
    assert [entry.name for entry in found.data] == ["b"]
    mine.write_text("{like: model.yaml, name: mine, weights: {b: 4}}")
    assert [entry.weight for entry in read_recipe(mine).data] == [1, 1, 4]
    mine.write_text("{like: model.yaml, name: mine, weights: {d: 2}}")
    with pytest.raises(UsageError, match=r"weights: d is not among a, a_coronal, b"):
        read_recipe(mine)
    mine.write_text("{like: model.yaml, name: mine, without: [c]}")
    with pytest.raises(UsageError, match=r"without: c is not among a, a_coronal, b"):
        read_recipe(mine)


def test_families_that_a_recipe_avoids_are_never_drawn() -> None:
    gold = np.zeros((40, 40), dtype=np.bool_)
    gold[10:30, 8:24] = True
    scene = Scene(gold, gold.astype(np.float32), (), (), None)
    rng = np.random.default_rng(0)
    avoid = frozenset(FAULTS) - {"erosion", "shift"}
    drawn = {name for _ in range(40) for name in draw_fault(scene, rng, avoid=avoid).recipe}
    assert drawn == {"erosion", "shift"}
    with pytest.raises(ValueError, match="no fault family 'nonsense'"):
        PairRecipe(avoid=("nonsense",))


def test_a_training_ends_after_its_updates(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segassay.training.learning.loop._TUNING_PAIRS", 16)
    training = JudgeTraining(recipe(updates=2), material, tmp_path, say=lambda _: None)
    training.run()
    assert training.progress.updates == 2


@pytest.mark.parametrize("kind", ["map", *KINDS])
def test_every_kind_of_network_learns_and_is_exported(
    kind: str, material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, kind, (NETWORKS | KINDS)[kind])
    own = recipe(network=kind)
    net = build_net(own)
    draw = PairDraw(material.train, JudgePreprocess(), PairRecipe())
    rng = np.random.default_rng(5)
    pairs = [draw(rng) for _ in range(12)]
    batch = collate(pairs)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    totals = []
    for _ in range(12):
        parts = NETWORKS[kind].loss(net, batch, own)
        optimizer.zero_grad()
        torch.autograd.backward([parts.total])
        optimizer.step()
        totals.append(parts.total.item())
    assert totals[-1] < totals[0] - 0.05
    net.eval()
    with torch.no_grad():
        dice, presence = NETWORKS[kind].verdict(net, batch)
    assert all(0 <= float(v) <= 1 for v in (*dice, *presence))
    export_onnx(net, JudgePreprocess(), tmp_path / "judge.onnx", network=kind)
    drawn = NETWORKS[kind].judge == "map"
    engine = (OnnxEngine if drawn else DirectEngine)(
        tmp_path / "judge.onnx", JudgePreprocess(), threads=1
    )
    answers = engine([pair.seen for pair in pairs])
    np.testing.assert_allclose(answers.presence, presence.numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("text", "words"),
    [("name: x\ndata: []", "data"), ("name: [", "not YAML"), ("name: x\nfoo: 1\ndata: []", "data")],
)
def test_bad_recipe_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words) as caught:
        read_recipe(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="no such recipe"):
        read_recipe(tmp_path / "nowhere.yaml")


SIDE_BY_SIDE = """
import sys
from pathlib import Path
from segassay.training.learning import loop
from segassay.training.learning.course import HelperDone
from segassay.training.material.material import load_material
from segassay.training.settings import read_recipe

loop._TUNING_PAIRS = 16
recipe, data, here = read_recipe(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[1]).parent
material = load_material(recipe, data, say=print)
training = loop.JudgeTraining(recipe, material, here, say=print)
try:
    net = training.run()
    print("ended", sum(parameter.numel() for parameter in net.parameters()))
except HelperDone:
    print("helped")
"""


def test_two_devices_learn_side_by_side(root: Path, tmp_path: Path) -> None:
    config, script = tmp_path / "both.yaml", tmp_path / "both.py"
    config.write_text(
        "{name: both, data: [{name: phantoms, path: set}], widths: [8, 16], batch: 4, pool: 8, "
        "updates: 3, devices: 2}"
    )
    script.write_text(SIDE_BY_SIDE)
    done = subprocess.run(
        [sys.executable, str(script), str(config), str(root)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # The helper's own output is the launcher's matter; it came to its end, and did not go on.
    assert done.stdout.count("ended") == 1
    with (tmp_path / "curves.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["updates"], row["pairs"]) == ("3", "24")
    assert (tmp_path / "checkpoint.pt").exists()
