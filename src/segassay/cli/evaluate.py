"""`segassay evaluate`: how far to trust the judge on data with a reference."""

from pathlib import Path

from segassay.cli.option_groups import spread
from segassay.cli.options import (
    ImageLimit,
    JudgeName,
    ModalityName,
    Out,
    Overwrite,
    PairTable,
    PeerCount,
    TellOptions,
)
from segassay.cli.typed import typed_words
from segassay.types import DEFAULT_JUDGE


@spread
def evaluate(
    *,
    pairs: PairTable,
    out: Out = Path("segassay-evaluation"),
    judge: JudgeName = DEFAULT_JUDGE,
    peers: PeerCount = 10,
    limit: ImageLimit = None,
    modality: ModalityName = None,
    overwrite: Overwrite = False,
    telling: TellOptions,
) -> int:
    """Score masks that have a reference; compare scores, true Dice and baselines."""
    from segassay.cli.console import give_json, tell, tell_some
    from segassay.evaluation.evaluate import evaluate as run
    from segassay.evaluation.evaluate_config import EvaluateConfig
    from segassay.report.evaluation_page import summary_lines

    config = EvaluateConfig(
        table=pairs,
        out=out,
        judge=judge,
        peers=peers,
        limit=limit,
        modality=modality,
        overwrite=overwrite,
        argv=typed_words(),
    )
    result = run(config, progress=telling.progress(), say=telling.say)
    tell_some(
        [f"row {r.row} {r.case_id} {r.structure}: {r.status}: {r.reason}" for r in result.unusable],
        rest=": see scores.csv",
    )
    if not result.figures["counts"]["judged"]:
        tell("no mask could be compared: none has both a score and a true Dice")
    if telling.as_json:
        give_json(result.figures)
    else:
        for line in summary_lines(result.figures):
            tell(line)
        tell(f"evaluation: {result.out / 'evaluation.md'}")
    return int(result.exit_code)
