"""One reader of cases: each file opened once, the same refusals whoever asks."""

from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from conftest import write_nifti
from pair_samples import write_pair_table, write_pairs
from segassay.corruption.faulty_cases import ExpertCase, read_expert_case
from segassay.datasets import read_case as reader
from segassay.datasets.case import Case
from segassay.datasets.open_pair import UnusablePair, open_pairs, read_image_of
from segassay.datasets.pair_table import read_pair_table
from segassay.datasets.read_case import label_files, read_case, read_labelled_case
from segassay.errors import ContentError, GeometryError, InternalError, OutputError, ReadError
from segassay.files import filesystem
from segassay.files.filesystem import checksum
from segassay.fit.gold_atlas import gold_cases
from segassay.fit.measure_gold import Planting, measure_cases
from segassay.images.io import LabelMap, read_label
from segassay.images.label_ref import LabelRef
from segassay.judge.scoring import Judge
from segassay.judge.scoring.query import Named
from segassay.judge.scoring.slice_judge import SliceJudge
from segassay.runs.domain import choose_peers as peers
from segassay.runs.domain import familiarity as trial
from segassay.runs.domain.choose_peers import choose_peers
from segassay.runs.domain.familiarity import TriedLabel, familiarity
from segassay.runs.isolated import isolated
from segassay.types import Status

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
MOVED = AFFINE + np.array([[0, 0, 0, 30.0], [0] * 4, [0] * 4, [0] * 4])


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """An image with a sound label, one elsewhere, one of halves and one that ends too soon."""
    image = np.random.default_rng(0).normal(100, 20, (40, 40, 12)).astype(np.float32)
    label = np.zeros(image.shape, dtype=np.uint8)
    label[10:30, 10:30, 2:10] = 1
    image[label > 0] += 80
    path = write_nifti(tmp_path / "image.nii.gz", image, AFFINE)
    write_nifti(tmp_path / "sound.nii.gz", label, AFFINE)
    write_nifti(tmp_path / "elsewhere.nii.gz", label, MOVED)
    write_nifti(tmp_path / "halves.nii.gz", label * 0.5, AFFINE)
    cut = write_nifti(tmp_path / "cut.nii.gz", label, AFFINE)
    cut.write_bytes(cut.read_bytes()[:-300])
    names = ("sound", "elsewhere", "halves", "cut")
    labels = tuple(LabelRef(name, tmp_path / f"{name}.nii.gz") for name in names)
    return Case("c", "s", (path,), labels)


def test_what_an_audit_calls_invalid_is_no_label_for_anybody(case: Case) -> None:
    found = read_labelled_case(case)
    assert [ref.structure for ref in found.labels] == ["sound"]
    assert [type(problem) for problem in found.problems] == [GeometryError, ContentError, ReadError]
    with pytest.raises(GeometryError):
        read_expert_case("set", case, None)


def test_a_bad_label_costs_itself_in_a_fit_and_not_its_case(case: Case, judge: Judge) -> None:
    assert isinstance(judge, SliceJudge)
    other = replace(
        case, case_id="d", subject_id="d", images=(case.images[0].with_name("gone.nii"),)
    )
    found = measure_cases([case, other], judge, Planting("set", 2, 0))
    assert {label.structure for label in found.labels} == {"sound"}
    assert len(found.labels) == 3
    assert [name for name, _ in found.problems] == ["c", "c", "c", "d"]
    assert [one.case_id for one in found.cases] == ["c"]
    assert [ref.structure for ref in found.cases[0].labels] == ["sound"]
    (kept,) = gold_cases([case, other], "set", 1).cases
    assert set(kept.reference.masks) == {"sound"}


