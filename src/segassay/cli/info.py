"""`segassay info`: what a data set holds."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from segassay.cli.console import give, give_json
from segassay.cli.options import Empty, Json, SourceOptions
from segassay.cli.spread import spread

if TYPE_CHECKING:
    from segassay.pipelines.info import DatasetInfo


@spread
def info(source: SourceOptions, empty: Empty = False, as_json: Json = False) -> None:
    """Count cases, subjects, labels and structures, from folders and headers."""
    from segassay.pipelines.info import dataset_info

    found = dataset_info(source.config().open(), count_empty=empty)
    if as_json:
        give_json(found.to_json())
        return
    give(*_lines(found))


def _lines(found: "DatasetInfo") -> Iterator[str]:
    yield f"{found.name} ({found.format})"
    yield f"{found.cases} cases, {found.subjects} subjects, {found.labels} labels"
    if found.empty is not None:
        yield f"{found.labels - found.empty} labels with voxels, {found.empty} empty"
    for name, count in found.structures.items():
        near = found.unknown.get(name)
        yield f"  {name}: {count}" + (f" (not a known name; {' or '.join(near)}?)" if near else "")
    if found.unnamed:
        yield (
            f"{len(found.unnamed)} structures without a name, only a value in the files: "
            'name them in labels.json, as in {"liver": 1}, beside the images (or with --names)'
        )
    if len(found.sources) > 1:
        yield f"sources: {', '.join(found.sources)}"
    if found.metadata:
        yield f"metadata: {', '.join(found.metadata)}"
    for title, lines in (
        ("images without label", found.unlabelled),
        ("files that belong to no case", [f"{u['file']}: {u['reason']}" for u in found.unmatched]),
    ):
        if lines:
            yield f"{len(lines)} {title}"
            yield from (f"  {line}" for line in lines[:10])
