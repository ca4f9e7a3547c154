"""The order of a selection inside MONAI Label, which asks a strategy for the next image.

MONAI Label is no dependency: it calls any object like its own `Strategy`, a callable with `info`.
An app registers one in `init_strategies`:

    {"segassay": NextCase("out")}
"""

from pathlib import Path
from typing import Any, Protocol

from segassay.records.results import open_results
from segassay.select.costs import CostModel
from segassay.select.pool import Per, items, label_pool
from segassay.select.strategies import Strategy, order


class ImageStore(Protocol):
    """What is asked of a data store of MONAI Label."""

    def get_unlabeled_images(self, label_tag: str | None = None, labels: Any = None) -> list[str]:
        """Return ids of images without a label of a tag."""


class NextCase:
    """A strategy of MONAI Label: the case that a result of segassay puts first.

    Args:
        results: Result folder of an audit; its case ids are the ids of the images in the store.
        strategy: The order of the cases.
        seed: Seed of what is random.

    Raises:
        UsageError: It is no finished result.
    """

    def __init__(
        self,
        results: str | Path,
        strategy: Strategy = Strategy.EXPECTED_GAIN,
        *,
        seed: int = 0,
    ) -> None:
        self.description = f"segassay: {strategy.value.replace('_', ' ')}"
        found = open_results(results)
        costs = CostModel()
        cases = items(label_pool(found.frame), found.slices, costs, Per.CASE)
        chosen = order(cases, strategy, minutes_per_case=costs.minutes_per_case, seed=seed)
        self._places = {case_id: n for n, case_id in enumerate(cases["case_id"].gather(chosen))}

    def info(self) -> dict[str, str]:
        """Return what MONAI Label shows of a strategy."""
        return {"description": self.description}

    def __call__(self, request: dict[str, Any], datastore: ImageStore) -> str | None:
        """Return the id of the next image; `None` where none is left.

        Args:
            request: May name the tag `label_tag` and the `labels` that a finished image has.
            datastore: Asked for images without them. Those that the result does not know come last.
        """
        images = datastore.get_unlabeled_images(request.get("label_tag"), request.get("labels"))
        last = len(self._places)
        return min(images, key=lambda image: (self._places.get(image, last), image), default=None)
