"""`segassay pairs`: the same masks every time, on the grid of their gold; `evaluate` reads them."""

import json
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import polars as pl
import pytest

from conftest import write_nifti, write_picture
from segassay.cli import main
from segassay.corruption.families import NEVER_TRAINED
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.datasets.pair_table import read_pair_table
from segassay.errors import UsageError
from segassay.evaluation.evaluate import evaluate
from segassay.evaluation.evaluate_config import EvaluateConfig
from segassay.images.io import read_label
from segassay.metrics.overlap import dice
from segassay.pairs.make_pairs import PairsResult, make_pairs
from segassay.pairs.pairs_config import PairsConfig
from segassay.pairs.pairs_of_case import COLUMNS
from segassay.runs.configs import SourceConfig


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return int(ended.value.code or 0)


def write_phantom(root: Path, seed: int, affine: np.ndarray | None = None) -> None:
    """One small phantom with three structures, cut out so that tests are quick."""
    phantom = make_phantom(seed)
    own = phantom.affine if affine is None else affine
    window = np.s_[20:120, 20:90, 8:28]
    write_nifti(root / "images" / f"p{seed}.nii.gz", phantom.image[window], own)
    write_nifti(root / "labels" / f"p{seed}.nii.gz", phantom.labels[window], own)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "phantoms"
    turned = np.array([[0, 2.5, 0, 9], [-2.5, 0, 0, 4], [0, 0, 6, 1], [0, 0, 0, 1.0]])
    for seed in (1, 2, 3):
        write_phantom(root, seed, turned if seed == 3 else None)
    names = {"labels": {str(LABELS[n]): n for n in ("liver", "spleen", "kidney_left")}}
    (root / "labels.json").write_text(json.dumps(names["labels"]))
    return root


def make(root: Path, out: Path, **options: object) -> PairsResult:
    fields: dict[str, Any] = {"per_label": 3, "structures": ("liver,spleen",), **options}
    return make_pairs(PairsConfig(source=SourceConfig(path=root), out=out, **fields))


def content(out: Path) -> dict[str, bytes]:
    """Everything that is the pair data set: the table and the masks."""
    masks = {p.relative_to(out).as_posix(): p.read_bytes() for p in (out / "masks").rglob("*.*")}
    return {"pairs.csv": (out / "pairs.csv").read_bytes(), **masks}


@pytest.fixture(scope="module")
def made(data: Path) -> Path:
    """Made beside the data, so that every other folder there has the same relative paths."""
    before = {p: p.stat().st_mtime_ns for p in data.rglob("*") if p.is_file()}
    result = make(data, data.parent / "made")
    assert (result.n_cases, result.n_labels, result.n_pairs, result.n_lost) == (3, 6, 18, 0)
    assert {p: p.stat().st_mtime_ns for p in data.rglob("*") if p.is_file()} == before
    return result.out


def test_table_tells_the_truth_of_every_mask(made: Path) -> None:
    table = pl.read_csv(made / "pairs.csv")
    assert tuple(table.columns) == tuple(COLUMNS)
    for pair, row in zip(
        read_pair_table(made / "pairs.csv"), table.iter_rows(named=True), strict=True
    ):
        assert pair.problem == ""
        mask, gold = (np.asarray(read_label(ref).mask(ref)) for ref in (pair.mask, pair.gold))
        assert mask.any()
        assert row["dice"] == pytest.approx(dice(mask, gold))
        assert 0 <= row["nsd"] <= 1
        assert row["family"] in pair.mask.path.name
    assert not set(table["family"]) & set(NEVER_TRAINED)
    gaps = np.abs(table["target"].to_numpy() - table["dice"].to_numpy())
    assert gaps.mean() < 0.05
    assert table["seed"].n_unique() == table.height


def test_masks_lie_on_the_grid_of_their_gold_as_stored(made: Path) -> None:
    for pair in read_pair_table(made / "pairs.csv"):
        mask, gold = nib.load(pair.mask.path), nib.load(pair.gold.path)
        assert mask.shape == gold.shape
        assert np.allclose(mask.affine, gold.affine, atol=1e-4)
        assert set(np.unique(mask.dataobj)) == {0, 1}


def test_same_command_gives_the_same_bytes(made: Path, data: Path) -> None:
    again = make(data, data.parent / "again").out
    assert content(again) == content(made)
    other = make(data, data.parent / "other", seed=1).out
    assert content(other) != content(made)


