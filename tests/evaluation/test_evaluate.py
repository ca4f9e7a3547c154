"""`segassay evaluate` from files to figures: true values, bad rows one by one, interruption."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from conftest import write_nifti
from pair_samples import SHIFTS, pair_row, write_pair_table, write_pairs
from segassay.cli import main
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.errors import UsageError
from segassay.evaluation.evaluate import evaluate
from segassay.evaluation.evaluate_config import EvaluateConfig
from segassay.images.io import read_image, read_labels
from segassay.judge.scoring import Judge
from segassay.metrics.overlap import dice
from segassay.records.shards import read_facts
from segassay.types import Modality, Remark

FILES = {
    "evaluation.json",
    "evaluation.md",
    "manifest.json",
    "risk_coverage.svg",
    "scatter.svg",
    "scores.csv",
    "shards",
}


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pairs")
    return write_pair_table(root / "pairs.csv", write_pairs(root))


@pytest.fixture(scope="module")
def out(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluation") / "out"
    before = {p: p.stat().st_mtime_ns for p in pairs.parent.iterdir()}
    evaluate(EvaluateConfig(table=pairs, out=out))
    assert {p: p.stat().st_mtime_ns for p in pairs.parent.iterdir()} == before
    return out


@pytest.fixture(scope="module")
def table(out: Path) -> pl.DataFrame:
    return pl.read_csv(out / "scores.csv")


def test_it_writes_these_files_and_tells_no_places(out: Path, pairs: Path) -> None:
    assert {p.name for p in out.iterdir()} == FILES
    for path in (p for p in out.rglob("*") if p.is_file()):
        assert str(pairs.parent).encode() not in path.read_bytes()
    for told in read_facts(out):
        assert str(pairs.parent) not in str(told)


def test_true_dice_is_that_of_the_masks(table: pl.DataFrame) -> None:
    expected = []
    for seed in (1, 2):
        labels = make_phantom(seed).labels
        for name in ("liver", "spleen"):
            gold = labels == LABELS[name]
            expected += [dice(np.roll(gold, shift, axis=0), gold) for shift in SHIFTS]
    assert table["true_dice"].to_list() == pytest.approx(expected)
    assert table["true_nsd"].is_between(0, 1).all()
    assert table["true_nsd"][0] == 1
    assert table["score"].is_between(0, 1).all()


def test_expected_surface_dice_falls_with_the_true_one(table: pl.DataFrame) -> None:
    unmoved = pl.col("true_nsd") == 1
    assert table["expected_nsd"].is_between(0, 1).all()
    near, far = (table.filter(rows)["expected_nsd"].mean() for rows in (unmoved, ~unmoved))
    assert isinstance(near, float)
    assert isinstance(far, float)
    assert near > far + 0.1
    assert (table["expected_volume_error"].drop_nulls() >= -1).all()


def test_mask_only_is_the_judge_without_the_image(
    table: pl.DataFrame, pairs: Path, judge: Judge
) -> None:
    root = pairs.parent
    row = table.row(6, named=True)
    image = read_image(root / row["image"])
    mask = read_labels(root / row["mask"]).volume.array != 0
    black = replace(image, array=np.zeros_like(image.array))
    seen, unseen = (
        judge.score_volume(volume, mask, structure=row["structure"], modality=Modality.CT).value
        for volume in (image, black)
    )
    assert abs(seen - unseen) > 0.05
    assert (row["score"], row["mask_only"]) == pytest.approx((seen, unseen), abs=1e-4)


def test_figures_follow_from_the_table(out: Path, table: pl.DataFrame) -> None:
    found = json.loads((out / "evaluation.json").read_text())
    pooled = found["pooled"]
    assert (pooled["n"], pooled["subjects"]) == (16, 2)
    error = (table["score"] - table["true_dice"]).abs().mean()
    assert pooled["judge"]["mae"] == pytest.approx(error, abs=1e-3)
    assert set(pooled["baselines"]) == {"mask_only", "mean_of_structure", "size_outlier"}
    means = table.filter(pl.col("subject_id") == "s2", pl.col("structure") == "liver")
    assert table["mean_of_structure"][0] == pytest.approx(means["true_dice"].mean())
    assert found["by_structure"]["phantoms/liver"]["too_few"] == "8 of at least 10 judged pairs"
    page = (out / "evaluation.md").read_text()
    assert "16 of 16 pairs judged" in page
    assert "too few: 8 of at least 10 judged pairs" in page
    assert found["nsd"]["n"] == 16
    abstained = (table["status"] == "abstained").sum()
    assert found["abstention"]["abstained"]["n"] == abstained
    assert found["abstention"]["kept"]["n"] == 16 - abstained
    assert f"| kept | {16 - abstained} |" in page


@pytest.mark.slow
def test_interrupted_evaluation_continues_and_gives_the_same_table(
    out: Path, pairs: Path, tmp_path: Path
) -> None:
    def stop(phase: str, done: int, total: int, name: str) -> None:
        if name:
            raise KeyboardInterrupt

    config = EvaluateConfig(table=pairs, out=tmp_path / "again")
    with pytest.raises(KeyboardInterrupt):
        evaluate(config, progress=stop)
    assert json.loads((config.out / "manifest.json").read_text())["exit_status"] == 130
    assert not (config.out / "scores.csv").exists()
    seen: list[tuple[int, int]] = []
    evaluate(config, progress=lambda phase, done, total, name: seen.append((done, total)))
    assert seen == [(0, 0), (1, 2), (2, 2)]  # nothing of the trial, then the second image
    for name in ("scores.csv", "evaluation.json", "scatter.svg"):
        assert (config.out / name).read_bytes() == (out / name).read_bytes()


def test_other_table_in_the_same_folder_is_refused(out: Path, tmp_path: Path, pairs: Path) -> None:
    other = write_pair_table(tmp_path / "other.csv", [pair_row(1, "m.nii.gz", "liver")])
    with pytest.raises(UsageError, match="holds a run with other data"):
        evaluate(EvaluateConfig(table=other, out=out))
    with pytest.raises(UsageError, match="holds a run with other data"):
        evaluate(EvaluateConfig(table=pairs, out=out, limit=1))


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One good row and one of every kind that cannot be used or has no Dice."""
    root = tmp_path_factory.mktemp("spoilt")
    good = write_pairs(root, seeds=(1,))[0]
    phantom = make_phantom(1)
    empty = np.zeros_like(phantom.labels)
    write_nifti(root / "empty.nii.gz", empty, phantom.affine)
    write_nifti(root / "small.nii.gz", empty[:-1], phantom.affine)
    moved = phantom.affine.copy()
    moved[0, 3] += 30
    write_nifti(root / "moved.nii.gz", phantom.labels, moved)
    soft = (phantom.labels == LABELS["liver"]) * np.float32(0.3)
    write_nifti(root / "soft.nii.gz", soft, phantom.affine)
    (root / "torn.nii.gz").write_bytes((root / good["mask"]).read_bytes()[:200])
    changes = {
        "good": {},
        "no mask": {"mask": "none.nii.gz"},
        "torn mask": {"mask": "torn.nii.gz"},
        "no image": {"image": "none.nii.gz"},
        "other shape": {"mask": "small.nii.gz"},
        "other place": {"gold": "moved.nii.gz"},
        "soft": {"mask": "soft.nii.gz"},
        "blank": {"gold": ""},
        "both empty": {"mask": "empty.nii.gz", "gold": "empty.nii.gz"},
        "mask empty": {"mask": "empty.nii.gz"},
        "gold empty": {"gold": "empty.nii.gz"},
        "all values": {"mask": good["gold"]},
    }
    rows = [{**good, **change, "why": name} for name, change in changes.items()]
    table = write_pair_table(root / "pairs.csv", rows)
    result = evaluate(EvaluateConfig(table=table, out=root / "out"))
    return {"result": result, "rows": dict(zip(changes, result.rows, strict=True))}


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("no mask", "failed", "none.nii.gz: no such file"),
        ("torn mask", "failed", "torn.nii.gz"),
        ("no image", "failed", "none.nii.gz: no such file"),
        ("other shape", "invalid", "small.nii.gz: shape"),
        ("other place", "invalid", "moved.nii.gz: lies on another grid"),
        ("soft", "invalid", "soft.nii.gz: values up to 0.3 off"),
        ("blank", "invalid", "row 8: nothing in gold"),
    ],
)
def test_bad_row_costs_itself_alone(
    spoilt: dict[str, Any], kind: str, status: str, words: str
) -> None:
    row = spoilt["rows"][kind]
    assert row.status == status
    assert words in row.reason
    assert np.isnan([row.true_dice, row.score]).all()
    assert spoilt["result"].exit_code == 3
    assert spoilt["rows"]["good"].true_dice == 1


