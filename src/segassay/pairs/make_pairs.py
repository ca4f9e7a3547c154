"""From a data set with trusted labels to pairs of faulty mask and gold: what `evaluate` reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segassay.datasets.case import Case, Dataset
from segassay.datasets.one_source import of_one_source
from segassay.errors import OutputError, UsageError
from segassay.files.atomic import write_whole
from segassay.files.file_names import plain_names
from segassay.pairs.pairs_config import PairsConfig
from segassay.pairs.pairs_of_case import COLUMNS, PairsContext
from segassay.records.run import RunRecord, now
from segassay.records.shards import finished_ids, read_facts
from segassay.records.table import csv_bytes
from segassay.runs.begun import Begun
from segassay.runs.executors import Serial
from segassay.runs.keep_records import keep_records
from segassay.runs.result_folder import about, fingerprint, new_record, open_run
from segassay.types import ExitCode, Progress

PAIRS_FILE = "pairs.csv"


@dataclass(frozen=True, slots=True)
class PairsResult:
    """What was made. `table` is `None` while cases of other parts are missing.

    `n_lost` faults could not be made: a label of three voxels has few wrong versions. `problems`
    holds case id and reason of every case with a file that could not be used.
    """

    out: Path
    table: Path | None
    n_pairs: int
    n_lost: int
    n_labels: int
    n_cases: int
    n_missing: int
    problems: tuple[tuple[str, str], ...]

    @property
    def exit_code(self) -> ExitCode:
        """3 where a case could not be used in whole, or no pair could be made; else 0."""
        nothing = self.table is not None and not self.n_pairs
        return ExitCode.CASES_FAILED if self.problems or nothing else ExitCode.DONE

    def to_json(self) -> dict[str, Any]:
        """Return the summary printed with `--json`."""
        return {
            "pairs": self.n_pairs,
            "lost": self.n_lost,
            "labels": self.n_labels,
            "cases": self.n_cases,
            "cases_missing": self.n_missing,
            "problems": [{"case_id": case_id, "reason": why} for case_id, why in self.problems],
            "out": self.out.name,
            "table": None if self.table is None else PAIRS_FILE,
            "exit_code": int(self.exit_code),
        }


def make_pairs(config: PairsConfig, *, progress: Progress | None = None) -> PairsResult:
    """Write faulty masks for every label of a data set, and the table that names them.

    The same settings give the same masks, whatever the order of the cases, the number of parts or
    the interruptions. Images and labels stay where they are; the table refers to them.

    Raises:
        DatasetError: The data set cannot be opened.
        OutputError: The result folder cannot be written.
        UsageError: The folder holds a run with other data or options, labels come from several
            sources and none was chosen, or no label has such a structure.
    """
    dataset = of_one_source(config.source.open(), config.label_source)
    config.require_structures(dataset)
    cases = [case for case in dataset.cases if case.labels][: config.limit]
    if not cases:
        raise UsageError(f"{dataset.name}: has no labels to plant faults in")
    run = open_run(_record(config, dataset), config.out, overwrite=config.overwrite)
    done = finished_ids(config.out)
    todo = [c for c in cases[config.part - 1 :: config.parts] if c.case_id not in done]
    context = PairsContext(
        out=config.out,
        set_name=dataset.name,
        per_label=config.per_label,
        seed=config.seed,
        families=config.families,
        structures=config.structures,
        untouched=config.untouched,
        folders=plain_names(case.case_id for case in dataset.cases),
        stems=plain_names(dataset.structures),
    )
    keep_records(
        Serial(Begun.of(config.out, config.part, config.parts)).map(todo, context),
        run,
        config.out,
        part=(config.part, config.parts),
        counts=(len(done), len(done) + len(todo)),
        progress=progress,
    )
    return _conclude(config, cases, run)


def _record(config: PairsConfig, dataset: Dataset) -> RunRecord:
    source = config.source
    paths = {"path": source.path, "images": source.images, "labels": source.labels}
    return new_record(
        "pairs",
        None,
        argv=config.argv,
        options={
            "per_label": config.per_label,
            "seed": config.seed,
            "families": list(config.families),
            "structures": list(config.structures),
            "limit": config.limit,
            "parts": config.parts,
            "untouched": config.untouched,
            "label_source": config.label_source,
        },
        circumstances={
            **{key: None if path is None else path.name for key, path in paths.items()},
            "modality": source.modality,
        },
        dataset={**about(dataset), "fingerprint": fingerprint(dataset)},
    )


def _conclude(config: PairsConfig, cases: list[Case], run: RunRecord) -> PairsResult:
    """Write the table in the order of the data set, once all cases are there."""
    found = {case_id: (error, facts) for case_id, error, facts in read_facts(config.out)}
    done = [case.case_id for case in cases if case.case_id in found]
    rows = [row for case_id in done for row in found[case_id][1]]
    n_labels = len({(row["case"], row["structure"]) for row in rows})
    result = PairsResult(
        out=config.out,
        table=config.out / PAIRS_FILE if len(done) == len(cases) else None,
        n_pairs=len(rows),
        n_lost=n_labels * (config.per_label + config.untouched) - len(rows),
        n_labels=n_labels,
        n_cases=len(done),
        n_missing=len(cases) - len(done),
        problems=tuple((case_id, found[case_id][0]) for case_id in done if found[case_id][0]),
    )
    try:
        if result.table is not None:
            write_whole(result.table, csv_bytes(rows, COLUMNS))
            run.finished_at, run.exit_status = now(), int(result.exit_code)
            counts = {"cases": result.n_cases, "labels": result.n_labels, "pairs": result.n_pairs}
            run.counts = counts
            run.write(config.out)
    except OSError as error:
        raise OutputError.of(config.out, error) from error
    return result