def test_an_exception_nobody_foresaw_costs_its_case(
    case: Case, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(judge, SliceJudge)
    sound = replace(case, case_id="e", labels=case.labels[:1])
    measure = judge.measure_labels

    def broken(image: object, *arguments: object, **options: object) -> object:
        if options.get("subject") == "broken":
            raise ZeroDivisionError
        return measure(image, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(judge, "measure_labels", broken)
    bad = replace(sound, case_id="f", subject_id="broken")
    found = measure_cases([bad, sound], judge, Planting("set", 1, 0))
    assert [name for name, _ in found.problems] == ["f"]
    assert [one.case_id for one in found.cases] == ["e"]


def test_what_would_meet_the_next_case_as_well_is_raised() -> None:
    def full() -> None:
        raise OutputError("full")

    def wrong() -> None:
        raise KeyError("bug")

    def unreadable() -> None:
        raise ReadError("cut")

    with pytest.raises(OutputError):
        isolated("c", full)
    assert isinstance(isolated("c", wrong), InternalError)
    assert isinstance(isolated("c", unreadable), ReadError)
    assert isolated("c", lambda: 7) == 7


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are really opened."""
    names: list[str] = []
    real = filesystem._open

    def noted(path: Path) -> BinaryIO:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(filesystem, "_open", noted)
    return names


def test_every_file_is_opened_once_for_voxels_header_and_checksum(
    case: Case, tmp_path: Path, opened: list[str]
) -> None:
    sound = case.labels[0]
    of_two = replace(sound, structure="joined", pieces=(tmp_path / "piece.nii.gz",))
    piece = np.zeros((40, 40, 12), dtype=np.uint8)
    piece[:4] = 1
    write_nifti(tmp_path / "piece.nii.gz", piece, AFFINE)
    channel = write_nifti(tmp_path / "channel.nii.gz", piece, AFFINE)
    whole = replace(case, images=(*case.images, channel), labels=(*case.labels, of_two))
    files = read_case(whole)
    names = [path.name for path in (*whole.images, *(ref.path for ref in case.labels))]
    assert sorted(opened) == sorted([*names, "piece.nii.gz"])
    assert files.image_sha256 == checksum(case.images[0])
    assert [file.sha256 for file in files.labels[:4]] == [checksum(r.path) for r in case.labels]
    assert len({file.sha256 for file in files.labels}) == 5
    assert [file.header is None for file in files.labels[:3]] == [False] * 3
    assert files.labels[4].usable.counts[1] == files.labels[0].usable.counts[1] + piece.sum()
    assert list(files.channels) == [channel]
    assert files.image_header is not None


def test_an_audit_and_a_training_refuse_the_same(case: Case) -> None:
    files, labelled = read_case(case), read_labelled_case(case)
    refused = [str(file.problem) for file in files.labels if file.problem is not None]
    assert refused == [str(problem) for problem in labelled.problems]
    assert [file.refs[0] for file in files.labels if file.problem is None] == list(labelled.labels)
    with pytest.raises(GeometryError):
        _ = files.labels[1].usable


def test_few_label_files_are_read_ahead(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    image = read_labelled_case(case).image
    read: list[str] = []
    real = read_label

    def noted(ref: LabelRef, onto: object) -> LabelMap:
        read.append(ref.structure)
        return real(replace(ref, path=case.labels[0].path), image)

    monkeypatch.setattr(reader, "read_label", noted)
    refs = [LabelRef(f"l{n}", case.labels[0].path.with_name(f"{n}.nii")) for n in range(12)]
    coming = label_files(refs, image)
    for n, file in enumerate(coming):
        assert file.refs == (refs[n],)
        assert n < len(read) <= n + 3
    assert sorted(read) == sorted(ref.structure for ref in refs)


def test_pairs_of_an_image_share_its_files(tmp_path: Path, opened: list[str]) -> None:
    table = write_pair_table(tmp_path / "pairs.csv", write_pairs(tmp_path, seeds=(1,)))
    pairs = read_pair_table(table)
    gone = replace(pairs[0], mask=replace(pairs[0].mask, path=tmp_path / "gone.nii.gz"))
    rows = [*pairs, gone, *reversed(pairs)]
    opened.clear()
    image, checksum_of_image = read_image_of(rows)
    found = list(open_pairs(rows, image))
    names = {path.name for pair in rows for path in (pair.image, pair.gold.path, pair.mask.path)}
    assert sorted(name for name in opened if name != "gone.nii.gz") == sorted(
        names - {"gone.nii.gz"}
    )
    assert checksum_of_image == checksum(pairs[0].image)
    assert [one.pair for one in found] == rows
    (bad,) = (one for one in found if isinstance(one, UnusablePair))
    assert (bad.pair, bad.status) == (gone, Status.FAILED)
    for one in found:
        if not isinstance(one, UnusablePair):
            gold = read_label(one.pair.gold).mask(one.pair.gold)
            np.testing.assert_array_equal(np.asarray(one.gold), np.asarray(gold))
            mask = read_label(one.pair.mask).mask(one.pair.mask)
            np.testing.assert_array_equal(np.asarray(one.mask), np.asarray(mask))


class Stranger:
    """A judge that knows every name, or none."""

    weighs_peers = True

    def __init__(self, *, knows: bool) -> None:
        self._knows = knows

    def named(self, given: str, _: object) -> Named:
        return Named(given, given if self._knows else None)

    def knows(self, _: Named) -> bool:
        return self._knows


def test_a_label_that_an_audit_refuses_is_no_peer_and_tries_no_judge(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [replace(case, case_id=f"c{n}", subject_id=f"s{n}") for n in range(5)]
    stranger, knowing = Stranger(knows=False), Stranger(knows=True)
    monkeypatch.setattr(peers, "Peers", list)
    chosen: Any = choose_peers(cases, stranger, 10)  # type: ignore[arg-type]
    assert [set(peer.reference.masks) for peer in chosen] == [{"sound"}] * 5
    tried: list[set[str]] = []

    def noted(expert: ExpertCase, _: object) -> list[TriedLabel]:
        tried.append(set(expert.masks))
        return [TriedLabel("sound", 0.5, ((0.2, 0.3), (0.7, 0.6)))]

    monkeypatch.setattr(trial, "try_labels", noted)
    assert familiarity(cases, knowing) is not None  # type: ignore[arg-type]
    assert tried == [{"sound"}] * 5
