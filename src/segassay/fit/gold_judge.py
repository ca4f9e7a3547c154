"""A judge fitted or calibrated to somebody's trusted labels: its figures and its folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.errors import UsageError
from segassay.files.checksums import CHECKSUMS
from segassay.fit.gold_card import gold_card
from segassay.fit.gold_figures import benefit_of, evidence_of, figures_of
from segassay.fit.measure_gold import Found, Problem
from segassay.judge.calibration.fitting import (
    FEWEST_LABELS,
    Fitted,
    columns,
    fit,
    left_out,
    typical_of,
)
from segassay.judge.calibration.trust import Trust
from segassay.judge.comparison.gold_cases import GoldCases
from segassay.judge.comparison.typical import TypicalLabels
from segassay.judge.context.context_memory import ContextMemory
from segassay.judge.documents.description import (
    Adaptation,
    Benefit,
    ContextKept,
    MeasuredOn,
    NetworkFit,
)
from segassay.judge.documents.judge_folder import (
    ADAPTER,
    CARD,
    CONTEXT,
    GOLD,
    TYPICAL,
    JudgeFolder,
    find_judge,
    model_id,
    open_judge,
    write_checksums,
    write_document,
)
from segassay.judge.documents.new_folder import put_in_place
from segassay.judge.scoring import judge_of
from segassay.judge.scoring.slice_judge import SliceJudge
from segassay.records.remarks import text_of
from segassay.types import DEFAULT_BASE, Progress, ignore_progress

_WRITTEN_ANEW = frozenset({"meta.json", "calibration.json", CARD, CHECKSUMS})
_OF_A_FIT = frozenset({ADAPTER, GOLD, TYPICAL, CONTEXT})
Problems = tuple[Problem, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FullFit:
    """What came of letting the network itself learn on.

    Attributes:
        about: Its description.
        light: What the light fit to the subjects learned from says of the labels that the judge is
            made from, `(n, 3)`; `None` where the network was not kept.
        images: Checksums of the images that it learned from.
    """

    about: NetworkFit
    light: NDArray[np.float64] | None
    images: frozenset[str]


@dataclass(frozen=True, slots=True)
class GoldResult:
    """What came of `fit`, `learn` or `calibrate`.

    Attributes:
        folder: The new judge.
        gold: What it was made of, and its figures.
        problems: Cases and rows that could not be used, and why.
    """

    folder: Path
    gold: Adaptation
    problems: Problems

    @property
    def remark(self) -> str:
        """Say "no guarantee" with the reason; empty with enough subjects."""
        return text_of(Trust.of(self.gold).limits)

    @property
    def benefit(self) -> Benefit | None:
        """Whether the new judge is better than the one it was made from; `None` after `learn`."""
        return self.gold.benefit

    def to_json(self) -> dict[str, Any]:
        """Return the summary printed with `--json`."""
        problems = [{"what": what, "reason": why} for what, why in self.problems]
        return {
            "judge": self.folder.name,
            **self.gold.model_dump(mode="json"),
            "remark": self.remark,
            "problems": problems,
        }


def open_base(name: str) -> tuple[JudgeFolder, SliceJudge]:
    """Open the judge to start from.

    Raises:
        ModelError: There is no such judge, or it is damaged.
        UsageError: It is of a kind that gives no doubt and no sums of slices.
    """
    folder = open_judge(find_judge(name))
    judge = judge_of(folder)
    if not isinstance(judge, SliceJudge):
        raise UsageError(
            f"{judge.model_id}: a judge of kind {folder.meta.kind.value!r} cannot be fitted or "
            f"calibrated; choose another one by --judge, such as {DEFAULT_BASE}"
        )
    return folder, judge


def make_gold_judge(
    measured: Found,
    base: JudgeFolder,
    out: Path,
    *,
    adapt: bool,
    source: str,
    full: FullFit | None = None,
    compared_with: GoldCases | ContextMemory | None = None,
    progress: Progress = ignore_progress,
) -> GoldResult:
    """Fit to measured labels and write the new judge's folder; `source` names the labels.

    The judge is written whether or not it is better than its base on subjects left out of the fit;
    its `Benefit` says which.

    With `full` the network of `base` may be one that learned on, and `gold` the labels it did not
    learn from. `compared_with` are the trusted cases that the labels were compared with, or in
    whose context they were judged.

    Raises:
        UsageError: There are too few labels.
        OutputError: The folder exists, or cannot be written.
    """
    rows, problems = measured
    if len(rows) < FEWEST_LABELS:
        first = f" ({problems[0][0]}: {problems[0][1]})" if problems else ""
        raise UsageError(
            f"{source}: {len(rows)} labels with known truth could be measured{first}; expected at "
            f"least {FEWEST_LABELS}, so give more cases"
        )
    labels = columns(rows, corrected=not adapt)
    stated = left_out(labels, adapt=adapt, progress=progress)
    progress("final fits", 0, 1, "")
    fitted = fit(labels, adapt=adapt)
    progress("final fits", 1, 1, source)
    own = np.array([row.own for row in rows])
    tested = own if own.any() else np.ones_like(own)
    known = [row for row, kept in zip(rows, tested, strict=True) if kept]
    before = np.array([row.stated for row in known])
    after = None if stated is None else stated[tested]
    if fitted.adapter is None and isinstance(compared_with, GoldCases):
        compared_with = None  # the network itself does not see them
    light = None if full is None else full.light
    about = Adaptation(
        by="fit" if adapt else "calibrate",
        base=base.meta.model_id,
        source=source,
        on=MeasuredOn.OWN if own.any() else MeasuredOn.SYNTHETIC,
        labels=len(rows),
        subjects=0 if after is None else len({row.subject for row in known}),
        corrected=fitted.adapter is not None,
        evidence={} if after is None else evidence_of(known),
        benefit=benefit_of(known, before, after),
        unadapted=figures_of(known, before),
        fitted=None if after is None else figures_of(known, after),
        light=None if light is None else figures_of(known, light[tested]),
        full=None if full is None else full.about,
        compared_with=len(compared_with.cases) if isinstance(compared_with, GoldCases) else 0,
        context=_context_of(compared_with) if isinstance(compared_with, ContextMemory) else None,
    )
    images = {row.image for row in rows} | (full.images if full is not None else set())
    typical = typical_of(rows) if any(row.seen is not None for row in rows) else None
    made = _Made(fitted, typical, compared_with, about, frozenset(images))
    put_in_place(out, lambda fresh: _fill(fresh, out.name, base, made))
    return GoldResult(out, about, tuple(problems))


def _context_of(memory: ContextMemory) -> ContextKept:
    return ContextKept(
        subjects=memory.n_subjects,
        slices=len(memory),
        features=memory.patches.shape[-1],
        named=not memory.is_nameless,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """What the new judge has that its base has not; `images` are checksums of what it knows."""

    fitted: Fitted
    typical: TypicalLabels | None
    compared_with: GoldCases | ContextMemory | None
    about: Adaptation
    images: frozenset[str]


def _fill(fresh: Path, name: str, base: JudgeFolder, made: _Made) -> None:
    """Write the new judge: the base's network, and everything that differs."""
    about, fitted = made.about, made.fitted
    left = _WRITTEN_ANEW | (_OF_A_FIT if about.by == "fit" else set())
    for file in base.files:
        if file not in left:
            shutil.copyfile(base.path / file, fresh / file)
    if fitted.adapter is not None:
        write_document(fresh / ADAPTER, fitted.adapter.to_document())
        if made.typical is not None:
            write_document(fresh / TYPICAL, made.typical.to_document())
    if made.compared_with is not None:
        in_context = isinstance(made.compared_with, ContextMemory)
        made.compared_with.save(fresh / (CONTEXT if in_context else GOLD))
    write_document(fresh / "calibration.json", fitted.calibration.to_document())
    meta = base.meta.model_copy(
        update={
            "model_id": model_id(name, fresh / "calibration.json"),
            "training_voxels": tuple(sorted(made.images.union(base.meta.training_voxels))),
            "learning": None,
            "adaptation": about,
        }
    )
    write_document(fresh / "meta.json", meta)
    (fresh / CARD).write_text(gold_card(meta.model_id, about, base.card), encoding="utf-8")
    write_checksums(fresh)
