"""One label per structure and case, where several people or programs labelled a data set."""

from dataclasses import replace

from segassay.datasets.case import Dataset
from segassay.errors import UsageError


def of_one_source(dataset: Dataset, wanted: str | None) -> Dataset:
    """Keep the labels of one source: two labels of one structure cannot both be the gold."""
    sources = list(dict.fromkeys(ref.source for case in dataset.cases for ref in case.labels))
    if wanted is None and len(sources) > 1:
        raise UsageError(
            f"{dataset.name}: labels come from {', '.join(sources)}; "
            "say by --label-source which ones to trust"
        )
    if wanted is not None and wanted not in sources:
        raise UsageError(
            f"{dataset.name}: no labels come from {wanted!r}; there are {', '.join(sources)}"
        )
    kept = [
        replace(case, labels=tuple(r for r in case.labels if wanted in (None, r.source)))
        for case in dataset.cases
    ]
    return replace(dataset, cases=tuple(kept))
