"""What a report is made of besides the tables, kept beside them: it can be made again from these.

`report.jsonl` holds one line on the run, then one for every label in pictures, these as they are
drawn. Neither judge nor images are needed any more.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import nan
from pathlib import Path
from typing import Any

from segassay.errors import UsageError
from segassay.files.atomic import write_whole
from segassay.files.strict_json import strict_json
from segassay.records.triage import LabelKey
from segassay.report.figures import Picture
from segassay.report.model import ReportData

KEPT = "report.jsonl"

_ABOUT = ("title", "about", "n_worst", "about_cases", "notes", "unmatched", "unlabelled")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Pictured:
    """One label in pictures: `slices` from the worst on, at least one, and the other `planes`."""

    key: LabelKey
    slices: tuple[Picture, ...]
    planes: tuple[Picture, ...]
    caption: str


def write_kept(data: ReportData, pictures: Iterable[Pictured], folder: Path) -> None:
    """Write `report.jsonl`.

    Raises:
        OSError: The folder cannot be written.
    """
    about = {name: getattr(data, name) for name in (*_ABOUT, "pseudonymised")}
    lines = [strict_json({"version": _VERSION, **about})]
    lines += [strict_json(asdict(one)) for one in pictures]
    write_whole(folder / KEPT, ("\n".join(lines) + "\n").encode())


def read_kept(folder: Path) -> tuple[dict[str, Any], list[Pictured]]:
    """Read what `write_kept` wrote: fields of `ReportData` but rows and findings, and pictures.

    Raises:
        UsageError: There is no such file, as in runs of an older version, or it is damaged.
    """
    path = folder / KEPT
    try:
        about, *lines = path.read_text(encoding="utf-8").splitlines()
        found = json.loads(about)
        if found.pop("version") != _VERSION:
            raise UsageError(f"{path}: of another version of segassay; audit again")
        for name in ("notes", "unmatched", "unlabelled"):
            found[name] = tuple(found[name])
        return found, [_pictured(json.loads(line)) for line in lines]
    except OSError as error:
        raise UsageError(
            f"{folder}: no {KEPT}, from which a report is made again; audit again, or look at the "
            "report that is there"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: is damaged; audit again with --overwrite") from error


def _pictured(data: dict[str, Any]) -> Pictured:
    case_id, structure, source = data["key"]
    slices, planes = (tuple(map(_picture, data[part])) for part in ("slices", "planes"))
    return Pictured((case_id, structure, source), slices, planes, data["caption"])


def _picture(data: dict[str, Any]) -> Picture:
    for name in ("pixel_mm", "size", "window"):
        data[name] = tuple(data[name])
    crossing, score = data.pop("crossing"), data.pop("score")
    return Picture(
        crossing=None if crossing is None else (bool(crossing[0]), int(crossing[1])),
        score=nan if score is None else float(score),
        **data,
    )
