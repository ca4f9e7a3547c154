"""Quality-aware regularisation (QG-SSL, equations 5 and 6): a loss that asks a judge."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from segassay.judge.scoring import Judge
from segassay.semisup.torch_judge import Scene, TorchJudge
from segassay.types import DEFAULT_BASE, Modality

_APART = 0.01
"""By how much validation Dice must lie below its best, and judged quality above its value then."""


class QualityLoss(nn.Module):
    """1 - expected Dice of what a network draws on images without labels; add it to any loss.

        quality = QualityLoss(load_judge("judge-small"), ["skin_lesion"], modality="dermoscopy")
        loss = supervised + 0.01 * quality(image, network(image).sigmoid())

    The judge is frozen. By default its map of the right mask is made from the mask above 0.5, which
    is what judges learned from, and the gradient flows through the probabilities in
    `2 Σ p m / (Σ p + outside + Σ m)` alone: a network cannot learn to deceive the judge's own
    network by masks that nobody would draw. `full_gradient=True` is the paper's, kept to compare.

    A network can still learn to please a judge. `watch` tells it after every validation: where
    validation Dice falls while judged quality rises the loss stops itself and is 0 from then on.

    Attributes:
        judge: The judge as a torch module (`segassay.semisup.torch_judge`).
        stopped: Whether it stopped itself.
    """

    def __init__(
        self,
        judge: Judge | TorchJudge | str | Path = DEFAULT_BASE,
        structures: Sequence[str | None] = (None,),
        *,
        modality: Modality | str | None = None,
        pixel_mm: tuple[float, float] | None = None,
        in_volume: bool = False,
        full_gradient: bool = False,
        patience: int = 2,
    ) -> None:
        """Make the loss.

        Args:
            judge: From `load_judge`, its name or folder, or a `TorchJudge`, whose structures and
                scene then hold. It must draw maps without a context.
            structures: Name of the structure in every channel of the probabilities, `None` to judge
                without a name.
            modality: Kind of the images, such as "ct"; `None` if unknown.
            pixel_mm: Size of a pixel (row, column) in millimetres; `None` if unknown.
            in_volume: Whether images are slices or blocks of volumes rather than pictures.
            full_gradient: Whether the gradient flows through the judge's network, too.
            patience: Validations in a row that must part before the loss stops itself.

        Raises:
            ModelError: There is no such judge, or its file holds another network.
            UsageError: It is of a kind that cannot be asked in training.
        """
        super().__init__()
        kind = None if modality is None else Modality(modality)
        if not isinstance(judge, TorchJudge):
            judge = TorchJudge(judge, structures, Scene(kind, pixel_mm, in_volume=in_volume))
        self.judge, self.full_gradient, self.patience = judge, full_gradient, patience
        self.stopped = False
        self._best = (-1.0, 0.0)
        self._apart = 0

    def forward(self, image: Tensor, probabilities: Tensor) -> Tensor:
        """Return the loss of a batch, a number in [0, 1].

        Args:
            image: `(b, 1 or 3, h, w)` or `(b, 1, d, h, w)`, see `TorchJudge.forward`.
            probabilities: `(b, s, h, w)` or `(b, s, d, h, w)`, after sigmoid or softmax, without
                the background.

        Returns:
            The mean over masks that hold at least five pixels above 0.5; 0 where there are none,
            and once it has stopped.
        """
        if self.stopped:
            return probabilities.sum() * 0.0
        dice = self.judge(image, probabilities, soft=True, full_gradient=self.full_gradient).dice
        told = dice[~dice.isnan()]
        return (1 - told).mean() if len(told) else probabilities.sum() * 0.0

    def watch(self, validation_dice: float, judged_quality: float) -> bool:
        """Take notice of a validation; return whether the loss has stopped itself.

        It stops after `patience` validations in a row with a Dice at least 0.01 below the best and
        a judged quality at least 0.01 above what it was at the best.

        Args:
            validation_dice: Of the network against labels, in [0, 1].
            judged_quality: Mean expected Dice of what it draws, on those or on other images.
        """
        best, then = self._best
        if validation_dice > best:
            self._best, self._apart = (validation_dice, judged_quality), 0
        elif validation_dice < best - _APART and judged_quality > then + _APART:
            self._apart += 1
        else:
            self._apart = 0
        self.stopped = self.stopped or self._apart >= self.patience
        return self.stopped

    def get_extra_state(self) -> dict[str, Any]:
        """Return what `watch` knows, for a checkpoint."""
        return {"stopped": self.stopped, "best": list(self._best), "apart": self._apart}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.stopped, self._apart = state["stopped"], state["apart"]
        self._best = (state["best"][0], state["best"][1])
