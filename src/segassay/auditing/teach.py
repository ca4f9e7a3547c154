"""Learning before an audit: the judge learns the data set's own labels, and is asked if that helps.

The judge that learned lies beside the audit's folder, so that it can be used again. Whether it is
better is known: both were measured on the same simulated errors, in subjects that the networks had
not learned.
"""

import shutil
from pathlib import Path

from segassay.auditing.audit_config import AuditConfig
from segassay.errors import UsageError
from segassay.fit.fit_config import LearnConfig
from segassay.fit.learn_labels import learn_labels
from segassay.judge.documents.description import Adaptation
from segassay.judge.documents.judge_folder import open_judge
from segassay.types import DEFAULT_BASE, DEFAULT_JUDGE, Say


def judge_to_ask(config: AuditConfig, *, say: Say) -> str | None:
    """Return the name or folder of the judge that an audit asks; `None` where it asks none.

    That is `config.judge`, or where it is to learn first and was better for it, what it became. The
    default judge cannot learn, so another one does in its place. A judge that learned for this
    audit before is not taught again, but for `overwrite`.

    Raises:
        MissingExtraError: torch, or what goes with it, is not installed.
        ModelError: The judge cannot be loaded, or has no weights to learn on from.
        UsageError: There are fewer than eight subjects, the judge's network cannot learn, or
            something else lies where the new judge is to lie.
    """
    if config.judge is None or config.learn is None:
        return config.judge
    base = DEFAULT_BASE if config.judge == DEFAULT_JUDGE else config.judge
    folder = learned_beside(config.out)
    if config.overwrite and folder.exists():
        _require_learned(folder)
        shutil.rmtree(folder)
    if not folder.exists():
        learn_labels(
            LearnConfig(
                source=config.source,
                out=folder,
                judge=base,
                limit=config.limit,
                minutes=config.learn,
            ),
            say=say,
        )
    about = _require_learned(folder)
    before, after = about.unadapted["mae"], None if about.fitted is None else about.fitted["mae"]
    if not isinstance(before, float) or not isinstance(after, float):
        say(f"the judge learned too few labels to be tested: {config.judge} is asked as it is")
        return config.judge
    told = f"mean absolute error {after:.3f}, {before:.3f} before"
    if after >= before:
        say(f"learning these labels did not help ({told}): {config.judge} is asked as it is")
        return config.judge
    say(f"the judge learned these labels ({told}): {folder}")
    return str(folder)


def learned_beside(out: Path) -> Path:
    """Return where the judge lies that learned for the audit into `out`."""
    return out.with_name(f"{out.name}-judge")


def _require_learned(folder: Path) -> Adaptation:
    about = open_judge(folder).meta.adaptation
    if about is None or about.by != "learn":
        raise UsageError(
            f"{folder}: no judge that learned labels; the one for this audit lies there, so choose "
            "another --out"
        )
    return about