def test_parts_and_a_choice_of_structures_give_the_same_masks(made: Path, data: Path) -> None:
    out = data.parent / "parts"
    first = make(data, out, part=2, parts=2)
    assert (first.table, first.n_missing) == (None, 2)
    assert not (out / "pairs.csv").exists()
    last = make(data, out, part=1, parts=2)
    assert last.n_missing == 0
    assert content(out) == content(made)
    spleen = content(make(data, data.parent / "spleen", structures=("spleen",)).out)
    del spleen["pairs.csv"]
    assert spleen == {k: v for k, v in content(made).items() if "/spleen_" in k}


def test_order_of_cases_makes_no_difference(made: Path, data: Path) -> None:
    rows = [f"images/p{n}.nii.gz,labels/p{n}.nii.gz,p{n}" for n in (3, 1, 2)]
    lines = [
        f"{row},{name},{LABELS[name]}"
        for row in rows
        for name in ("liver", "spleen", "kidney_left")
    ]
    table = data / "turned.csv"
    table.write_text("\n".join(["image,label,case_id,structure,value", *lines]))
    out = make(table, data.parent / "turned").out
    table.unlink()
    masks = content(out)
    expected = content(made)
    for found in (masks, expected):
        del found["pairs.csv"]
    assert masks == expected


def test_interrupted_run_continues_to_the_same_bytes(made: Path, data: Path) -> None:
    def stop(phase: str, done: int, total: int, name: str) -> None:
        if name:
            raise KeyboardInterrupt

    out = data.parent / "stopped"
    config = PairsConfig(
        source=SourceConfig(path=data), out=out, per_label=3, structures=("liver,spleen",)
    )
    with pytest.raises(KeyboardInterrupt):
        make_pairs(config, progress=stop)
    assert json.loads((out / "manifest.json").read_text())["exit_status"] == 130
    half = next((made / "masks" / "p2").iterdir()).relative_to(made)
    (out / half).parent.mkdir()
    (out / half).write_bytes(b"half a fi")
    seen: list[int] = []
    make_pairs(config, progress=lambda phase, done, total, name: seen.append(done))
    assert seen == [1, 2, 3]
    assert content(out) == content(made)


def test_manifest_tells_how_it_was_made_and_nothing_of_the_machine(made: Path, data: Path) -> None:
    text = (made / "manifest.json").read_text()
    manifest = json.loads(text)
    assert (manifest["command"], manifest["exit_status"]) == ("pairs", 0)
    assert (manifest["config"]["seed"], manifest["config"]["per_label"]) == (0, 3)
    assert "segassay" in manifest["versions"]
    assert manifest["counts"] == {"cases": 3, "labels": 6, "pairs": 18}
    assert str(data.parent) not in text
    assert str(data.parent) not in (made / "pairs.csv").read_text()


def test_other_settings_in_the_same_folder_are_refused(made: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="holds a run with other data"):
        make(data, made, seed=5)
    with pytest.raises(UsageError, match="no label is called heart"):
        make(data, data.parent / "heart", structures=("heart",))


def test_pairs_then_evaluate_agree_about_the_truth(data: Path) -> None:
    out = data.parent / "trip"
    result = make(data, out, untouched=True, families=("erosion,cut_end",), limit=2)
    assert result.n_pairs == 2 * 2 * 4
    assert result.table is not None
    found = evaluate(EvaluateConfig(table=result.table, out=data.parent / "trip_evaluated"))
    table = pl.read_csv(result.table)
    assert [row.true_dice for row in found.rows] == pytest.approx(table["dice"].to_list())
    assert [row.true_nsd for row in found.rows] == pytest.approx(table["nsd"].to_list())
    assert {row.extra["family"] for row in found.rows} == {"untouched", "erosion", "cut_end"}
    assert set(found.figures["by_family"]) == {"untouched", "erosion", "cut_end"}
    assert (found.figures["pooled"]["n"], int(found.exit_code)) == (16, 0)


def write_disc(path: Path, centre: int) -> None:
    rows, columns = np.ogrid[:64, :80]
    disc = (rows - 32) ** 2 + (columns - centre) ** 2 < 200
    write_picture(path, np.where(disc, 255, 0).astype(np.uint8))


