"""The judge that reads the context: labels of other subjects say what a label should be."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache
from math import nan
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Dataset
from segassay.datasets.opening import open_dataset
from segassay.datasets.splits import by_lot
from segassay.errors import ModelError, UsageError
from segassay.images.mask import Mask
from segassay.images.volume import Volume
from segassay.judge.comparison.registered import RegisteredLabel, joined
from segassay.judge.context.closeups import CloseContext, close_up
from segassay.judge.context.context_cases import FEWEST_SUBJECTS, ContextReader
from segassay.judge.context.context_inputs import Agreement, ContextInput, context_input
from segassay.judge.context.context_memory import Context, ContextMemory
from segassay.judge.context.feature_cache import Encoder, FeatureCache
from segassay.judge.context.known_looks import KnownLooks, summary
from segassay.judge.context.looks import Floats, Looks, fine_patches, picture, tiles
from segassay.judge.context.votes import Voting
from segassay.judge.context.voting_slices import chosen_slices
from segassay.judge.documents.judge_folder import JudgeFolder
from segassay.judge.engines.context_engine import ContextEngine, PatchEncoder
from segassay.judge.engines.onnx_engine import JudgeAnswers
from segassay.judge.inputs.arrays_and_files import BoolArray
from segassay.judge.inputs.preprocess import JudgeInput
from segassay.judge.scoring.judge import ContextCases
from segassay.judge.scoring.map_judge import MapJudge
from segassay.judge.scoring.plan import LabelPlan
from segassay.judge.scoring.query import AskedImage, AskedLabel, Named
from segassay.judge.scoring.result import Score
from segassay.judge.scoring.slice_judge import Look
from segassay.records.remarks import comment, remarks_of
from segassay.types import Engine, Modality, Remark, counted
from segassay.vocabulary.names import canonical_name

_BLANK = -1
"""In place of a slice's number: all slices without contrast look alike."""

_SLICES_SEEN = 5
"""Slices of an image that tell whether it looks like those the judge was tested on."""


