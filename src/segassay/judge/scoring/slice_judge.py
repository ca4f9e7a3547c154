"""What judges that look at single slices share: from the slices' sums to a score, or to absence."""

from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from math import log10, nan
from typing import ClassVar, Self

from segassay.errors import ModelError
from segassay.images.mask import Mask
from segassay.images.slicing import Sampling
from segassay.images.volume import Volume
from segassay.judge.calibration.adapter import Adapter, Measured, mean_embedding
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.calibration.out_of_domain import Unfamiliar, is_compared
from segassay.judge.comparison.gold_cases import GoldCases
from segassay.judge.comparison.peers import Peers
from segassay.judge.comparison.typical import TypicalLabels
from segassay.judge.documents.judge_folder import JudgeFolder
from segassay.judge.estimates.aggregate import SliceSums, estimate_presence, estimate_volume
from segassay.judge.estimates.size import size_error
from segassay.judge.inputs.arrays_and_files import BoolArray
from segassay.judge.inputs.preprocess import JudgePreprocess, fingerprint
from segassay.judge.scoring.judge import FEWEST_VOXELS, Judge
from segassay.judge.scoring.plan import LabelPlan, plan_label
from segassay.judge.scoring.query import AskedLabel, Named
from segassay.judge.scoring.result import Score, SliceScore
from segassay.records.remarks import Comment, comment, remarks_of, text_of
from segassay.types import Engine, Modality, Remark, Status
from segassay.vocabulary.names import canonical_name

_WIDEST = 0.7


