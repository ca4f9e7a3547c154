"""segassay: how good is every label of a segmentation data set, and where is it wrong.

Everything public is loaded when it is first used, so that importing the package costs nothing.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PUBLIC = {
    "AuditConfig": "segassay.pipelines.configs",
    "AuditResult": "segassay.pipelines.conclude",
    "Dataset": "segassay.data.case",
    "EvaluateConfig": "segassay.pipelines.configs",
    "EvaluateResult": "segassay.pipelines.evaluate",
    "Finding": "segassay.records.findings",
    "Judge": "segassay.scoring",
    "Modality": "segassay.types",
    "PairsConfig": "segassay.pipelines.configs",
    "PairsResult": "segassay.pipelines.make_pairs",
    "Results": "segassay.records.results",
    "Score": "segassay.scoring",
    "ScoreRow": "segassay.records.scores",
    "SegassayError": "segassay.errors",
    "SourceConfig": "segassay.pipelines.configs",
    "Status": "segassay.types",
    "Suggestion": "segassay.scoring",
    "audit": "segassay.pipelines.audit",
    "evaluate": "segassay.pipelines.evaluate",
    "load_judge": "segassay.scoring",
    "make_pairs": "segassay.pipelines.make_pairs",
    "open_dataset": "segassay.data.readers",
    "open_results": "segassay.records.results",
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
