"""`audit --learn`: the judge that learned the labels is asked where it was better for it."""

import shutil
from pathlib import Path

import pytest
from test_fit import run
from test_learn import labels, learned  # noqa: F401  # fixtures

from segassay.auditing import teach
from segassay.auditing.audit_config import AuditConfig
from segassay.errors import UsageError
from segassay.fit.fit_config import LearnConfig
from segassay.judge.documents.judge_folder import (
    find_judge,
    open_judge,
    write_checksums,
    write_document,
)
from segassay.records.run import read_run
from segassay.runs.configs import SourceConfig
from segassay.types import DEFAULT_BASE


def audit(labels: Path, out: Path, *more: str | Path) -> int:  # noqa: F811
    source: list[str | Path] = ["--images", labels / "images", "--labels", labels / "labels"]
    words: list[str | Path] = ["--structure", "blob", "-o", out, "--learn", "0.01", "--quiet"]
    return run("audit", *source, *words, *more)


class Taught:
    """Stands for learning: a copy of a judge with the figures that a test wants."""

    def __init__(self, judge: Path, before: float, after: float) -> None:
        self.judge, self.mae = judge, (before, after)
        self.asked: list[LearnConfig] = []

    def __call__(self, config: LearnConfig, *, say: object) -> None:
        del say
        self.asked.append(config)
        shutil.copytree(self.judge, config.out)
        meta = open_judge(self.judge).meta
        assert meta.adaptation is not None
        before, after = ({"n": 60, "mae": mae} for mae in self.mae)
        about = meta.adaptation.model_copy(update={"unadapted": before, "fitted": after})
        fresh = meta.model_copy(update={"adaptation": about})
        write_document(config.out / "meta.json", fresh)
        write_checksums(config.out)


@pytest.mark.parametrize(("after", "helps"), [(0.05, True), (0.2, False), (0.3, False)])
def test_what_learned_is_asked_only_if_it_is_better(
    labels: Path,  # noqa: F811
    learned: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: float,
    helps: bool,
) -> None:
    taught = Taught(learned, 0.2, after)
    monkeypatch.setattr(teach, "learn_labels", taught)
    out = tmp_path / "out"
    assert audit(labels, out) == 0
    record = read_run(out)
    assert record is not None
    assert record.model_id == (open_judge(learned).meta.model_id if helps else _default_id())
    assert record.config["learn"] == 0.01
    assert (taught.asked[0].minutes, taught.asked[0].judge) == (0.01, DEFAULT_BASE)
    assert audit(labels, out) == 0, "a continued audit does not learn again"
    assert len(taught.asked) == 1
    assert audit(labels, out, "--overwrite") == 0
    assert len(taught.asked) == 2


def _default_id() -> str:
    return open_judge(find_judge(DEFAULT_BASE)).meta.model_id


def test_nothing_of_anybody_else_is_used_or_removed(labels: Path, tmp_path: Path) -> None:  # noqa: F811
    beside = tmp_path / "out-judge"
    shutil.copytree(find_judge(DEFAULT_BASE), beside)
    config = AuditConfig(
        source=SourceConfig(images=labels / "images", labels=labels / "labels", structure="blob"),
        out=tmp_path / "out",
        learn=0.01,
        overwrite=True,
    )
    with pytest.raises(UsageError):
        teach.judge_to_ask(config, say=lambda _: None)
    assert open_judge(beside).meta.model_id == _default_id()


def test_parts_do_not_learn_each_for_itself(labels: Path, tmp_path: Path) -> None:  # noqa: F811
    assert audit(labels, tmp_path / "out", "--num-parts", "2", "--part-id", "1") == 2
    assert not (tmp_path / "out").exists()
