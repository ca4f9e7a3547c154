"""Cases of files that belong together by their names: images, their channels, their labels."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path

from segassay.datasets.case import Case, FileIssue, Unmatched
from segassay.datasets.discovery.conventions import Convention, convention_of, only_structure
from segassay.datasets.discovery.listing import by_stem, multilabel_refs, subject_of
from segassay.datasets.discovery.name_matching import LabelName, match_names, same_text, sources_of
from segassay.images.label_ref import LabelRef
from segassay.types import Modality
from segassay.vocabulary.names import canonical_name

_NUMBERED = re.compile(r"^(?P<key>.+)_\d{4}$")
_SEQUENCES = (
    *("flair", "t2f", "t1", "t1n", "t1w", "t1ce", "t1gd", "t1c", "t2", "t2w", "pd", "swi"),
    *("adc", "dwi"),
)
"""Sequences of one examination, in the order in which they become channels, as in the Decathlon."""

_SEQUENCE = re.compile(rf"^(?P<key>.+)[_-](?P<name>{'|'.join(_SEQUENCES)})$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Naming:
    """What the label files of a data set hold.

    `structure` where each holds that one alone; else `declared` values; else a known set's
    convention, or the values themselves. `data_set` is the set's name.
    """

    data_set: str
    structure: str | None = None
    declared: dict[str, tuple[int, ...]] = field(default_factory=dict)
    modality: Modality | None = None

    def known_by(self, label_stems: Iterable[str]) -> "Naming":
        """Return what is named, filled in from the convention that the files follow, if any."""
        known: Convention | None = convention_of(self.data_set, label_stems)
        if known is None:
            return self
        modality = self.modality or known.modality
        if self.structure or self.declared:
            return replace(self, modality=modality)
        return Naming(self.data_set, known.structure or None, known.labels, modality)

    def refs(self, path: Path) -> tuple[LabelRef, ...]:
        """Refer to what one label file holds; without names it is looked into."""
        if self.structure is not None:
            return (LabelRef(canonical_name(self.structure), path),)
        return multilabel_refs(path, self.declared)


def paired_cases(
    images: Iterable[Path],
    sources: Mapping[str, Iterable[Path]],
    naming: Naming,
    *,
    subject: re.Pattern[str] | None,
    split: str | None = None,
) -> tuple[list[Case], list[Unmatched]]:
    """Make a case of every image with the labels that are named after it.

    Args:
        images: Image files; several channels of one case are put together where labels show it.
        sources: Label files by who made them.
        naming: What the label files hold.
        subject: Pattern whose first group is the subject in a case id.
        split: The part of the data set that all of them are in.

    Returns:
        A case for every image, in the images' order, and the files that no case uses.
    """
    found, unmatched = by_stem(images)
    files: dict[str, dict[str, Path]] = {}
    for source, paths in sources.items():
        files[source], doubles = by_stem(paths)
        unmatched += doubles
    stems = [stem for labels in files.values() for stem in labels]
    naming = naming.known_by(stems)
    channels = _by_case(found, stems)
    refs: dict[str, list[LabelRef]] = {case_id: [] for case_id in channels}
    for source, labels in files.items():
        matches = match_names(channels, labels)
        for case_id, names in matches.of_image.items():
            refs[case_id] += _refs(names, labels, source, naming)
        for told, issue in (
            (matches.lonely, FileIssue.LABEL_WITHOUT_IMAGE),
            (matches.second, FileIssue.DUPLICATE),
        ):
            unmatched += [Unmatched(labels[stem], why, issue) for stem, why in told.items()]
    cases = [
        Case(
            case_id,
            subject_of(case_id, subject),
            tuple(paths),
            tuple(refs[case_id]),
            naming.modality,
            split,
        )
        for case_id, paths in channels.items()
    ]
    return cases, unmatched


def with_one_structure(cases: list[Case], data_set: str) -> list[Case]:
    """Return cases whose masks are 0 and 255 with the one structure that they show.

    Values that nothing names are structures of their own; 255, alone or with 1 in other files, is
    how pictures say yes. Cases of any other kind are returned as they are.
    """
    every = [ref for case in cases for ref in case.labels]
    coded = {ref.structure: ref.values for ref in every}
    if not coded or "label_255" not in coded or not coded.keys() <= {"label_1", "label_255"}:
        return cases
    if len({(ref.path, ref.source) for ref in every}) != len(every):
        return cases  # one file holds both values
    name = only_structure(data_set)
    return [
        replace(c, labels=tuple(replace(ref, structure=name, values=None) for ref in c.labels))
        for c in cases
    ]


def with_ids_of_their_own(parts: Iterable[tuple[str, Iterable[Case]]]) -> list[Case]:
    """Join cases of several folders; where two have one id, both get their folder's name before."""
    every = [(name, case) for name, cases in parts for case in cases]
    times = Counter(case.case_id for _, case in every)
    return [
        case if times[case.case_id] == 1 else _renamed(case, f"{name}_{case.case_id}")
        for name, case in every
    ]


def _renamed(case: Case, case_id: str) -> Case:
    own = case_id if case.subject_id == case.case_id else case.subject_id
    return replace(case, case_id=case_id, subject_id=own)


def _refs(
    names: list[LabelName], files: Mapping[str, Path], source: str, naming: Naming
) -> Iterable[LabelRef]:
    """Refer to the labels of one image; further pieces of a label are read together with it."""
    for own, pieces in sources_of(names).items():
        first, *rest = (files[name.stem] for name in pieces)
        called = source if own == "label" else own
        for ref in naming.refs(first):
            yield replace(ref, source=called, pieces=tuple(rest))


def _by_case(images: Mapping[str, Path], labels: Iterable[str]) -> dict[str, list[Path]]:
    """Put the channels of a case together, if labels show that names end in channels.

    `img_0007` with a label `img_0007` is a case; so is its neighbour without a label. `a_0000` with
    a label `a` is a channel, and so is `b_t1` where a label `a` shows it of `a_t1`.
    """
    stems = set(labels)
    owners = stems | {LabelName.of(stem).key for stem in stems}
    patterns = [p for p in (_NUMBERED, _SEQUENCE) if _shown(p, images, owners)]
    cases: dict[str, list[tuple[int, Path]]] = {}
    for stem, path in images.items():
        matches = (p.match(stem) for p in patterns if same_text(stem) not in owners)
        match = next((m for m in matches if m is not None), None)
        case_id = stem if match is None else match["key"]
        name = "" if match is None else match.groupdict().get("name", "").lower()
        rank = _SEQUENCES.index(name) if name else 0
        cases.setdefault(case_id, []).append((rank, path))
    return {
        case_id: [path for _, path in sorted(channels, key=itemgetter(0))]
        for case_id, channels in cases.items()
    }


def _shown(pattern: re.Pattern[str], images: Iterable[str], owners: set[str]) -> bool:
    matches = (pattern.match(stem) for stem in images if same_text(stem) not in owners)
    return any(m is not None and same_text(m["key"]) in owners for m in matches)
