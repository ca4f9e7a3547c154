"""`segassay fix`: safe repairs of label files."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segassay.cli.option_groups import spread
from segassay.cli.options import SEVERAL, DatasetPath, SubjectRegex, TellOptions

if TYPE_CHECKING:
    from segassay.fix.fix import FixResult

_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class RepairOptions:
    """What is repaired, and where the repaired files go."""

    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for a repaired copy of the data set.")
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Repair the files themselves; originals are kept.")
    ] = False
    backup: Annotated[
        Path | None, typer.Option("--backup", help="Folder for originals, with --in-place.")
    ] = None
    changed_only: Annotated[
        bool, typer.Option("--changed-only", help="With -o: write repaired files, not the rest.")
    ] = False
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rules", metavar=SEVERAL, help="Only these repairs; 'islands' has to be asked for."
        ),
    ] = None
    island_voxels: Annotated[
        int, typer.Option("--island-voxels", help="Pieces of fewer voxels are islands.")
    ] = 0


@spread
def fix(
    *,
    dataset: DatasetPath = None,
    repair: RepairOptions,
    subject_regex: SubjectRegex = None,
    telling: TellOptions,
) -> int:
    """Repair what is safe: headers, types, codes, axis order. Resumes where it stopped."""
    from segassay.cli.console import give_json
    from segassay.fix.fix import FixConfig
    from segassay.fix.fix import fix as run
    from segassay.runs.configs import SourceConfig

    config = FixConfig(
        source=SourceConfig(path=dataset, subject_regex=subject_regex),
        **{**asdict(repair), "rules": tuple(repair.rules or ())},
    )
    result = run(config, progress=telling.progress())
    if telling.as_json:
        give_json(result.to_json())
    else:
        _tell(result)
    return int(result.exit_code)


def _tell(result: "FixResult") -> None:
    from segassay.cli.console import tell, tell_some

    lines = [f"{fix.file}: {change.why}" for fix in result.fixes for change in fix.changes]
    lines += [f"cannot be read: {line}" for line in result.failed]
    lines += [f"left alone: {line}" for line in result.left]
    lines += [f"the data set has changed, copied anew: {file}" for file in result.rest.renewed]
    lines += [f"no longer of the data set, remove it: {file}" for file in result.rest.gone]
    tell_some(lines, most=_SHOWN, rest=": add --json")
    would = "would be " if result.where is None else ""
    before = f", {result.n_before} before" if result.n_before else ""
    tell(f"{len(result.fixes)} of {result.n_files} label files {would}repaired{before}")
    if result.where is not None:
        tell(f"changes: {result.where / 'fixes.jsonl'}")
