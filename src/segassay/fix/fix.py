"""Safe repairs of a data set: shown, written into a copy, or in place with a backup."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from segassay.datasets.case import Dataset
from segassay.errors import OutputError, UsageError
from segassay.fix.plan_fix import FilePlan, n_label_files, plan_fixes
from segassay.fix.repair_log import FileFix, append_fix
from segassay.fix.repairs import REPAIRS
from segassay.fix.write_fix import Destination, Rest, files_below
from segassay.records.run import library_versions, now
from segassay.runs.configs import SourceConfig, one_by_one
from segassay.types import ExitCode, Progress


class FixConfig(BaseModel):
    """Options of `segassay fix`: one of `out`, `in_place` and `dry_run`.

    `rules` are names of repairs, by default all that are safe without being asked for.
    `backup` is the folder for originals of a repair in place; by default beside the data set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: SourceConfig
    out: Path | None = None
    in_place: bool = False
    backup: Path | None = None
    dry_run: bool = False
    changed_only: bool = False
    rules: tuple[str, ...] = Field(default=(), validate_default=True)
    island_voxels: int = Field(default=0, ge=0)

    @field_validator("rules")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        every = tuple(one_by_one(names))
        unknown = [name for name in every if name not in REPAIRS]
        if unknown:
            raise ValueError(f"no rule {', '.join(unknown)}; there are {', '.join(REPAIRS)}")
        return every or tuple(name for name, repair in REPAIRS.items() if not repair.asked)

    @model_validator(mode="after")
    def _one_way(self) -> "FixConfig":
        if (self.out is not None) + self.in_place + self.dry_run != 1:
            raise ValueError("choose one: --dry-run to look, -o OUT for a copy, or --in-place")
        if "islands" in self.rules and not self.island_voxels:
            raise ValueError("--rules islands needs --island-voxels: how small is an island?")
        if self.backup is not None and not self.in_place:
            raise ValueError("--backup is for --in-place; without it originals are not touched")
        return self


@dataclass(slots=True)
class FixResult:
    """What was, or would be, repaired. `failed` and `left` are one line per file.

    `where` is the copy or the backup, `None` for a dry run; `n_before` files had been repaired by
    the run that this one goes on with, and `repaired` names them all. `rest` tells how the other
    files of a copy have changed since.
    """

    where: Path | None
    fixes: list[FileFix] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    n_files: int = 0
    n_before: int = 0
    repaired: set[str] = field(default_factory=set)
    rest: Rest = field(default_factory=Rest)

    @property
    def exit_code(self) -> ExitCode:
        """3 where a file could not be read, else 0."""
        return ExitCode.CASES_FAILED if self.failed else ExitCode.DONE

    def to_json(self) -> dict[str, object]:
        """Return the summary printed with `--json`."""
        return {
            "files": self.n_files,
            "repaired": [fix.to_json() for fix in self.fixes],
            "repaired_before": self.n_before,
            "failed": self.failed,
            "left_alone": self.left,
            "copied_anew": list(self.rest.renewed),
            "gone": list(self.rest.gone),
            "out": None if self.where is None else self.where.name,
            "exit_code": int(self.exit_code),
        }


def fix(config: FixConfig, *, progress: Progress | None = None) -> FixResult:
    """Repair the label files of a data set; an interrupted repair is continued.

    Every change is a line of `fixes.jsonl`, in `out` or in the backup: file, rules, why, checksums
    before and after. Running it again on what it made changes nothing.

    Raises:
        DatasetError: The data set cannot be opened.
        OutputError: The copy or the backup cannot be written, or holds something else.
        UsageError: The data set is no folder, or the copy would lie inside of it.
    """
    dataset = config.source.open()
    dataset.require_labels()
    destination = _destination(config, dataset)
    result = FixResult(None if destination is None else destination.folder)
    total = n_label_files(dataset)
    try:
        known = {} if destination is None else destination.open()
        for plan in plan_fixes(dataset, config.rules, island_voxels=config.island_voxels):
            _take(plan, dataset.root, destination, known, result)
            if progress is not None:
                progress("label files", result.n_files, total, plan.case_id)
        if config.out is not None and destination is not None:
            result.rest = _make_up_to_date(config, dataset, destination, known, result)
    except OSError as error:
        raise OutputError.of(result.where or dataset.root, error) from error
    return result


def _make_up_to_date(
    config: FixConfig,
    dataset: Dataset,
    destination: Destination,
    known: dict[str, tuple[str, str]],
    result: FixResult,
) -> Rest:
    """Make a copy what a first run into it would be; files that are gone are told, not removed."""
    if not config.changed_only:
        return destination.copy_rest(_rest(config, dataset), result.repaired)
    sound = {file: after for file, (_, after) in known.items() if file not in result.repaired}
    stay = [file for file, after in sound.items() if not destination.take_back(file, after)]
    return Rest(gone=tuple(stay))


def _take(
    plan: FilePlan,
    root: Path,
    destination: Destination | None,
    known: dict[str, tuple[str, str]],
    result: FixResult,
) -> None:
    """Write one file's repair, or note why there is none."""
    result.n_files += 1
    outside = _not_ours(plan.path, root) if plan.content is not None else ""
    if plan.failed:
        result.failed.append(plan.failed)
    result.left += [why for why in (plan.left, outside) if why]
    if plan.content is not None and not outside:
        file = plan.path.resolve().relative_to(root.resolve()).as_posix()
        after = hashlib.sha256(plan.content).hexdigest()
        fixed = FileFix(file, plan.before_sha256, after, plan.changes)
        logged = known.get(file) == (plan.before_sha256, after)
        if destination is not None and logged and destination.holds(file, after):
            result.n_before += 1
            result.repaired.add(file)
            return
        if destination is not None:
            _write(destination, fixed, plan.content, logged=logged)
        result.fixes.append(fixed)
        result.repaired.add(file)


def _write(destination: Destination, fixed: FileFix, content: bytes, *, logged: bool) -> None:
    """Keep the original, note the change, then make it: a crash loses neither of the first two."""
    destination.keep_original(fixed.file, fixed.before_sha256)
    if not logged:
        append_fix(
            destination.log, fixed, version=library_versions()["segassay"], at=now().isoformat()
        )
    destination.put(fixed.file, content)


def _rest(config: FixConfig, dataset: Dataset) -> Iterable[Path]:
    """Return the files that make a copy complete.

    Of a folder all there are; of a manifest only itself and what it names, as anything may lie
    beside it.
    """
    source = config.source.path
    if source is not None and source.is_dir():
        return files_below(dataset.root.resolve())
    named = [path for case in dataset.cases for path in case.images]
    named += [p for c in dataset.cases for ref in c.labels for p in (ref.path, *ref.pieces)]
    return named if source is None else [source, *named]


def _not_ours(path: Path, root: Path) -> str:
    """Return why a file is not written to, empty if it may be."""
    if path.is_symlink() or not path.resolve().is_relative_to(root.resolve()):
        return f"{path.name}: lies outside of the data set's folder, or is a link; left as it is"
    return ""


def _destination(config: FixConfig, dataset: Dataset) -> Destination | None:
    if config.dry_run:
        return None
    root = dataset.root.resolve()
    if not root.is_dir():
        raise UsageError(f"{dataset.root.name}: is no folder; unpack it to have it repaired")
    chosen = config.out or config.backup or root.with_name(f"{root.name}-before-fix")
    folder = chosen.resolve()
    if folder.is_relative_to(root) or root.is_relative_to(folder):
        raise UsageError(f"{folder.name}: lies within the data set, or around it; choose another")
    return Destination(root, folder if config.out is not None else root, folder)
