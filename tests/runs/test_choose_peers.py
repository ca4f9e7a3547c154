"""Data of a kind that no judge knows: its own labels weigh one another, in every process alike."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from blobs import blob
from conftest import write_picture
from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.datasets.case import Case
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import LabelledCase
from segassay.evaluation.evaluate import evaluate
from segassay.evaluation.evaluate_config import EvaluateConfig
from segassay.geometry.grid import Grid
from segassay.images.io import LabelMap
from segassay.images.label_ref import LabelRef
from segassay.images.volume import Volume
from segassay.judge.calibration.adapter import Adapter
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.calibration.out_of_domain import Unfamiliar
from segassay.judge.documents.judge_folder import (
    UNFAMILIAR,
    find_judge,
    write_checksums,
    write_document,
)
from segassay.judge.scoring import load_judge
from segassay.judge.scoring.query import Named
from segassay.records.table import read_table
from segassay.runs.configs import SourceConfig
from segassay.runs.domain import choose_peers as choosing
from segassay.runs.domain.choose_peers import choose_peers
from segassay.types import Remark

Chosen = Callable[..., tuple[Any, list[Case]]]

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
    known = Unfamiliar(same, weigher, same, None, n_sets=2, n_labels=50)
    write_document(folder / UNFAMILIAR, known.to_document())
    write_checksums(folder)
    return folder


def scores(config: AuditConfig) -> pl.DataFrame:
    audit(config)
    return read_table(config.out).sort("case_id")


@pytest.mark.slow
def test_the_label_that_agrees_with_no_other_comes_last(
    blobs: SourceConfig, judge_folder: Path, tmp_path: Path
) -> None:
    config = AuditConfig(source=blobs, out=tmp_path / "out", judge=str(judge_folder))
    table = scores(config)
    assert table.sort("score")["case_id"][0] == WRONG
    assert all(Remark.COMPARED in names for names in table["remarks"].str.split(" "))
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
    for names in table["remarks"].str.split(" "):
        assert Remark.NEVER_TESTED in names
        assert Remark.COMPARED not in names


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_damaged_case_is_no_peer_and_stops_nothing(
    blobs: SourceConfig, judge_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "labels" / "p0.png").write_bytes(b"no picture")
    config = AuditConfig(source=blobs, out=tmp_path / "out", judge=str(judge_folder))
    table = scores(config)
    assert table["status"][0] == "failed"
    assert table.drop_nulls("score").sort("score")["case_id"][0] == WRONG


@pytest.mark.slow
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
        assert all(Remark.COMPARED in row.remarks for row in result.rows)
    assert found["gold"] == found["labels"]
    assert min(found["gold"], key=lambda case_id: found["gold"][case_id]) == WRONG


class Stranger:
    """A judge that knows no structure at all."""

    weighs_peers = True

    def named(self, structure: str, modality: object = None) -> Named:
        return Named(structure, None)

    def knows(self, name: Named) -> bool:
        return False


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Chosen:
    """Choose peers, and tell which cases they are and which were read to find them.

    `holds(number, structure)` says whether a mask holds a voxel, `shape(number)` its image's shape.
    """

    def choose(
        cases: list[Case], holds: Callable[[int, str], bool], shape: Any = None, **options: Any
    ) -> tuple[Any, list[Case]]:
        read: list[Case] = []

        def made(case: Case) -> LabelledCase:
            read.append(case)
            number = int(case.subject_id)
            grid = Grid(shape(number) if shape else (8, 8, 8), np.eye(4))
            image = Volume(np.ones(grid.shape, np.float32), grid, True, True)
            labels = {}
            for ref in case.labels:
                mask = np.full(grid.shape, holds(number, ref.structure))
                labels[ref] = LabelMap.of(replace(image, array=mask), 0.0, "bool")
            return LabelledCase(image, labels, ())

        monkeypatch.setattr(choosing, "read_labelled_case", made)
        monkeypatch.setattr(choosing, "Peers", list)
        judge: Any = Stranger()
        return choose_peers(cases, judge, 10, **options), read

    return choose


def declared(n: int, *structures: str) -> list[Case]:
    labels = tuple(LabelRef(name, Path(name)) for name in structures)
    return [Case(str(number), str(number), (Path("i"),), labels) for number in range(n)]


def test_peers_are_cases_that_have_labels(chosen: Chosen) -> None:
    """The first image of every subject has none, as raw images in BIDS."""
    cases = declared(12, "flugelhorn")
    raw = [replace(case, case_id=f"raw{case.case_id}", labels=()) for case in cases]
    alone, _ = chosen(cases, lambda *_: True)
    found, read = chosen([*raw, *cases], lambda *_: True)
    assert [peer.subject for peer in found] == [peer.subject for peer in alone]
    assert len(found) == len(read) == 10


def test_a_structure_that_hardly_any_case_holds_is_given_up(chosen: Chosen) -> None:
    told: list[str] = []
    cases = declared(2000, "flugelhorn", "speck")
    found, read = chosen(
        cases, lambda n, name: name == "flugelhorn" or n % 200 == 0, say=told.append
    )
    assert len(read) < 115
    assert sum("flugelhorn" in peer.reference.masks for peer in found) == 10
    assert len(told) == 1


def test_a_structure_of_one_in_ten_is_found(chosen: Chosen) -> None:
    told: list[str] = []
    found, read = chosen(declared(2000, "speck"), lambda n, _: n % 10 == 0, say=told.append)
    assert len(found) == 10
    assert not told
    assert len(read) <= 110


def test_no_more_is_taken_of_a_case_than_is_missing(chosen: Chosen) -> None:
    """Every further mask is laid over all others of its name."""
    found, read = chosen(
        declared(200, "flugelhorn", "speck"), lambda n, name: name == "flugelhorn" or n % 5 == 0
    )
    held = [name for peer in found for name in peer.reference.masks]
    assert held.count("flugelhorn") == held.count("speck") == 10
    assert [ref.structure for ref in read[0].labels] == ["flugelhorn", "speck"]
    assert [ref.structure for ref in read[-1].labels] == ["speck"]


@pytest.mark.parametrize("shape", [(1, 8, 8), (8, 1, 8), (8, 8, 1)])
def test_single_slices_do_not_stand_among_volumes(
    chosen: Chosen, shape: tuple[int, int, int]
) -> None:
    """In whichever plane they lie, and were they drawn first."""
    cases = declared(20, "flugelhorn")
    _, read = chosen(cases, lambda *_: True)
    odd = {int(read[n].subject_id) for n in (0, 3)}
    found, _ = chosen(cases, lambda *_: True, shape=lambda n: shape if n in odd else (8, 8, 8))
    assert len(found) == 10
    assert {peer.reference.image.grid.shape for peer in found} == {(8, 8, 8)}
