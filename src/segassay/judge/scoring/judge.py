"""The judge as callers know it: images and masks in, scores out; what all kinds of it share."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any, ClassVar, Self

from segassay.datasets.case import Case, Dataset
from segassay.errors import UsageError
from segassay.images.mask import Mask
from segassay.images.volume import Volume
from segassay.judge.calibration.trust import Trust
from segassay.judge.comparison.peers import Peers
from segassay.judge.documents.description import JudgeKind, SliceSettings
from segassay.judge.documents.judge_folder import JudgeFolder
from segassay.judge.engines.network import runs_on
from segassay.judge.inputs.arrays_and_files import ArrayOrPath, BoolArray, image_and_mask
from segassay.judge.inputs.chosen_label import Label, name_of
from segassay.judge.scoring.label_alone import label_alone
from segassay.judge.scoring.query import AskedImage, AskedLabel, Named
from segassay.judge.scoring.result import Score, Suggestion
from segassay.records.remarks import Comment, comment
from segassay.types import DEFAULT_JUDGE, REVIEW_BELOW, Engine, Modality, Remark, counted
from segassay.vocabulary.names import canonical_name

ContextCases = str | Path | Dataset | Sequence[Case]
"""What can be given as context, see `Judge.with_context`."""

FEWEST_VOXELS = 5
"""No judge trusts itself on a mask of fewer."""


class Judge(ABC):
    """Scores labels without ground truth. Make one with `load_judge`; it is safe to share.

    Attributes:
        model_id: Name and version, written into every score.
        preprocess: Fingerprint of the preprocessing, written into every score.
        sha256: Checksum of weights, description and calibration, written into a run's record.
        folder: Where it lies, with its documents.
        window_hu: What images in Hounsfield units are cut to.
        engine: What runs its network.
        runs_on: The engine and the numbers it uses here, written into a run's record.
        suggests: Whether it can say what the mask should be; if not, `suggest` refuses, and
            `suggest_volume` shows the label with nothing beside it.
        reads_context: Whether labels of other cases can be its context, see `with_context`.
    """

    suggests: ClassVar[bool] = True
    reads_context: ClassVar[bool] = False
    preprocess: str

    def __init__(self, folder: JudgeFolder, *, engine: Engine = Engine.ONNX) -> None:
        meta = folder.meta
        self.folder = folder
        self.model_id = meta.model_id
        self._structures = frozenset(meta.structures)
        self._tested = meta.evidence
        self._trust = None if meta.adaptation is None else Trust.of(meta.adaptation)
        seen = meta.preprocess
        self.window_hu = seen.window_hu if isinstance(seen, SliceSettings) else seen.soft_window_hu
        self._images = folder.training_images
        self.engine = engine
        self.runs_on = runs_on(engine)
        self.sha256 = folder.sha256

    def score(
        self,
        image: ArrayOrPath,
        mask: ArrayOrPath,
        structure: str | None = None,
        spacing_mm: Sequence[float] | None = None,
        modality: Modality | str | None = None,
        channels_last: bool | None = None,
        label: Label | None = None,
    ) -> Score:
        """Tell how good a mask is.

        Args:
            image: Path, 2D array `(row, column)`, RGB array `(row, column, 3)` or 3D array
                `(i, j, k)` in RAS+ order. Of 3 or 4 along the last axis: a volume where the mask
                is one or `spacing_mm` has three numbers, a colour picture where the mask is 2D or
                `spacing_mm` has two.
            mask: Path or array on the image's grid, with one value besides zero; of several,
                `label` says which one is meant.
            structure: Its name, as in "liver" or "Left Kidney". Unknown names are allowed; the
                score is then made without the name and says so. `None`: the name in `label`.
            spacing_mm: Pixel size along the image array's axes; read from a file's header.
            modality: One of `types.Modality`, such as "ct"; other spellings ("MRI", "US") are
                understood. `None` if unknown.
            channels_last: Whether the last axis of an image array holds colours; `None` to tell
                it from the mask and the spacing.
            label: A voxel value, several of them, or a name that the file itself, or a
                `labels.json` or `dataset.json` beside it, gives a value.

        Raises:
            UsageError: The modality is none that is known, or the mask holds several values and
                none of them is chosen.
            ReadError: A file is missing or damaged.
            GeometryError: Image and mask lie on different grids.
            ContentError: Image or mask hold NaN or no real numbers, an array has an impossible
                shape, or the spacing is not positive.
        """
        volume, voxels = image_and_mask(image, mask, spacing_mm, channels_last, label)
        kind, name = _modality(modality), structure or name_of(label)
        return self.score_volume(volume, voxels, structure=name, modality=kind)

    def score_many(self, items: Iterable[Mapping[str, Any]]) -> list[Score]:
        """Score several labels; every item holds the keyword arguments of `score`."""
        return [self.score(**item) for item in items]

    def score_volume(
        self,
        image: Volume,
        mask: Mask | BoolArray,
        *,
        structure: str | None,
        modality: Modality | None,
    ) -> Score:
        """Score a mask `(i, j, k)` on the grid of `image`."""
        return self.score_labels(image, [(structure, mask)], modality=modality)[0]

    def score_labels(
        self,
        image: Volume,
        masks: Sequence[tuple[str | None, Mask | BoolArray]],
        *,
        modality: Modality | None,
        subject: str | None = None,
    ) -> list[Score]:
        """Score all labels `(structure, mask)` of one image in one go; no labels, no scores.

        `subject` says whose the image is: a judge that compares labels with those of other
        cases compares none with itself.
        """
        return self.scores(self.asked(image, masks, modality=modality, subject=subject))

    def raw_scores(
        self,
        image: Volume,
        masks: Sequence[tuple[str | None, Mask | BoolArray]],
        *,
        modality: Modality | None,
    ) -> list[float]:
        """Return scores of labels of one image before any correction; NaN for empty masks."""
        return [score.value for score in self.score_labels(image, masks, modality=modality)]

    @property
    def weighs_peers(self) -> bool:
        """Whether it can weigh a score by labels of the same data set, see `among`."""
        return False

    def among(self, peers: Peers) -> Self:
        """Return this judge with labels of one data set that weigh those it knows nothing of."""
        del peers
        return self

    @property
    def context_structures(self) -> tuple[str, ...]:
        """Structures that it can judge in a context (canonical names), sorted."""
        return ()

    def with_context(self, cases: ContextCases) -> Self:
        """Return this judge with labels of other subjects that say what labels should be.

        Each patch of an image asks patches that look like it what the labels cover there; labels
        that disagree with the others count less. A judge that `segassay fit` made has context cases
        of its own: structures that these hold it judges in their context, all others in that of
        `cases`. A label never votes on its own subject, which is known by name, or by the voxels of
        its image.

        Args:
            cases: Cases with labels: the path of a data set in any layout that is read, a data set,
                or some of its cases. One of each subject votes, at most 60, drawn by lot; those
                that cannot be read are left out.

        Raises:
            DatasetError: There is no data set at this path.
            UsageError: This judge reads no context, or labels of fewer than three subjects can be
                used, as of no cases at all.
        """
        del cases
        raise UsageError(
            f"{self.model_id}: a judge of this kind reads no context; give one of kind "
            f"{JudgeKind.CONTEXT.value!r}, or leave the context out"
        )

    def distrusted(self) -> Self:
        """Return this judge as one that knows no structure, in images that it does not follow."""
        return self

    def knows(self, name: Named) -> bool:
        """Whether its score of a structure is worth what it was in the judge's own tests."""
        return name.known is not None

    @abstractmethod
    def scores(self, labels: Sequence[AskedLabel]) -> list[Score]:
        """Score labels of one image; there may be none."""

    @abstractmethod
    def worst(self, label: AskedLabel) -> int:
        """Return the examined slice with the lowest score."""

    def suggest(
        self,
        image: ArrayOrPath,
        mask: ArrayOrPath,
        structure: str | None = None,
        spacing_mm: Sequence[float] | None = None,
        modality: Modality | str | None = None,
        channels_last: bool | None = None,
        label: Label | None = None,
    ) -> Suggestion:
        """Suggest a correction of the mask's worst slice. Arguments as in `score`.

        Raises:
            UsageError: This judge answers with a number and draws no mask.
        """
        if not self.suggests:
            raise UsageError(
                f"{self.model_id} answers with a number and draws no mask, so it has nothing to "
                f"suggest; ask a judge with a map, such as {DEFAULT_JUDGE}"
            )
        volume, voxels = image_and_mask(image, mask, spacing_mm, channels_last, label)
        kind, name = _modality(modality), structure or name_of(label)
        return self.suggest_volume(volume, voxels, structure=name, modality=kind)

    def suggest_volume(
        self,
        image: Volume,
        mask: Mask | BoolArray,
        *,
        structure: str | None,
        modality: Modality | None,
        index: int | None = None,
    ) -> Suggestion:
        """Suggest a correction of slice `index`, by default the worst that is examined.

        A judge that has nothing to suggest shows the label with nothing beside it.
        """
        (label,) = self.asked(image, [(structure, mask)], modality=modality)
        return self.shown(label, self.worst(label) if index is None else index)

    def shown(self, label: AskedLabel, index: int) -> Suggestion:
        """Show slice `index` of a label with what this judge has to say of it."""
        stack = label.image.stack
        return label_alone(stack, label.planes, index)

    def find_structure(
        self,
        image: Volume,
        mask: Mask | BoolArray,
        *,
        structure: str | None,
        modality: Modality | None,
        index: int | None = None,
    ) -> Suggestion | None:
        """Show where a structure is expected, blind to the mask, which is drawn beside it.

        On slice `index`, by default on the one of ten, spread over the volume, where most of it is
        expected. `suggested` is not empty. `None` where the judge finds it nowhere there, does not
        know the structure, or draws no masks.
        """
        (label,) = self.asked(image, [(structure, mask)], modality=modality)
        return self.expected_place(label, index)

    def expected_place(self, label: AskedLabel, index: int | None = None) -> Suggestion | None:
        """Show where the structure of a label is expected, see `find_structure`."""
        del label, index
        return None

    def asked(
        self,
        image: Volume | AskedImage,
        masks: Sequence[tuple[str | None, Mask | BoolArray]],
        *,
        modality: Modality | None,
        subject: str | None = None,
    ) -> list[AskedLabel]:
        """Put labels `(structure, mask)` of one image into this judge's words.

        An image that labels were asked about before, `AskedLabel.image`, keeps what was found out
        about it then, modality and subject with it.
        """
        seen = image
        if isinstance(seen, Volume):
            seen = AskedImage(seen, modality, subject, self.window_hu)
        return [
            AskedLabel(seen, Mask.of(mask), self.named(structure, modality))
            for structure, mask in masks
        ]

    def trained_on(self, *checksums: str) -> bool:
        """Whether an image was among the judge's training images.

        Args:
            checksums: Of the image's voxels (`images.volume.voxel_sha256`), which newer judges
                keep, and of its file, which the first one kept. Any match counts.
        """
        return not self._images.isdisjoint(checksums)

    def named(self, structure: str | None, modality: Modality | None = None) -> Named:
        """Spell a structure's name and see whether the network knows it in such images.

        It does where it learned the name and was tested on it, in images of this kind if the kind
        is given. A name that it met in a case or two, or in CT only, tells it nothing of an MR.
        """
        canonical = None if structure is None else canonical_name(structure)
        known = canonical in self._structures and self._is_tested(canonical, modality)
        return Named(structure, canonical if known else None)

    def _is_tested(self, structure: str | None, modality: Modality | None) -> bool:
        if not self._tested:
            return True  # made before tests were counted, or for a test of its own
        counts = self._tested.get(structure or "")
        if counts is None:
            return False
        return modality is None or not counts.modalities or modality in counts.modalities

    def hard_on_experts(self, name: Named, value: float) -> tuple[Comment, ...]:
        """Say of a low score that expert labels of the structure scored low in the tests, too.

        Nothing where they passed, none was tested, or the judge was fitted since.
        """
        usual = self.reference_score(name)
        is_hard = usual < REVIEW_BELOW and value < REVIEW_BELOW
        return (comment(Remark.HARD_STRUCTURE, score=usual),) if is_hard else ()

    def reference_score(self, name: Named) -> float:
        """Return the median score of reference labels of a structure in the judge's own tests.

        NaN where none was tested, where the judge does not know such data, or was fitted since.
        """
        counts = self._tested.get(name.known or "")
        usual = None if counts is None else counts.untouched
        return nan if usual is None or self._trust is not None or not self.knows(name) else usual

    def evidence(self, name: Named) -> tuple[Comment, ...]:
        """Say on how many labels of a structure, unseen in training, the judge was tested."""
        if self._trust is not None:
            return self._trust.evidence(None if name.given is None else canonical_name(name.given))
        counts = self._tested.get(name.known or "")
        if counts is None:
            return (comment(Remark.NEVER_TESTED),)
        subjects = counted(counts.subjects, "subject")
        text = f"tested on {counts.labels} masks of {subjects} kept from training"
        return (Comment(None, text),)


def _modality(given: Modality | str | None) -> Modality | None:
    try:
        return None if given is None else Modality(given)
    except ValueError as error:
        known = ", ".join(Modality)
        raise UsageError(f"modality {given!r}: not known; give one of {known}, or None") from error
