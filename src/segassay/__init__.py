"""segassay: how good is every label of a segmentation data set, and where is it wrong.

Everything public is loaded when it is first used, so that importing the package costs nothing.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PUBLIC = {
    "AuditConfig": "segassay.auditing.audit_config",
    "AuditResult": "segassay.auditing.conclude",
    "Dataset": "segassay.datasets.case",
    "EvaluateConfig": "segassay.evaluation.evaluate_config",
    "EvaluateResult": "segassay.evaluation.evaluate",
    "Finding": "segassay.records.findings",
    "Judge": "segassay.judge.scoring",
    "Modality": "segassay.types",
    "PairsConfig": "segassay.pairs.pairs_config",
    "PairsResult": "segassay.pairs.make_pairs",
    "QualityLoss": "segassay.semisup.quality_loss",
    "Results": "segassay.records.results",
    "Score": "segassay.judge.scoring",
    "ScoreRow": "segassay.records.scores",
    "SegassayError": "segassay.errors",
    "SourceConfig": "segassay.runs.configs",
    "Status": "segassay.types",
    "Suggestion": "segassay.judge.scoring",
    "audit": "segassay.auditing.audit",
    "compare_results": "segassay.compare.compare_results",
    "evaluate": "segassay.evaluation.evaluate",
    "load_judge": "segassay.judge.scoring",
    "make_pairs": "segassay.pairs.make_pairs",
    "measure_bias": "segassay.bias.measure_bias",
    "open_dataset": "segassay.datasets.opening",
    "open_results": "segassay.records.results",
    "quality_weights": "segassay.semisup.quality_weights",
    "select_labels": "segassay.select.select_labels",
    "write_label": "segassay.images.write_label",
}

__all__ = [
    *sorted(_PUBLIC),
    "__version__",
]

try:
    __version__ = version("segassay")
except PackageNotFoundError:  # run from a source folder that was never installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'segassay' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