def test_empty_masks_are_counted_and_never_given_a_number(spoilt: dict[str, Any]) -> None:
    rows, figures = spoilt["rows"], spoilt["result"].figures
    assert np.isnan(rows["both empty"].true_dice)
    assert rows["mask empty"].true_dice == rows["gold empty"].true_dice == 0
    assert np.isnan(rows["mask empty"].score)
    assert not np.isnan(rows["gold empty"].score)
    counts = figures["counts"]
    assert (counts["both_empty"], counts["mask_empty"], counts["gold_empty"]) == (1, 2, 2)
    assert (counts["pairs"], counts["failed"], counts["invalid"], counts["judged"]) == (12, 3, 4, 3)
    assert sum(figures["empty_masks"]["gold_empty"].values()) == 1
    assert sum(figures["empty_masks"]["gold_filled"].values()) == 1
    assert figures["pooled"]["too_few"] == "3 of at least 10 judged pairs"
    page = (spoilt["result"].out / "evaluation.md").read_text()
    assert "1 with mask and gold both empty (Dice is undefined)" in page
    assert "1 with an empty mask, which has no score" in page
    assert "No figures: 3 of at least 10 judged pairs" in page


def test_all_values_count_only_with_a_remark(spoilt: dict[str, Any]) -> None:
    row = spoilt["rows"]["all values"]
    assert Remark.ALL_VALUES in row.remarks
    assert Remark.ALL_VALUES not in spoilt["rows"]["good"].remarks
    assert Remark.BOTH_EMPTY in spoilt["rows"]["both empty"].remarks
    assert row.n_voxels > row.n_gold_voxels


