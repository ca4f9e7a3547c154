"""The judge that learned a data set's own labels, half by half: no network judges what it learned.

Nobody vouches for the labels, but most of them are right, and errors differ from image to image
while what is right is the same everywhere. So a network that learned half of the subjects expects
of the others what most labels show; a label unlike that is likely wrong. Cross-validation finds
mislabelled data the same way (Northcutt, Jiang and Chuang 2021, confident learning).

What most labels get wrong alike, both networks have learned; this cannot see it.
"""

from collections.abc import Sequence

from segassay.errors import ModelError
from segassay.images.mask import Mask
from segassay.images.volume import Volume
from segassay.judge.documents.judge_folder import JudgeFolder
from segassay.judge.inputs.arrays_and_files import BoolArray
from segassay.judge.scoring.judge import Judge
from segassay.judge.scoring.map_judge import MapJudge
from segassay.judge.scoring.query import AskedImage, AskedLabel
from segassay.judge.scoring.result import Score, Suggestion
from segassay.types import Engine, Modality


class HalvesJudge(Judge):
    """Two judges that draw maps; an image is judged by one that did not learn from it.

    Which one that is, the image's voxels tell: `learned` in `meta.json` holds their checksums. An
    image that neither learned from is judged by the first.
    """

    def __init__(
        self, folder: JudgeFolder, *, threads: int | None = None, engine: Engine = Engine.ONNX
    ) -> None:
        super().__init__(folder, engine=engine)
        self._first = MapJudge(folder, threads=threads, engine=engine)
        if folder.meta.learned is None:
            raise ModelError(
                f"{folder.path.name}: a judge of kind {folder.meta.kind} has no halves"
            )
        self._learned_by_first = frozenset(folder.meta.learned[0])
        self._second = MapJudge(folder.other, threads=threads, engine=engine)
        self.preprocess = self._first.preprocess

    def scores(self, labels: Sequence[AskedLabel]) -> list[Score]:
        """Score labels of one image; there may be none."""
        return self._for(labels[0].image).scores(labels) if labels else []

    def raw_scores(
        self,
        image: Volume,
        masks: Sequence[tuple[str | None, Mask | BoolArray]],
        *,
        modality: Modality | None,
    ) -> list[float]:
        """Return the network's expected Dice of labels of one image; NaN for empty masks."""
        judge = self._for(AskedImage(image, modality))
        return judge.raw_scores(image, masks, modality=modality)

    def worst(self, label: AskedLabel) -> int:
        """Return the examined slice with the lowest score."""
        return self._for(label.image).worst(label)

    def shown(self, label: AskedLabel, index: int) -> Suggestion:
        """Show slice `index` of a label with the mask that is expected there."""
        return self._for(label.image).shown(label, index)

    def expected_place(self, label: AskedLabel, index: int | None = None) -> Suggestion | None:
        """Show where the structure is expected, blind to the label."""
        return self._for(label.image).expected_place(label, index)

    def _for(self, image: AskedImage) -> MapJudge:
        return self._second if image.content in self._learned_by_first else self._first
