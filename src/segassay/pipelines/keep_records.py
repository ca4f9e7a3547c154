"""Records of finished work go to disk one by one: a run can be stopped at any of them."""

from collections.abc import Callable, Iterable
from pathlib import Path

from segassay.pipelines.result_folder import note_interruption
from segassay.records.run import RunRecord
from segassay.records.shards import CaseRecord, Shard, shard_path

Progress = Callable[[int, int, str], None]
"""Called with what is done, what there is in all, and the name of what was just finished."""


def keep_records(
    finished: Iterable[CaseRecord],
    run: RunRecord,
    out: Path,
    *,
    part: tuple[int, int] = (1, 1),
    counts: tuple[int, int],
    progress: Progress | None,
) -> None:
    """Write every record through to the disk before the next one is asked for.

    Args:
        finished: Makes the records, one after the other.
        run: Noted as interrupted if a person stops the run.
        out: Result folder.
        part: Which part of how many parts this is.
        counts: What earlier runs have done, and what there is in all.
        progress: Told of every record that is safe.

    Raises:
        OutputError: The folder cannot be written.
    """
    done, total = counts
    shard = Shard(shard_path(out, *part))
    try:
        for number, record in enumerate(finished, start=done + 1):
            shard.append(record)
            if progress is not None:
                progress(number, total, record.case_id)
    except KeyboardInterrupt:
        note_interruption(run, out)
        raise
    finally:
        shard.close()
