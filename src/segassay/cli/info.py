"""`segassay info`: what a data set holds."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from segassay.cli.console import give, give_json
from segassay.cli.option_groups import spread
from segassay.cli.options import Empty, Json, SourceOptions
from segassay.errors import DatasetError
from segassay.types import counted

if TYPE_CHECKING:
    from segassay.datasets.info import DatasetInfo


@spread
def info(source: SourceOptions, empty: Empty = False, as_json: Json = False) -> None:
    """Count cases, subjects, labels and structures, from folders and headers."""
    from segassay.datasets.info import dataset_info

    dataset = source.config().open()
    found = dataset_info(dataset, count_empty=empty)
    if as_json:
        give_json(found.to_json())
    else:
        give(*_lines(found))
    dataset.require_labels()
    if not found.labels:
        raise DatasetError(f"{found.name}: no label file is there; missing: {found.missing[0]}")


def _lines(found: "DatasetInfo") -> Iterator[str]:
    yield f"{found.name} ({found.format})"
    counts = {"case": found.cases, "subject": found.subjects, "label": found.labels}
    yield ", ".join(counted(n, what) for what, n in counts.items())
    if found.empty is not None:
        filled = counted(found.labels - found.empty, "label")
        yield f"{filled} with voxels, {found.empty} empty"
    for name, count in found.structures.items():
        near = found.unknown.get(name)
        yield f"  {name}: {count}" + (f" (not a known name; {' or '.join(near)}?)" if near else "")
    if found.unnamed:
        nameless = counted(len(found.unnamed), "structure")
        yield (
            f"{nameless} without a name, only a value in the files: "
            'name them in labels.json, as in {"liver": 1}, beside the images (or with --names)'
        )
    if len(found.sources) > 1:
        yield f"sources: {', '.join(found.sources)}"
    if found.metadata:
        yield f"metadata: {', '.join(found.metadata)}"
    for title, lines in (
        (("listed file that is missing", "listed files that are missing"), found.missing),
        (("image without a label", "images without a label"), found.unlabelled),
        (
            ("file that belongs to no case", "files that belong to no case"),
            [f"{u['file']}: {u['reason']}" for u in found.unmatched],
        ),
    ):
        if lines:
            yield counted(len(lines), *title)
            yield from (f"  {line}" for line in lines[:10])
