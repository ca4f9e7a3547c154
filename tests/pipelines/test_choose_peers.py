"""Data of a kind that no judge knows: its own labels weigh one another, in every process alike."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from blobs import blob
from conftest import write_picture
from segassay.data.readers import open_dataset
from segassay.models.folder import UNFAMILIAR, find_judge, write_checksums
from segassay.pipelines.audit import audit
from segassay.pipelines.configs import AuditConfig, EvaluateConfig, SourceConfig
from segassay.pipelines.evaluate import evaluate
from segassay.pipelines.peers import choose_peers
from segassay.records.table import read_table
from segassay.scoring import load_judge
from segassay.scoring.adapter import Adapter
from segassay.scoring.calibration import Calibration
from segassay.scoring.unfamiliar import Unfamiliar

WRONG = "p3"


@pytest.fixture
def blobs(tmp_path: Path) -> SourceConfig:
    """Six pictures of something without a known name; one label misses its object."""
    for seed in range(6):
        image, mask = blob(seed)
        label = np.roll(mask, 32, axis=0) if f"p{seed}" == WRONG else mask
        write_picture(tmp_path / "images" / f"p{seed}.png", image.astype(np.uint8))
        write_picture(tmp_path / "labels" / f"p{seed}.png", (255 * label).astype(np.uint8))
    return SourceConfig(
        images=tmp_path / "images", labels=tmp_path / "labels", structure="flugelhorn"
    )


@pytest.fixture
def judge_folder(tmp_path: Path) -> Path:
    """The judge, weighing its score by the peers' mean and nothing else where it knows nothing."""
    folder = tmp_path / "judge"
    shutil.copytree(find_judge("judge-small"), folder)
    features = np.zeros(5), np.ones(5), np.array([0.0, 0, 0, 1, 0])
    weigher = Adapter(0.0, 0.0, *features)
    same = Calibration.identity()
    known = Unfamiliar(same, weigher, same, n_sets=2, n_labels=50)
    (folder / UNFAMILIAR).write_text(json.dumps(known.to_json()))
    write_checksums(folder)
    return folder


def scores(config: AuditConfig) -> pl.DataFrame:
    audit(config)
    return read_table(config.out).sort("case_id")


def test_the_label_that_agrees_with_no_other_comes_last(
    blobs: SourceConfig, judge_folder: Path, tmp_path: Path
) -> None:
    config = AuditConfig(source=blobs, out=tmp_path / "out", judge=str(judge_folder))
    table = scores(config)
    assert table.sort("score")["case_id"][0] == WRONG
    assert table["reason"].str.contains("weighed by labels of other cases").all()
    assert table["evidence"].str.contains("50 masks of 2 data sets").all()
    least = table.filter(pl.col("case_id") != WRONG).sort("score")["score"][0]
    assert table.filter(pl.col("case_id") == WRONG)["score"][0] < 0.6 * least
    several = scores(config.model_copy(update={"out": tmp_path / "jobs", "jobs": 2}))
    assert several["score"].to_list() == table["score"].to_list()


def test_without_peers_the_network_stands_alone(
    blobs: SourceConfig, judge_folder: Path, tmp_path: Path
) -> None:
    config = AuditConfig(source=blobs, out=tmp_path / "out", judge=str(judge_folder), peers=0)
    table = scores(config)
    assert not table["reason"].str.contains("weighed").any()
    assert table["evidence"].str.contains("never tested").all()


def test_no_peers_where_none_are_needed_or_too_few(
    blobs: SourceConfig, judge_folder: Path, tmp_path: Path
) -> None:
    cases = open_dataset(images=blobs.images, labels=blobs.labels, structure="flugelhorn").cases
    judge = load_judge(str(judge_folder))
    peers = choose_peers(cases, judge, 10)
    assert peers is not None
    assert len(peers) == 6
    assert choose_peers(cases[:4], judge, 10) is None
    assert choose_peers(cases, judge, 10, structures=["spleen"]) is None
    known = open_dataset(images=blobs.images, labels=blobs.labels, structure="liver").cases
    assert choose_peers(known, judge, 10) is None


def test_a_damaged_case_is_no_peer_and_stops_nothing(
    blobs: SourceConfig, judge_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "labels" / "p0.png").write_bytes(b"no picture")
    config = AuditConfig(source=blobs, out=tmp_path / "out", judge=str(judge_folder))
    table = scores(config)
    assert table["status"][0] == "failed"
    assert table.drop_nulls("score").sort("score")["case_id"][0] == WRONG


def test_an_evaluation_asks_masks_of_other_images_and_no_gold(
    blobs: SourceConfig, judge_folder: Path, tmp_path: Path
) -> None:
    lines = ["image,mask,gold,structure,subject"]
    for seed in range(6):
        write_picture(tmp_path / "gold" / f"p{seed}.png", (255 * blob(seed)[1]).astype(np.uint8))
        lines.append(f"images/p{seed}.png,labels/p{seed}.png,GOLD,flugelhorn,s{seed}")
    found = {}
    for gold in ("gold", "labels"):
        rows = [line.replace("GOLD", f"{gold}/p{n}.png") for n, line in enumerate(lines, start=-1)]
        (tmp_path / f"{gold}.csv").write_text("\n".join(rows))
        config = EvaluateConfig(
            table=tmp_path / f"{gold}.csv", out=tmp_path / f"out-{gold}", judge=str(judge_folder)
        )
        result = evaluate(config)
        found[gold] = {row.case_id: row.score for row in result.rows}
        assert all("weighed by labels of other cases" in row.reason for row in result.rows)
    assert found["gold"] == found["labels"]
    assert min(found["gold"], key=lambda case_id: found["gold"][case_id]) == WRONG