def test_further_columns_are_carried_along(spoilt: dict[str, Any]) -> None:
    found = pl.read_csv(spoilt["result"].out / "scores.csv")
    assert found["why"].to_list() == list(spoilt["rows"])


def test_hostile_names_stay_text_and_absolute_places_stay_secret(tmp_path: Path) -> None:
    rows = write_pairs(tmp_path, seeds=(1,))[:1]
    hostile = {"set": "<script>|x", "subject": "=1+1", "case": "`id`", "score": "@mine"}
    rows[0].update(hostile, mask=str(tmp_path / rows[0]["mask"]))
    table = write_pair_table(tmp_path / "p.csv", rows)
    result = evaluate(EvaluateConfig(table=table, out=tmp_path / "out"))
    assert (result.rows[0].true_dice, int(result.exit_code)) == (1, 0)
    for path in (p for p in result.out.rglob("*") if p.is_file()):
        if path.parent == result.out and path.suffix in {".md", ".svg"}:
            assert "<script" not in path.read_text()
        if path.suffix == ".csv":
            found = pl.read_csv(path, infer_schema=False).row(0, named=True)
            assert (found["subject_id"], found["given_score"]) == ("'=1+1", "'@mine")
            assert found["mask"] == Path(rows[0]["mask"]).name
            assert (found["modality"], float(found["score"])) == ("CT", result.rows[0].score)


def test_command_gives_json_on_stdout_and_words_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = write_pairs(tmp_path, seeds=(1,))
    rows[1]["mask"] = "none.nii.gz"
    pairs = write_pair_table(tmp_path / "p.tsv", rows[:2], delimiter="\t")
    arguments = ("evaluate", pairs, "-o", tmp_path / "out", "-q")
    assert run(*arguments, "--json") == 3
    streams = capsys.readouterr()
    assert json.loads(streams.out)["counts"]["failed"] == 1
    assert "row 2 i1 liver: failed: none.nii.gz: no such file" in streams.err
    assert run(*arguments) == 3
    streams = capsys.readouterr()
    assert streams.out == ""
    assert "1 of 2 pairs judged" in streams.err
    assert run("evaluate", tmp_path / "none.csv", "-o", tmp_path / "o") == 2
    assert run("evaluate", pairs, "-o", tmp_path / "o", "--judge", "nobody") == 5
    assert not (tmp_path / "o").exists()
