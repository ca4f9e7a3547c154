"""Which cases were begun: one that ends the whole process leaves no record, but it leaves this.

A file of JSON lines beside the shard, each written before its case is read, in one piece: threads
and processes write to it side by side. A begun case without a record was being worked on when the
process ended. It may be what ended it, or a neighbour.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from segassay.errors import OutputError


@dataclass(frozen=True, slots=True)
class Begun:
    """One part's file; may be handed to other processes."""

    path: Path

    @classmethod
    def of(cls, folder: Path, part: int = 1, parts: int = 1) -> "Begun":
        """Return the file of part `part` (from 1) of `parts`."""
        return cls(folder / "shards" / f"begun-{part:04d}-of-{parts:04d}.jsonl")

    def note(self, case_id: str, *, alone: bool = False) -> None:
        """Write through to the disk that a case is begun now, if `alone` with no other beside it.

        A note that is not `alone` starts the count of attempts anew: such a one is written as well
        when a case that was alone has ended nothing.

        Raises:
            OutputError: The file cannot be written.
        """
        # The line is ended by the next one: what a full disk cut off spoils no other.
        line = b"\n" + json.dumps({"case_id": case_id, "alone": alone}, allow_nan=False).encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                while line:
                    line = line[file.write(line) :]
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError.of(self.path, error) from error

    def attempts(self) -> dict[str, int]:
        """Return all begun cases, with how often each was last begun alone in a row."""
        found: dict[str, int] = {}
        for line in self.path.read_bytes().splitlines() if self.path.exists() else ():
            try:
                note = json.loads(line)
                case_id = str(note["case_id"])
                found[case_id] = found.get(case_id, 0) + 1 if note["alone"] else 0
            except (ValueError, KeyError, TypeError, RecursionError):
                continue  # cut off or damaged, or the empty line at the start
        return found