class SliceJudge(Judge):
    """A judge that examines some slices of a label and leads their sums back to the volume.

    Attributes:
        weighs_traits: Whether its correction asks how unusual a label is
            (`judge.comparison.typical`).
    """

    weighs_traits: ClassVar[bool] = True

    def __init__(self, folder: JudgeFolder, *, engine: Engine = Engine.ONNX) -> None:
        super().__init__(folder, engine=engine)
        meta, calibration = folder.meta, folder.calibration
        if meta.sampling is None or calibration is None:
            raise ModelError(f"{folder.path.name}: a judge of kind {meta.kind} examines no slices")
        seen, sampling = meta.preprocess.model_dump(), meta.sampling.model_dump()
        context = {} if meta.context is None else {"context": meta.context.model_dump()}
        self.preprocess = fingerprint({**seen, "sampling": sampling, **context})
        self._settings, self._sampling = JudgePreprocess(**seen), Sampling(**sampling)
        self._calibration = Calibration.from_document(calibration)
        fitted, usual = folder.adapter, folder.typical
        self._adapter = None if fitted is None else Adapter.from_document(fitted)
        try:
            self._typical = None if usual is None else TypicalLabels.from_document(usual)
        except ValueError as error:
            raise ModelError.of_version(folder.path, error) from error
        self._gold = None if folder.gold is None else GoldCases.load(folder.gold)
        other = None if self._trust is not None else folder.unfamiliar
        self._unfamiliar = None if other is None else Unfamiliar.from_document(other)
        self._peers: Peers | None = None
        self._distrusted = False

    @abstractmethod
    def examine(self, plans: Sequence[LabelPlan]) -> list[list[SliceSums]]:
        """Return what the network says of every slice of every plan; `plans` is not empty."""

    def scores(self, labels: Sequence[AskedLabel]) -> list[Score]:
        """Score labels of one image in one run of the network; there may be none."""
        return [
            self._filled(look) if look.plan.n_voxels else self._empty(look)
            for look in self._looks(labels)
        ]

    def measure_labels(
        self,
        image: Volume,
        masks: Sequence[tuple[str | None, Mask | BoolArray]],
        *,
        modality: Modality | None,
        subject: str | None = None,
    ) -> list[Measured | None]:
        """Return what the network says of labels before correction; `None` for empty masks.

        Trusted cases of the same `subject` are not compared with.
        """
        looks = self._looks(self.asked(image, masks, modality=modality, subject=subject))
        return [_measured(look) if look.plan.n_voxels else None for look in looks]

    def raw_scores(
        self,
        image: Volume,
        masks: Sequence[tuple[str | None, Mask | BoolArray]],
        *,
        modality: Modality | None,
    ) -> list[float]:
        """Return the network's expected Dice of labels of one image; NaN for empty masks."""
        found = self.measure_labels(image, masks, modality=modality)
        return [nan if label is None else label.raw for label in found]

    def calibrated(self, label: Measured) -> tuple[float, float, float]:
        """Return (value, low, high) of a label: corrected, if it was fitted, and calibrated."""
        return self._calibration(self.corrected(label), label.doubt)

    def corrected(self, label: Measured) -> float:
        """Return the score before calibration."""
        return label.raw if self._adapter is None else self._adapter(label)

    def comparing_with(self, gold: GoldCases | None) -> Self:
        """Return this judge with other trusted cases to compare labels with, or with none."""
        other = copy(self)
        other._gold = gold
        return other

    @property
    def weighs_peers(self) -> bool:
        """Whether somebody measured how its score is to be weighed by labels of the same set."""
        return self._unfamiliar is not None

    def among(self, peers: Peers) -> Self:
        """Return this judge with labels of one data set that weigh those it knows nothing of."""
        other = copy(self)
        other._peers = peers
        return other

    def distrusted(self) -> Self:
        """Return this judge as one that knows no structure, in images that it does not follow."""
        other = copy(self)
        other._distrusted = self._unfamiliar is not None
        return other

    def knows(self, name: Named) -> bool:
        """Whether its score of a structure is worth what it was in the judge's own tests."""
        return name.known is not None and not self._distrusted

    def _looks(self, labels: Sequence[AskedLabel]) -> list["Look"]:
        plans = [self.plan(label) for label in labels]
        seen = any(plan.samples for plan in plans)
        sums = self.examine(plans) if seen else [[] for _ in plans]
        compared, unusual = self._compared(labels, plans), self._unusual(labels)
        return [Look(*parts) for parts in zip(labels, plans, sums, compared, unusual, strict=True)]

    def _compared(
        self, labels: Sequence[AskedLabel], plans: Sequence[LabelPlan]
    ) -> list[tuple[float, ...]]:
        """Say how labels compare with others, as numbers on the scale of Dice."""
        del plans
        others = self._gold or self._peers
        if others is None or not labels:
            return [()] * len(labels)
        image = labels[0].image
        named = [(self._compared_as(label.name), label.mask) for label in labels]
        return others.compare(image.volume, named, subject=image.subject)

    def _unusual(self, labels: Sequence[AskedLabel]) -> list[tuple[float, ...]]:
        others = None if self._peers is None else self._peers.typical
        typical = self._typical or others
        if typical is None or not labels:
            return [()] * len(labels)
        named = [(self._compared_as(label.name), label.mask) for label in labels]
        return typical.unusual(labels[0].image.volume, named)

    def _compared_as(self, name: Named) -> str | None:
        """Return the name a label is compared under; peers are asked for what it knows not."""
        is_fitted = self._gold is not None or self._typical is not None
        asked = None if not is_fitted and self.knows(name) else name.given
        return None if asked is None else canonical_name(asked)

    def plan(self, label: AskedLabel, *, only: int | None = None) -> LabelPlan:
        """Choose slices of a mask and prepare them; `only` looks at that one slice."""
        return plan_label(
            label.image.stack,
            label.mask,
            self._settings,
            self._sampling,
            name=label.name.known,
            # Of a name it never learned, neither structure nor image need be of a known kind.
            modality=None if label.name.is_unknown else label.image.modality,
            only=only,
        )

    def worst(self, label: AskedLabel) -> int:
        """Return the examined slice with the lowest score.

        For an empty mask the one where the structure is most likely seen.
        """
        plan = self.plan(label)
        (sums,) = self.examine([plan]) if plan.samples else ([],)
        if not plan.n_voxels:
            return max(sums, key=lambda s: s.presence).index if sums else 0
        return min((s for s in sums if s.mask > 0), key=lambda s: s.dice).index

    def _filled(self, look: "Look") -> Score:
        plan, sums, name = look.plan, look.sums, look.label.name
        estimate = estimate_volume(sums, plan.n_voxels)
        measured = _measured(look)
        strange = None if self.knows(name) else self._unfamiliar
        value, low, high = (strange or self.calibrated)(measured)
        size = size_error(plan.n_voxels, estimate, look.label.image.volume)
        doubts = _doubts(plan.n_voxels, high - low)
        compared = strange is not None and is_compared(measured)
        reasons = (
            *doubts,
            *name.comments,
            *((comment(Remark.OUT_OF_DOMAIN),) if self._distrusted else ()),
            *((comment(Remark.COMPARED),) if compared else ()),
            *(() if self._trust is None else self._trust.limits),
            *self.hard_on_experts(name, value),
        )
        evidence = (*self.evidence(name), *(() if strange is None else (strange.evidence,)))
        return Score(
            value=value,
            low=low,
            high=high,
            status=Status.ABSTAINED if doubts else Status.SCORED,
            reason=text_of(reasons),
            remarks=remarks_of((*reasons, *evidence)),
            reference_score=self.reference_score(name),
            slices=_slice_scores(sums),
            presence=estimate.presence,
            error_type=estimate.error_type,
            doubt=estimate.doubt,
            expected_volume_error=size.relative,
            expected_volume_error_ml=size.ml,
            expected_area_error_mm2=size.mm2,
            expected_nsd=estimate.nsd,
            expected_path_mm=estimate.path,
            evidence=text_of(evidence),
            model_id=self.model_id,
            preprocess=self.preprocess,
        )

    def _empty(self, look: "Look") -> Score:
        name = look.label.name
        presence = estimate_presence([s.presence for s in look.sums]) if look.sums else nan
        reasons: tuple[Comment, ...]
        if not look.sums:
            status, reasons = Status.ABSTAINED, (comment(Remark.ALL_IGNORED),)
        elif name.known is None:
            status, reasons = Status.ABSTAINED, (comment(Remark.MASK_EMPTY), *name.comments)
        else:
            seen = presence > 0.5
            status = Status.ABSENT_SUSPECT if seen else Status.ABSENT_OK
            remark = Remark.SEEN_BUT_EMPTY if seen else Remark.NOT_SEEN
            reasons = (comment(remark, structure=name.given, presence=presence),)
        evidence = self.evidence(name)
        return Score(
            status=status,
            reason=text_of(reasons),
            remarks=remarks_of((*reasons, *evidence)),
            presence=presence,
            evidence=text_of(evidence),
            model_id=self.model_id,
            preprocess=self.preprocess,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A label as a judge saw it: with what the network, other labels and typical ones say."""

    label: AskedLabel
    plan: LabelPlan
    sums: list[SliceSums]
    compared: tuple[float, ...]
    unusual: tuple[float, ...]


def _slice_scores(sums: Sequence[SliceSums]) -> tuple[SliceScore, ...]:
    """Score every slice that holds a mask; looks at one slice, or at parts of it, are added up."""
    seen: dict[int, list[SliceSums]] = {}
    for one in sums:
        if one.mask > 0:
            seen.setdefault(one.index, []).append(one)
    return tuple(SliceScore(index, *_added(looks)) for index, looks in seen.items())


def _added(looks: Sequence[SliceSums]) -> tuple[float, int]:
    """Return the Dice of one slice, and the size of its mask; looks have weights of sum 1."""
    if len(looks) == 1:
        return float(looks[0].dice), int(looks[0].mask)
    total = sum(s.weight * (s.true + s.mask) for s in looks)
    overlap = sum(s.weight * s.overlap for s in looks)
    return float(min(2 * overlap / total, 1.0)), round(sum(s.weight * s.mask for s in looks))


def _measured(look: Look) -> Measured:
    image = look.label.image.volume
    estimate = estimate_volume(look.sums, look.plan.n_voxels)
    unit = 1000 * image.grid.voxel_ml if image.spacing_known else 1.0
    return Measured(
        raw=estimate.dice,
        doubt=estimate.doubt,
        log_size=log10(look.plan.n_voxels * unit),
        embedding=mean_embedding(look.sums),
        compared=look.compared,
        unusual=look.unusual,
    )


def _doubts(n_voxels: int, width: float) -> tuple[Comment, ...]:
    if n_voxels < FEWEST_VOXELS:
        return (comment(Remark.FEW_VOXELS, n_voxels=n_voxels),)
    if width > _WIDEST:
        return (comment(Remark.WIDE_INTERVAL, width=width),)
    return ()
