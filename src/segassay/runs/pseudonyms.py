"""Other names for cases and subjects in everything that is passed on.

The key and the table of names lie in `private/` of the result folder and stay there, as do the
shards, which a run needs with the real ids to go on. Pixels are not touched: what is burnt into an
image stays in its picture.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from segassay.datasets.case import Case, Dataset, Unmatched
from segassay.errors import OutputError
from segassay.files.atomic import create_whole, write_whole
from segassay.records.findings import Finding

PRIVATE = "private"
"""Folder beside the results for what must not be passed on with them."""

_VERSION = 1
_KEY_BYTES = 32
_LETTERS = 12
_FREE = 4
"""Ids shorter than this, as "7", stand in sentences as other things, too."""


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Names for the cases and subjects of one data set.

    Attributes:
        cases: Pseudonym of each case id.
        subjects: Pseudonym of each subject id.
        words: For each case id all that names it in a sentence, with what to write instead.
    """

    cases: Mapping[str, str]
    subjects: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]

    def case(self, case: Case) -> Case:
        """Return a case under its pseudonym; its files are where they were."""
        case_id, subject_id = self.cases[case.case_id], self.subjects[case.subject_id]
        return replace(case, case_id=case_id, subject_id=subject_id)

    def dataset(self, dataset: Dataset) -> Dataset:
        """Return a data set with its cases in the order of their pseudonyms.

        Files that belong to no case are counted without their names, which nobody has listed.
        """
        cases = sorted(map(self.case, dataset.cases), key=lambda case: case.case_id)
        unmatched, missing = (
            tuple(
                Unmatched(Path("a file"), u.issue.value.replace("_", " "), u.issue) for u in files
            )
            for files in (dataset.unmatched, dataset.missing)
        )
        name = self.plain(dataset.name)
        return replace(dataset, name=name, cases=tuple(cases), unmatched=unmatched, missing=missing)

    def rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return rows of a score table under pseudonyms.

        Whoever has the files could tell them by their checksums, so these are left out, too.
        """
        reasons = frame.select("case_id", "reason").iter_rows()
        told = [self.told(case_id, reason) if reason else "" for case_id, reason in reasons]
        return frame.with_columns(
            pl.col("case_id").replace_strict(self.cases, return_dtype=pl.String),
            pl.col("subject_id").replace_strict(self.subjects, return_dtype=pl.String),
            label_path=pl.lit(""),
            label_sha256=pl.lit(""),
            mask_sha256=pl.lit(""),
            reason=pl.Series(told, dtype=pl.String),
        )

    def told(self, case_id: str, text: str) -> str:
        """Return a sentence about a case with what names it replaced."""
        return _replaced(text, self.words[case_id])

    def plain(self, value: Any) -> Any:
        """Return plain data, as of a run's record, with all names of cases replaced."""
        told = self._teller(*self.words)
        return _mapped(value, told)

    def finding(self, finding: Finding) -> Finding:
        """Return a finding about a case under its pseudonym."""
        told = self._teller(finding.case_id)
        return replace(
            finding,
            case_id=self.cases[finding.case_id],
            message=told(finding.message),
            suggestion=told(finding.suggestion),
            evidence=_mapped(finding.evidence, told),
        )

    def facts(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Return facts of a label under pseudonyms."""
        ids = {"case_id": self.cases, "subject_id": self.subjects}
        return {key: ids[key][value] if key in ids else value for key, value in facts.items()}

    def _teller(self, *case_ids: str) -> Callable[[str], str]:
        words = {old: new for case_id in case_ids for old, new in self.words[case_id].items()}
        return lambda text: _replaced(text, words)


def pseudonyms_for(cases: Sequence[Case], out: Path) -> Pseudonyms:
    """Return the pseudonyms of a run, and write down which is whose.

    The key is made once for a result folder; with `private/` copied to another one, a case has the
    same pseudonym there.

    Raises:
        OutputError: The key that lies there cannot be read.
        OSError: The folder cannot be written.
    """
    path = out / PRIVATE / "pseudonyms.json"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    create_whole(path, _content(secrets.token_hex(_KEY_BYTES), {}, {}))
    key = _key(path)
    case_ids = {case.case_id: _pseudonym(key, "case", case.case_id) for case in cases}
    subjects = {case.subject_id: _pseudonym(key, "subject", case.subject_id) for case in cases}
    write_whole(path, _content(key, case_ids, subjects))
    words = {case.case_id: _words(case, case_ids[case.case_id], subjects) for case in cases}
    return Pseudonyms(case_ids, subjects, words)


def _content(key: str, cases: Mapping[str, str], subjects: Mapping[str, str]) -> bytes:
    data = {"version": _VERSION, "key": key, "cases": cases, "subjects": subjects}
    return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _key(path: Path) -> str:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        key = str(data["key"])
        usable = data["version"] == _VERSION and len(bytes.fromhex(key)) >= _KEY_BYTES
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{_told(path)} ({error!r})") from error
    if not usable:
        raise OutputError(f"{_told(path)} (version {data['version']}, {len(key)} digits)")
    return key


def _told(path: Path) -> str:
    return (
        f"{PRIVATE}/{path.name}: restore it, or remove it to get new pseudonyms; "
        "it holds no key that can be used"
    )


def _pseudonym(key: str, kind: str, name: str) -> str:
    message = f"{kind}:{name}".encode("utf-8", "surrogatepass")
    digest = hmac.new(bytes.fromhex(key), message, hashlib.sha256).digest()
    return f"{kind}-{base64.b32encode(digest).decode().lower()[:_LETTERS]}"


def _words(case: Case, case_id: str, subjects: Mapping[str, str]) -> dict[str, str]:
    """Return all that may name a case in a sentence: its files, its subject, its id."""
    files = [*case.images, *(p for ref in case.labels for p in (ref.path, *ref.pieces))]
    words = {path.name: "a file" for path in files}
    for name, pseudonym in ((case.subject_id, subjects[case.subject_id]), (case.case_id, case_id)):
        kind = pseudonym.split("-")[0]
        words[f"{kind} {name}"] = f"{kind} {pseudonym}"
        words[repr(name)] = pseudonym
        if len(name) >= _FREE:
            words[name] = pseudonym
    return words


def _replaced(text: str, words: Mapping[str, str]) -> str:
    """Replace whole words, the longest first, all at once."""
    found = sorted((word for word in words if word in text), key=len, reverse=True)
    if not found:
        return text
    pattern = f"(?<!\\w)(?:{'|'.join(map(re.escape, found))})(?!\\w)"
    return re.sub(pattern, lambda match: words[match[0]], text)


def _mapped(value: Any, told: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return told(value)
    if isinstance(value, dict):
        return {key: _mapped(item, told) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, told) for item in value)
    return value
