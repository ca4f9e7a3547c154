"""Records of finished work go to disk one by one: a run can be stopped at any of them."""

from collections.abc import Iterable
from pathlib import Path

from segassay.records.run import RunRecord
from segassay.records.shards import CaseRecord, Shard
from segassay.runs.result_folder import note_interruption
from segassay.types import Progress, ignore_progress


def keep_records(
    finished: Iterable[CaseRecord],
    run: RunRecord,
    out: Path,
    *,
    part: tuple[int, int] = (1, 1),
    counts: tuple[int, int],
    progress: Progress | None,
    phase: str = "cases",
) -> None:
    """Write every record through to the disk before the next one is asked for.

    Args:
        finished: Makes the records, one after the other.
        run: Noted as interrupted if a person stops the run.
        out: Result folder.
        part: Which part of how many parts this is.
        counts: What earlier runs have done, and what there is in all.
        progress: Told of every record that is safe.
        phase: What the records are of, for `progress`.

    Raises:
        OutputError: The folder cannot be written.
    """
    done, total = counts
    tell = progress or ignore_progress
    shard = Shard(out, *part)
    try:
        tell(phase, done, total, "")
        for number, record in enumerate(finished, start=done + 1):
            shard.append(record)
            tell(phase, number, total, record.case_id)
    except KeyboardInterrupt:
        note_interruption(run, out)
        raise
    finally:
        shard.close()