def test_pictures_of_two_sources_need_a_choice(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    for number in (1, 2):
        write_picture(root / "images" / f"a{number}.png", np.zeros((64, 80), dtype=np.uint8))
        for source in ("gold", "weak"):
            write_disc(root / source / f"a{number}.png", 30 + number)
    lines = [
        f"images/a{n}.png,{source}/a{n}.png,lesion,{source}"
        for n in (1, 2)
        for source in ("gold", "weak")
    ]
    table = root / "t.csv"
    table.write_text("\n".join(["image,label,structure,source", *lines]))
    with pytest.raises(UsageError, match="gold, weak; say by --label-source"):
        make(table, tmp_path / "o", structures=())
    with pytest.raises(UsageError, match="no labels come from 'silver'"):
        make(table, tmp_path / "o", structures=(), label_source="silver")
    result = make(table, tmp_path / "o", structures=(), label_source="gold", per_label=6)
    assert result.n_pairs == 12
    pairs = read_pair_table(tmp_path / "o" / "pairs.csv")
    assert {p.gold.path.parent.name for p in pairs} == {"gold"}
    assert {p.mask.path.suffix for p in pairs} == {".png"}
    assert "nan" not in (tmp_path / "o" / "pairs.csv").read_text().lower()


def test_broken_files_cost_their_labels_alone(data: Path, tmp_path: Path) -> None:
    root = tmp_path / "broken"
    shutil.copytree(data, root)
    (root / "labels" / "p1.nii.gz").write_bytes(b"\x1f\x8bnothing")
    (root / "images" / "p2.nii.gz").unlink()
    (root / "images" / "p2.nii.gz").symlink_to(root / "images" / "gone.nii.gz")
    names = ["image,label,structure,value"]
    names += [f"images/p{n}.nii.gz,labels/p{n}.nii.gz,liver,{LABELS['liver']}" for n in (1, 2, 3)]
    (root / "t.csv").write_text("\n".join(names))
    result = make(root / "t.csv", tmp_path / "o", structures=())
    assert (result.n_cases, result.n_labels, int(result.exit_code)) == (3, 1, 3)
    problems = dict(result.problems)
    assert "p1.nii.gz" in problems["p1"]
    assert "p2.nii.gz: no such file" in problems["p2"]


def test_limit_counts_cases_with_labels_and_none_is_said(data: Path, tmp_path: Path) -> None:
    table = data / "some.csv"
    table.write_text(
        "image,label,structure\nimages/p1.nii.gz,,\nimages/p2.nii.gz,labels/p2.nii.gz,liver\n"
    )
    result = make(table, tmp_path / "o", structures=(), limit=1, per_label=1)
    table.write_text("image,label,structure\nimages/p1.nii.gz,,\n")
    with pytest.raises(UsageError, match="has no labels"):
        make(table, tmp_path / "p", structures=())
    table.unlink()
    assert (result.n_cases, result.n_pairs) == (1, 1)


@pytest.mark.data
@pytest.mark.parametrize("name", ["hc18", "Task04_Hippocampus"])
def test_round_trip_on_real_files(shared_data: Path, tmp_path: Path, name: str) -> None:
    made = make(shared_data / name, tmp_path / "pairs", structures=(), limit=2, per_label=6)
    assert made.table is not None
    found = evaluate(EvaluateConfig(table=made.table, out=tmp_path / "out"))
    table = pl.read_csv(made.table)
    assert [row.true_dice for row in found.rows] == pytest.approx(table["dice"].to_list())
    assert np.histogram(table["dice"], bins=3, range=(0, 1))[0].min() >= made.n_labels
    pooled = found.figures["pooled"]
    assert (pooled["n"], pooled["subjects"]) == (6 * made.n_labels, 2)
    assert pooled["judge"]["pearson"] > max(
        figures["pearson"] or 0 for figures in pooled["baselines"].values()
    )


def test_command_line(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("pairs", data, "-o", tmp_path / "o", "-q", "--per-label", "2", "--limit", "1")
    assert run(*arguments, "--only", "liver", "--families", "shift", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["pairs"], found["labels"], found["table"]) == (2, 1, "pairs.csv")
    assert run("pairs", data, "-o", tmp_path / "p", "--families", "shft") == 2
    assert "no fault family shft; there are erosion" in capsys.readouterr().err
    assert run("pairs", data, "-o", tmp_path / "p", "--per-label", "0") == 2
    assert run("pairs", tmp_path / "none", "-o", tmp_path / "p") == 2
    assert not (tmp_path / "p").exists()
