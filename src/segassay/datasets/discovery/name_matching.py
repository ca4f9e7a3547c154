"""Which label belongs to which image, by the names of their files.

Names are compared in steps, the strictest first: as they are; as the same text (accents may be
stored in two ways); without what data sets add to the names of labels (`_mask`, `-label`,
`segmentation-`) and of images (`_image`, `volume-`, `_0000`); then all of it without regard to
capitals. In every step a label gets an image only where it can mean no other one.
"""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

_LABEL_WORDS = (
    r"segmentations?|segmented|segs?|segm|masks?|msks?|labels?|lbls?|label[-_ ]?maps?|gts?"
    r"|ground[-_ ]?truths?|truth|annotations?|annots?|annos?|manual|rois?|expert|\dst[a-z]{2}"
    r"|\dnd[a-z]{2}|predictions?|preds?"
)
_IMAGE_WORDS = (
    r"images?|imgs?|imaging|volumes?|vols?|scans?|orig|original|training|train|test|input"
)
_LABEL_ENDING = re.compile(
    rf"^(?P<key>.*?[^ _.-])[ _.-]+(?P<word>{_LABEL_WORDS})[ _-]?\(?(?P<number>\d{{0,3}})\)?$",
    re.IGNORECASE,
)
_LABEL_START = re.compile(
    rf"^(?P<word>{_LABEL_WORDS})(?:[ _.-]+|(?=\d))(?P<key>.+)$", re.IGNORECASE
)
_IMAGE_ENDING = re.compile(rf"^(?P<key>.*[^ _.-])[ _.-]+(?:{_IMAGE_WORDS}|0000)$", re.IGNORECASE)
_IMAGE_START = re.compile(rf"^(?:{_IMAGE_WORDS})(?:[ _.-]+|(?=\d))(?P<key>.+)$", re.IGNORECASE)
_CHANNEL = re.compile(r"^(?P<key>.+)_0000$")

_NEAREST_OF = 500
_NEAREST_FOR = 20
"""A near name is looked for among so many images, for so many labels: it is for a person."""


@dataclass(frozen=True, slots=True)
class LabelName:
    """The name of a label file, taken apart.

    `key` is what is left of it without the words that call it a label, `word` the word nearest the
    key, empty if there is none, and `number` what follows the word, as in `_mask_1`.
    """

    stem: str
    key: str
    word: str = ""
    number: str = ""

    @classmethod
    def of(cls, stem: str) -> "LabelName":
        """Take a name apart, of which the ending is off."""
        key, word, number = same_text(stem), "", ""
        while match := _LABEL_ENDING.match(key) or _LABEL_START.match(key):
            parts = match.groupdict()
            key, word, number = parts["key"], parts["word"].lower(), parts.get("number") or ""
        return cls(stem, key, word, number)


@dataclass(slots=True)
class Matches:
    """What came of it: the labels of each image by stem, and why others have none.

    Of several labels with one image all are numbered pieces (`_mask`, `_mask_1`), or they are told
    apart by their words (`_manual1`, `_seg`); `second` are those that are neither.
    """

    of_image: dict[str, list[LabelName]] = field(default_factory=dict)
    lonely: dict[str, str] = field(default_factory=dict)
    second: dict[str, str] = field(default_factory=dict)


def same_text(text: str) -> str:
    """Return a text in the one form in which accents are stored (NFC)."""
    return unicodedata.normalize("NFC", text)


def image_key(stem: str) -> str:
    """Return an image's name without the words that call it an image."""
    key = same_text(stem)
    while match := _IMAGE_ENDING.match(key) or _IMAGE_START.match(key):
        key = match["key"]
    return key


def match_names(images: Iterable[str], labels: Iterable[str]) -> Matches:
    """Give every label, by its stem, the image that it is named after; see the module's words."""
    stems = list(images)
    left = [LabelName.of(stem) for stem in labels]
    found = Matches()
    ambiguous: dict[str, list[str]] = {}
    for step in _STEPS:
        index: dict[str, list[str]] = {}
        for stem in stems:
            index.setdefault(step.image(stem), []).append(stem)
        rest = []
        for label in left:
            fitting = index.get(step.label(label), [])
            if len(fitting) == 1:
                _add(found, fitting[0], label)
            else:
                rest.append(label)
                ambiguous.setdefault(label.stem, fitting)
                ambiguous[label.stem] = ambiguous[label.stem] or fitting
        left = rest
    free = [stem for stem in stems if stem not in found.of_image]
    for number, label in enumerate(left):
        found.lonely[label.stem] = _why(label, ambiguous.get(label.stem, []), free, number)
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    """What of two names must be equal for label and image to belong together."""

    image: Callable[[str], str]
    label: Callable[[LabelName], str]


def _without_channel(label: LabelName) -> str:
    match = _CHANNEL.match(label.stem)
    return same_text(match["key"]) if match else label.key


_STRICT = (
    _Step(str, lambda label: label.stem),
    _Step(same_text, lambda label: same_text(label.stem)),
    _Step(same_text, lambda label: label.key),
    _Step(image_key, lambda label: same_text(label.stem)),
    _Step(image_key, lambda label: label.key),
    _Step(same_text, _without_channel),
    _Step(image_key, lambda label: image_key(label.key)),
)


def _folded(step: _Step) -> _Step:
    return _Step(
        lambda stem: step.image(stem).casefold(), lambda label: step.label(label).casefold()
    )


_STEPS = (*_STRICT, *map(_folded, _STRICT))


def _add(found: Matches, image: str, label: LabelName) -> None:
    """Give an image a label; a second one must be a piece of the first, or another source."""
    others = found.of_image.setdefault(image, [])
    alike = [o for o in others if o.word == label.word or not o.word or not label.word]
    if any(o.number == label.number or not (o.word and label.word) for o in alike):
        found.second[label.stem] = f"second label of image {image!r}, {others[0].stem!r} is used"
    else:
        others.append(label)


def _why(label: LabelName, fitting: list[str], free: list[str], number: int) -> str:
    """Say why a label has no image, and what nearly is its name."""
    if fitting:
        some = ", ".join(repr(stem) for stem in fitting[:3])
        return f"may belong to {len(fitting)} images, {some}; rename it like one of them"
    near: list[str] = []
    if number < _NEAREST_FOR:
        near = difflib.get_close_matches(label.key, free[:_NEAREST_OF], n=1, cutoff=0.8)
    nearest = f"; the nearest is {near[0]!r}" if near else ""
    return f"label without image: none is named {label.key!r}{nearest}"


def sources_of(labels: Iterable[LabelName]) -> Mapping[str, list[LabelName]]:
    """Sort the labels of one image by who made them; one source is `label`.

    Several are called by their words: `x_manual1` and `x_manual2` are of two people, `x_mask` and
    `x_mask_1` two pieces of one label.
    """
    found: dict[str, list[LabelName]] = {}
    for label in labels:
        person = label.word in _PEOPLE and label.number
        found.setdefault(f"{label.word}{label.number}" if person else label.word, []).append(label)
    return found if len(found) > 1 else {"label": next(iter(found.values()), [])}


_PEOPLE = ("manual", "expert")
"""Words whose number is a person's, not a piece's."""
