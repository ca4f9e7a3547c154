"""The judge that reads the context: labels of other subjects say what a label should be."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Self

from segassay.context.inputs import ContextInput, context_input
from segassay.context.looks import Looks, picture
from segassay.context.memory import Context, ContextMemory
from segassay.context.votes import Voting
from segassay.data.preprocess import JudgeInput
from segassay.data.slicing import as_planes
from segassay.engines.context_engine import ContextEngine, PatchEncoder
from segassay.engines.onnx_engine import JudgeAnswers
from segassay.errors import ModelError
from segassay.models.folder import JudgeFolder
from segassay.scoring.asked import AskedImage, AskedLabel
from segassay.scoring.inputs import BoolArray
from segassay.scoring.map_judge import MapJudge
from segassay.scoring.plan import LabelPlan
from segassay.types import Engine
from segassay.vocabulary.names import canonical_name


class ContextJudge(MapJudge):
    """A judge of maps that is shown, beside image and mask, what other labels say.

    Without a context (`with_context`) it judges as one that has none: the same network.
    """

    def __init__(
        self, folder: JudgeFolder, *, threads: int | None = None, engine: Engine = Engine.ONNX
    ) -> None:
        settings = folder.meta.context
        if settings is None or folder.encoder is None:
            raise ModelError(f"{folder.path.name}: a judge in context needs its encoder")
        self._n_looks = settings.n_looks
        super().__init__(folder, threads=threads, engine=engine)
        self.voting = Voting(**settings.voting.model_dump())
        self.encoder = PatchEncoder(folder.encoder, threads=threads, engine=engine)
        self.memory: ContextMemory | None = None

    def open_engine(self, folder: JudgeFolder, threads: int | None, engine: Engine) -> None:
        """Open the network."""
        self._reader = ContextEngine(
            folder.onnx, self._settings, self._n_looks, threads=threads, engine=engine
        )

    def with_context(self, memory: ContextMemory | None) -> Self:
        """Return this judge with labels to ask, or with none."""
        other = copy(self)
        other.memory = memory
        return other

    def plan(self, label: AskedLabel, *, only: int | None = None) -> LabelPlan:
        """Choose slices of a mask and prepare them, with what the context says of each."""
        plan = super().plan(label, only=only)
        contexts = tuple(
            self._context(label, sample.index, seen, plan.planes[sample.index])
            for sample, seen in zip(plan.samples, plan.inputs, strict=True)
        )
        return replace(plan, contexts=contexts)

    def _compared(self, labels: Sequence[AskedLabel]) -> list[tuple[float, ...]]:
        """Return the number of subjects whose labels can vote on each label, if any."""
        counts = {} if self.memory is None else self.memory.n_subjects_by_structure
        names = [label.name.given for label in labels]
        found = [0 if name is None else counts.get(canonical_name(name), 0) for name in names]
        return [(float(n),) if n > 1 else () for n in found]

    def answers(self, plans: Sequence[LabelPlan]) -> JudgeAnswers:
        """Run the network on all slices of some plans, in order."""
        inputs = [seen for plan in plans for seen in plan.inputs]
        return self._reader(inputs, [one for plan in plans for one in plan.contexts])

    def closer(self, label: AskedLabel, index: int, seen: JudgeInput) -> JudgeAnswers:
        """Run the network on one slice of a label seen anew."""
        empty = as_planes(label.mask, label.image.stack.axis)[index]
        return self._reader([seen], [self._context(label, index, seen, empty)])

    def _context(
        self, label: AskedLabel, index: int, seen: JudgeInput, mask: BoolArray
    ) -> ContextInput:
        return context_input(
            self.looks(label.image, index),
            self.said(label, index),
            mask,
            label.image.stack.pixel_mm,
            seen.box,
            crop_px=self._settings.crop_px,
            field_px=self._settings.field_px,
            n_looks=self._n_looks,
        )

    def said(self, label: AskedLabel, index: int) -> Context | None:
        """Return what the context says of a structure in a slice: of all structures at once."""
        given = label.name.given
        if self.memory is None or given is None:
            return None
        image = label.image
        if index not in image.context_by_slice:
            level = index / max(len(image.stack.planes) - 1, 1)
            names = self.memory.structures
            found = self.memory.ask(
                self.looks(image, index), names, subject=image.subject or "", level=level
            )
            image.context_by_slice[index] = dict(zip(names, found, strict=True))
        said = image.context_by_slice[index].get(canonical_name(given))
        return said if isinstance(said, Context) else None

    def looks(self, image: AskedImage, index: int) -> Looks:
        """Return the features of one slice, computed once for all labels of the image."""
        known = image.looks_by_slice
        if index not in known:
            stack = image.stack
            shown = stack.planes[index] if image.colours is None else image.colours
            (known[index],) = self.encoder([picture(shown, stack.pixel_mm)])
        return known[index]