class ContextJudge(MapJudge):
    """A judge of maps that is shown, beside image and mask, what other labels say.

    Without a context it judges as one that has none: the same network. Structures that the cases
    hold that it was fitted to it judges in their context, since somebody vouches for them; all
    others in that of the labels it is given (`with_context`, or the audited data set's own).
    """

    reads_context: ClassVar[bool] = True
    weighs_traits: ClassVar[bool] = False

    def __init__(
        self, folder: JudgeFolder, *, threads: int | None = None, engine: Engine = Engine.ONNX
    ) -> None:
        settings = folder.meta.context
        if settings is None or folder.encoder is None:
            raise ModelError(f"{folder.path.name}: a judge in context needs its encoder")
        self._n_looks = settings.n_looks
        super().__init__(folder, threads=threads, engine=engine)
        voting = Voting(**settings.voting.model_dump())
        self.encoder: Encoder = PatchEncoder(folder.encoder, threads=threads, engine=engine)
        self.reader = ContextReader(self.encoder, voting, self.window_hu)
        kept = folder.context
        self._reference = None if kept is None else ContextMemory.load(kept, voting)
        self._memory: ContextMemory | None = None
        tested = folder.known_looks
        self._known_looks = None if tested is None else KnownLooks.load(tested)

    def open_engine(self, folder: JudgeFolder, threads: int | None, engine: Engine) -> None:
        """Open the network."""
        self._reader = ContextEngine(
            folder.onnx, self._settings, self._n_looks, threads=threads, engine=engine
        )

    def with_context(self, cases: ContextCases) -> Self:
        """Return this judge in the context of some cases, see `Judge.with_context`."""
        if isinstance(cases, str | Path):
            cases = open_dataset(Path(cases))
        name, found = (
            (cases.name, cases.cases) if isinstance(cases, Dataset) else ("context", cases)
        )
        memory = self.reader.gather(found)
        if memory is None:
            subjects = counted(len(by_lot(found)), "subject")
            raise UsageError(
                f"{name}: {subjects} with labels; a context takes labels of at least "
                f"{FEWEST_SUBJECTS} subjects that can be read, so give more cases"
            )
        return self.with_memory(memory)

    def with_memory(self, memory: ContextMemory | None) -> Self:
        """Return this judge with labels to ask that nobody vouches for, or with none."""
        other = copy(self)
        other._memory = memory
        return other

    def with_reference(self, memory: ContextMemory | None) -> Self:
        """Return this judge with labels to ask that it is fitted to, or with none."""
        other = copy(self)
        other._reference = memory
        return other

    def keeping_features(self, folder: Path) -> Self:
        """Return this judge with features of the slices that vote kept in a folder."""
        other = copy(self)
        other.encoder = FeatureCache(self.encoder, folder)
        other.reader = replace(self.reader, encoder=replace(other.encoder, writes=True))
        return other

    @property
    def reference_structures(self) -> tuple[str, ...]:
        """Structures of the cases that it was fitted to (canonical names)."""
        return () if self._reference is None else self._reference.structures

    @property
    def context_structures(self) -> tuple[str, ...]:
        """Structures that it can judge in a context (canonical names), sorted."""
        own = () if self._memory is None else self._memory.structures
        return tuple(sorted({*own, *self.reference_structures}))

    def distrusted(self) -> Self:
        """Return this judge as in images unlike those it was tested on: it knows no name."""
        other = copy(self)
        other._known_looks = KnownLooks.none()
        return other

    def named(self, structure: str | None, modality: Modality | None = None) -> Named:
        """Spell a structure's name and see whether the network knows it in such images.

        In a context these are the images of the context.
        """
        found = super().named(structure, modality)
        memory, _ = self._memory_of_name(structure)
        if found.known is None or memory is None or self._known_looks is None:
            return found
        known = _known_in(self._known_looks, memory)
        return found if found.known in known else replace(found, known=None)

    def asked(
        self,
        image: Volume | AskedImage,
        masks: Sequence[tuple[str | None, Mask | BoolArray]],
        *,
        modality: Modality | None,
        subject: str | None = None,
    ) -> list[AskedLabel]:
        """Put labels of one image into this judge's words.

        Names of structures that it was not tested on in images that look like this one it does not
        know here: where nobody tested them they mislead.
        """
        found = super().asked(image, masks, modality=modality, subject=subject)
        looks = self._known_looks
        if looks is None or not any(label.name.known for label in found):
            return found
        seen = self._summaries(found)
        memories = {self._memory_of(label)[0] for label in found}
        known = {
            memory: looks.known_in(seen, () if memory is None else memory.seen)
            for memory in memories
        }
        return [
            label if label.name.known in known[self._memory_of(label)[0]] else _nameless(label)
            for label in found
        ]

    def _summaries(self, labels: Sequence[AskedLabel]) -> list[Floats]:
        """Summarise a few slices of an image, of those that hold a label where any does."""
        image = labels[0].image
        held = [label.planes.areas > 0 for label in labels]
        n_slices = len(image.stack.planes)
        filled = np.flatnonzero(np.any(held, axis=0))
        chosen = chosen_slices(filled, n_slices, _SLICES_SEEN).tolist() or [n_slices // 2]
        return [summary(self.looks(image, index).patches) for index in chosen]

    def scores(self, labels: Sequence[AskedLabel]) -> list[Score]:
        """Score labels of one image; each score says in what context it was made."""
        found = super().scores(labels)
        return [self._remarked(la, score) for la, score in zip(labels, found, strict=True)]

    def _filled(self, look: Look) -> Score:
        whole, close = look.compared
        return replace(super()._filled(look), context_dice=whole, context_dice_close=close)

    def _remarked(self, label: AskedLabel, score: Score) -> Score:
        memory, name = self._memory_of(label)
        if memory is None:
            return score
        image = label.image
        n = memory.n_others(name, subject=image.subject or "", image=image.content)
        if not n:
            return score
        trusted = memory is self._reference
        kind = Remark.IN_REFERENCE_CONTEXT if trusted else Remark.IN_CONTEXT
        said = comment(kind, subjects=counted(n, "other subject"))
        return replace(
            score,
            n_context_subjects=n,
            remarks=score.remarks | remarks_of((said,)),
            evidence="; ".join(text for text in (score.evidence, said.text) if text),
        )

    def _memory_of(self, label: AskedLabel) -> tuple[ContextMemory | None, str]:
        """Return which labels are the context of a label, and its structure's canonical name."""
        return self._memory_of_name(label.name.given)

    def _memory_of_name(self, structure: str | None) -> tuple[ContextMemory | None, str]:
        name = "" if structure is None else canonical_name(structure)
        for memory in (self._reference, self._memory):
            if memory is not None and name in memory.structures:
                return memory, name
        return None, name

    def plan(self, label: AskedLabel, *, only: int | None = None) -> LabelPlan:
        """Choose slices of a mask and prepare them, with what the context says of each."""
        plan = super().plan(label, only=only)
        indices = dict.fromkeys(sample.index for sample in plan.samples)
        masks = {index: plan.planes.plane(index) for index in indices}
        close = {index: self.said_closely(label, index, mask) for index, mask in masks.items()}
        contexts = tuple(
            self._context(label, sample.index, seen, masks[sample.index], close[sample.index])
            for sample, seen in zip(plan.samples, plan.inputs, strict=True)
        )
        return replace(plan, contexts=contexts)

    def _compared(
        self, labels: Sequence[AskedLabel], plans: Sequence[LabelPlan]
    ) -> list[tuple[float, ...]]:
        """Say how labels compare with their context, on the whole slice and in close-ups.

        Two Dices of the mask and what the context says; NaN where nobody says anything.
        """
        del labels
        return [
            (
                _dice(plan, [one.agreement for one in plan.contexts]),
                _dice(plan, [one.closely for one in plan.contexts]),
            )
            for plan in plans
        ]

    def _unusual(self, labels: Sequence[AskedLabel]) -> list[tuple[float, ...]]:
        return [()] * len(labels)  # size and place are seen in the context

    def answers(self, plans: Sequence[LabelPlan]) -> JudgeAnswers:
        """Run the network on all slices of some plans, in order."""
        inputs = [seen for plan in plans for seen in plan.inputs]
        return self._reader(inputs, [one for plan in plans for one in plan.contexts])

    def closer(self, label: AskedLabel, index: int, seen: JudgeInput) -> JudgeAnswers:
        """Run the network on one slice of a label seen anew."""
        mask = label.planes.plane(index)
        close = self.said_closely(label, index, mask)
        return self._reader([seen], [self._context(label, index, seen, mask, close)])

    def _context(
        self,
        label: AskedLabel,
        index: int,
        seen: JudgeInput,
        mask: BoolArray,
        close: CloseContext | None,
    ) -> ContextInput:
        return context_input(
            self.looks(label.image, index),
            self.said(label, index),
            close,
            mask,
            label.image.stack.pixel_mm,
            seen.box,
            preprocess=self._settings,
            n_looks=self._n_looks,
        )

    def said(self, label: AskedLabel, index: int) -> Context | None:
        """Return what the context says of a structure in a slice: of all structures at once."""
        memory, name = self._memory_of(label)
        if memory is None:
            return None
        image = label.image
        said = image.context_by_slice.setdefault(index, {})
        if name not in said:
            reference = () if memory is self._reference else self.reference_structures
            names = [one for one in memory.structures if one not in reference]
            found = memory.ask(
                self.looks(image, index),
                names,
                subject=image.subject or "",
                level=index / max(len(image.stack.planes) - 1, 1),
                image=image.content,
            )
            said.update(zip(names, found, strict=True))
            for one, laid in self._registered(image).items():
                votes = said.get(one)
                if votes is not None:
                    said[one] = joined(votes, laid.context(index))
        return said[name]

    def _registered(self, image: AskedImage) -> Mapping[str, RegisteredLabel]:
        """Return labels of registered peers, laid over a volume once for all its slices."""
        if self._peers is None or not image.stack.is_3d:
            return {}
        if self._peers not in image.propagated:
            image.propagated[self._peers] = self._peers.propagated_labels(
                image.volume, image.stack, subject=image.subject
            )
        return image.propagated[self._peers]

    def said_closely(self, label: AskedLabel, index: int, mask: BoolArray) -> CloseContext | None:
        """Return what close-ups of the context say of the mask of a picture.

        Of volumes there are none: organs lie at usual places, so that they add nothing there, and
        cost four runs of the encoder a slice.
        """
        memory, name = self._memory_of(label)
        image = label.image
        if image.stack.is_3d or memory is None or name not in memory.structures or not mask.any():
            return None
        query = close_up(self.fine(image, index), mask, image.stack.pixel_mm)
        if query is None:
            return None
        subject, content = image.subject or "", image.content
        return memory.ask_closely(query, name, subject=subject, image=content)

    def fine(self, image: AskedImage, index: int) -> NDArray[np.int8]:
        """Return the features of one slice at twice the resolution, computed once."""
        known = image.fine_by_slice
        if index not in known:
            parts = tiles(_shown(image, index), image.stack.pixel_mm)
            known[index] = fine_patches(self.encoder(parts))
        return known[index]

    def looks(self, image: AskedImage, index: int) -> Looks:
        """Return the features of one slice, computed once for all labels of the image."""
        known = image.looks_by_slice
        if index not in known:
            shown = picture(_shown(image, index), image.stack.pixel_mm)
            blank = not shown.any()
            if blank and _BLANK in known:
                known[index] = known[_BLANK]
            else:
                (known[index],) = self.encoder([shown])
            if blank:
                known[_BLANK] = known[index]
        return known[index]


@lru_cache(maxsize=2)
def _known_in(looks: KnownLooks, memory: ContextMemory) -> frozenset[str]:
    """Return the structures tested in images like those of a context; asked for every label."""
    return looks.known_in(memory.seen)


def _nameless(label: AskedLabel) -> AskedLabel:
    return replace(label, name=replace(label.name, known=None))


def _shown(image: AskedImage, index: int) -> NDArray[Any]:
    return image.stack.plane(index) if image.colours is None else image.colours


def _dice(plan: LabelPlan, found: Sequence[Agreement]) -> float:
    """Return the Dice of a mask and what others say, over slices, each for those it stands for."""
    pairs = list(zip(plan.samples, found, strict=True))
    total = sum(sample.weight * one.total for sample, one in pairs)
    return sum(sample.weight * one.shared for sample, one in pairs) / total if total else nan
