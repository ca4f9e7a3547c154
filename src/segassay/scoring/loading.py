"""From a judge's name or folder to the judge."""

from collections.abc import Callable

from segassay.errors import ModelError
from segassay.models.folder import JudgeFolder, find_judge, open_judge
from segassay.scoring.direct_judge import DirectJudge
from segassay.scoring.halves_judge import HalvesJudge
from segassay.scoring.judge import Judge
from segassay.scoring.map_judge import MapJudge
from segassay.scoring.sentinel_judge import SentinelJudge
from segassay.types import DEFAULT_JUDGE, Engine

KINDS: dict[str, Callable[..., Judge]] = {
    "map": MapJudge,
    "direct": DirectJudge,
    "halves": HalvesJudge,
    "quality_sentinel": SentinelJudge,
}
"""What `meta.json` calls `kind`, and the judge that runs such a folder; judge-v0 names none."""


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
    """Return the judge of a verified folder; raises `ModelError` for a kind of a later version."""
    kind = folder.kind
    if kind not in KINDS:
        raise ModelError(
            f"{folder.path.name}: a judge of kind {kind!r}; this version knows "
            f"{', '.join(KINDS)}: update segassay"
        )
    return KINDS[kind](folder, threads=threads, engine=Engine(engine))
