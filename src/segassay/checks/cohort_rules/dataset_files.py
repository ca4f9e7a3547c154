"""Checks of which files a data set has, and which of them belong together; none is opened."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from segassay.datasets.case import Case, Dataset, FileIssue, Unmatched
from segassay.files.filesystem import told_path
from segassay.records.findings import Finding
from segassay.types import Severity

_MOST = 50
"""Findings of one rule, one for a file; more files are told together in one."""

_NAMED = 5
"""Files that are named where many are told together."""


def missing_file(dataset: Dataset) -> list[Finding]:
    """Find files that a description or table lists and that are not there."""
    return _each(
        dataset,
        dataset.missing,
        "missing_file",
        Severity.ERROR,
        "restore the file, or take its entry out of the list",
    )


def missing_image(dataset: Dataset) -> list[Finding]:
    """Find label files whose image is not there, or has another name."""
    return _each(
        dataset,
        _of_kind(dataset, FileIssue.LABEL_WITHOUT_IMAGE),
        "missing_image",
        Severity.WARNING,
        "add the image, or name image and label alike",
    )


def missing_label(dataset: Dataset) -> list[Finding]:
    """Find images without a label in parts of the data set where most images have one.

    Where most have none, as in a test set or a pool of images to be labelled, that is meant so: one
    remark tells how many there are.
    """
    parts: dict[str | None, list[Case]] = defaultdict(list)
    for case in dataset.cases:
        parts[case.split].append(case)
    findings = []
    for cases in parts.values():
        bare = [case for case in cases if not case.labels]
        names = [case.case_id for case in bare]
        if 2 * len(bare) > len(cases):
            message = f"images without a label: {len(bare)} of {len(cases)}"
            step = "nothing, if they are meant to have none; else add the labels"
            findings.append(_of_many("missing_label", Severity.INFO, names, message, step))
            continue
        step = "add the label, name image and label alike, or take the image out"
        if len(bare) > _MOST:
            message = f"images without a label: {len(bare)} of {len(cases)}"
            findings.append(_of_many("missing_label", Severity.WARNING, names, message, step))
            continue
        message = "the image has no label"
        findings += [
            Finding("missing_label", Severity.WARNING, name, None, message, step) for name in names
        ]
    return findings


def unused_file(dataset: Dataset) -> list[Finding]:
    """Find files that no case uses for another reason: a second of one name, an unknown ending."""
    kinds = {
        FileIssue.DUPLICATE: (Severity.WARNING, "rename one of the two, or take it out"),
        FileIssue.UNREADABLE: (Severity.WARNING, "convert the file, or copy it into the data set"),
        FileIssue.UNUSED: (Severity.INFO, "nothing, if it is no image and no label"),
    }
    return [
        finding
        for issue, (severity, step) in kinds.items()
        for finding in _each(dataset, _of_kind(dataset, issue), "unused_file", severity, step)
    ]


def _of_kind(dataset: Dataset, issue: FileIssue) -> list[Unmatched]:
    return [file for file in dataset.unmatched if file.issue is issue]


def _each(
    dataset: Dataset, files: Sequence[Unmatched], check: str, severity: Severity, step: str
) -> list[Finding]:
    """Return a finding for every file, about its case where it has one; of many files one."""
    names = [told_path(file.path, dataset.root) for file in files]
    if len(files) > _MOST:
        message = f"{len(files)} files: {files[0].reason}"
        return [_of_many(check, severity, names, message, step)]
    owners = _owners(dataset) if files else {}
    found = []
    for file, name in zip(files, names, strict=True):
        case_id, structure = owners.get(file.path, (name, None))
        message = file.reason if case_id == name else f"{name}: {file.reason}"
        found.append(
            Finding(check, severity, case_id, structure, message, step, evidence={"file": name})
        )
    return found


def _owners(dataset: Dataset) -> dict[Path, tuple[str, str | None]]:
    """Return case and structure of every file of a case; no structure for images."""
    owners: dict[Path, tuple[str, str | None]] = {}
    for case in dataset.cases:
        for ref in case.labels:
            owners |= dict.fromkeys((ref.path, *ref.pieces), (case.case_id, ref.structure))
        owners |= dict.fromkeys(case.images, (case.case_id, None))
    return owners


def _of_many(
    check: str, severity: Severity, names: Sequence[str], message: str, step: str
) -> Finding:
    first = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    evidence = {"n_files": len(names), "first": list(names[:_NAMED])}
    return Finding(check, severity, names[0], None, f"{message}: {first}", step, evidence=evidence)
