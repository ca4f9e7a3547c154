"""`segassay fit`, `learn` and `calibrate`: make a judge good, and honest, on one's own data."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segassay.cli.option_groups import spread
from segassay.cli.options import (
    ImageLimit,
    JudgeName,
    LabelSource,
    Limit,
    PairTable,
    Seed,
    SourceOptions,
    TellOptions,
)
from segassay.types import DEFAULT_BASE

if TYPE_CHECKING:
    from segassay.fit.gold_judge import GoldResult

_Model = Annotated[Path, typer.Option("--out", "-o", help="The new judge's folder.")]


@dataclass(frozen=True, kw_only=True)
class LearnOptions:
    """Which labels a judge learns from, and how long."""

    label_source: LabelSource = None
    limit: Limit = None
    seed: Seed = 0
    minutes: Annotated[float, typer.Option("--minutes", help="Training time, in minutes.")] = 10.0


@dataclass(frozen=True, kw_only=True)
class FitOptions(LearnOptions):
    """What a judge is fitted to, and how."""

    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", help="Your own predictions with their reference, to calibrate on."),
    ] = None
    atlas: Annotated[
        int,
        typer.Option(
            "--atlas",
            metavar="N",
            help="Also compare labels with N reference cases of each structure; their images, "
            "reduced in size, become part of the judge.",
        ),
    ] = 0
    full: Annotated[
        bool, typer.Option("--full", help="Train the network itself further; needs torch.")
    ] = False
    private: Annotated[
        bool,
        typer.Option("--private", help="Keep no names of subjects and no images in the judge."),
    ] = False


@spread
def fit(
    *,
    source: SourceOptions,
    out: _Model = Path("fitted-judge"),
    judge: JudgeName = DEFAULT_BASE,
    how: FitOptions,
    telling: TellOptions,
) -> int:
    """Fit a judge to a few cases with reference labels. No GPU or network training needed."""
    from segassay.cli.console import tell
    from segassay.fit.fit_config import FitConfig
    from segassay.fit.fit_judge import fit_judge

    config = FitConfig(source=source.config(), out=out, judge=judge, **asdict(how))
    say = None if telling.quiet else tell
    result = fit_judge(config, progress=telling.progress(), say=say)
    return _told(result, as_json=telling.as_json)


@spread
def learn(
    *,
    source: SourceOptions,
    out: _Model = Path("learned-judge"),
    judge: JudgeName = DEFAULT_BASE,
    how: LearnOptions,
    telling: TellOptions,
) -> int:
    """Cross-fit the judge on the data set's own, possibly wrong, labels (2-fold); needs torch."""
    from segassay.fit.fit_config import LearnConfig
    from segassay.fit.learn_labels import learn_labels

    config = LearnConfig(source=source.config(), out=out, judge=judge, **asdict(how))
    result = learn_labels(config, progress=telling.progress(), say=telling.say)
    return _told(result, as_json=telling.as_json)


@spread
def calibrate(
    *,
    pairs: PairTable,
    out: _Model = Path("calibrated-judge"),
    judge: JudgeName = DEFAULT_BASE,
    limit: ImageLimit = None,
    telling: TellOptions,
) -> int:
    """Calibrate a judge's scores and intervals on your own predictions with a reference."""
    from segassay.fit.fit_config import CalibrateConfig
    from segassay.fit.fit_judge import calibrate_judge

    config = CalibrateConfig(table=pairs, out=out, judge=judge, limit=limit)
    result = calibrate_judge(config, progress=telling.progress())
    return _told(result, as_json=telling.as_json)


def _told(result: "GoldResult", *, as_json: bool) -> int:
    """Report on stderr or as JSON on stdout, and return the exit code."""
    from segassay.cli.console import give_json, tell, tell_some
    from segassay.fit.gold_card import benefit_line, comparison, network_line
    from segassay.judge.documents.description import Benefit
    from segassay.types import ExitCode

    tell_some([f"{what}: {why}" for what, why in result.problems])
    if as_json:
        give_json(result.to_json())
    else:
        tell(f"measured on {result.gold.on}, {result.gold.base} -> {result.folder.name}")
        for line in (network_line(result.gold), *comparison(result.gold), result.remark):
            if line:
                tell(line)
        if line := benefit_line(result.gold):
            tell(f"verdict: {line}")
        advice = (
            "" if result.benefit is Benefit.NO_BETTER else f"; use it by --judge {result.folder}"
        )
        tell(f"judge: {result.folder}{advice}")
    return int(ExitCode.CASES_FAILED if result.problems else ExitCode.DONE)
