"""From a judge's name or folder to the judge."""

from collections.abc import Callable

from segassay.judge.documents.description import JudgeKind
from segassay.judge.documents.judge_folder import JudgeFolder, find_judge, open_judge
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.judge.scoring.cross_fitted_judge import HalvesJudge
from segassay.judge.scoring.direct_judge import DirectJudge
from segassay.judge.scoring.judge import Judge
from segassay.judge.scoring.map_judge import MapJudge
from segassay.judge.scoring.sentinel_judge import SentinelJudge
from segassay.types import DEFAULT_JUDGE, Engine

KINDS: dict[JudgeKind, Callable[..., Judge]] = {
    JudgeKind.MAP: MapJudge,
    JudgeKind.CONTEXT: ContextJudge,
    JudgeKind.DIRECT: DirectJudge,
    JudgeKind.HALVES: HalvesJudge,
    JudgeKind.QUALITY_SENTINEL: SentinelJudge,
}


def load_judge(
    name_or_path: str = DEFAULT_JUDGE,
    *,
    threads: int | None = None,
    engine: Engine | str = Engine.ONNX,
) -> Judge:
    """Load a judge by name or from a folder.

    Args:
        name_or_path: A folder, or a name looked up in `$SEGASSAY_HOME` and in the installed
            distribution `segassay-weights`. Nothing is downloaded.
        threads: Cores to use; all that this process may use by default.
        engine: What runs the network: `onnx`, or `openvino`, which needs the extra `fast`.

    Raises:
        MissingExtraError: The engine is not installed.
        ModelError: There is no such judge, or its files do not match their checksums.
    """
    return judge_of(open_judge(find_judge(name_or_path)), threads=threads, engine=engine)


def judge_of(
    folder: JudgeFolder, *, threads: int | None = None, engine: Engine | str = Engine.ONNX
) -> Judge:
    """Return the judge of a verified folder; raises `ModelError` for a network that is damaged."""
    return KINDS[folder.meta.kind](folder, threads=threads, engine=Engine(engine))
