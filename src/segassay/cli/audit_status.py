"""`segassay audit --status OUT`: how far a run is that several processes do in parts."""

from pathlib import Path

from segassay.auditing.status import run_status
from segassay.cli.console import give, give_json
from segassay.cli.options import TellOptions
from segassay.types import counted


def tell_status(folder: Path, telling: TellOptions) -> int:
    """Say which parts are missing how many cases, and return the exit code."""
    found = run_status(folder)
    if telling.as_json:
        give_json(found.to_json())
        return int(found.exit_code)
    n = len(found.parts)
    for part in found.parts:
        if part.missing:
            cases = counted(part.cases, "case")
            give(f"part {part.part} of {n}: {part.missing} of {cases} missing")
    if found.finished:
        give("finished")
    elif not found.missing:
        give("all cases are done; give the command of any part again to make the report")
    return int(found.exit_code)
