"""The frozen test's real network errors: an architecture that no judge meets in training.

Its weights lie beside `pairs.yaml`, at several moments of one training on the training subjects.
Masks of the held-out subjects are made again from them; they are never committed, since they
follow from images that are not ours to give away.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.frozen_test.frozen_pairs import FrozenNetwork
from segassay.corruption.network_masks import NetworkMasks
from segassay.datasets.case import Case
from segassay.datasets.read_case import file_sha256
from segassay.errors import ModelError
from segassay.extras import require
from segassay.training.settings import SegmenterRecipe, SetRecipe
from segassay.types import Modality, Say

if TYPE_CHECKING:
    from segassay.training.error_networks.architectures import Segmenter


@dataclass(frozen=True, slots=True)
class UnseenNetwork:
    """Several moments of one network, ready to segment the frozen test's cases."""

    names: tuple[str, ...]
    nets: "tuple[Segmenter, ...]"
    structures: dict[str, tuple[str, ...]]
    size: int
    cache: Path

    def masks(
        self, set_name: str, case: Case, modality: Modality, checksum: str
    ) -> NetworkMasks | None:
        """Return what the network makes of a case; `None` for a set that it never saw.

        Kept in the cache by the case's checksum: give the one that the frozen test names.
        """
        from segassay.training.error_networks.predict import keep_sizeable, predict_case
        from segassay.training.error_networks.square_slices import square_case
        from segassay.training.material.store import load_case

        if set_name not in self.structures:
            return None
        path = self.cache / set_name / f"{case.case_id}-{checksum}.npz"
        if not path.exists():
            stored = load_case(SetRecipe(name=set_name, modality=modality), case)
            square = square_case(stored, self.structures[set_name], self.size)
            answers = [predict_case(net, set_name, square, precise=True) for net in self.nets]
            keep_sizeable(self.names, self.structures[set_name], answers, square.gold).save(path)
        return NetworkMasks.load(path)


def load_unseen_network(network: FrozenNetwork, folder: Path, *, cache: Path) -> UnseenNetwork:
    """Load the weights that the frozen test names.

    Args:
        network: The frozen test's.
        folder: Where the files with its weights lie.
        cache: Folder for masks already made; each network has a folder of its own in there.

    Raises:
        ModelError: A file is missing or differs from its checksum.
        MissingExtraError: torch is not installed.
    """
    require("torch", extra="train")
    from segassay.training.error_networks.architectures import NEVER_TRAINED_ON
    from segassay.training.error_networks.folds import (
        TrainedSegmenter,
        known_structures,
        load_segmenter,
    )

    for name, checksum in network.weights.items():
        if not (folder / name).exists() or file_sha256(folder / name) != checksum:
            raise ModelError(
                f"{name}: missing or not the network of the frozen test; its figures would not be "
                "comparable"
            )
    paths = [folder / name for name in network.weights]
    moments = [TrainedSegmenter(NEVER_TRAINED_ON, 0, n, path) for n, path in enumerate(paths)]
    return UnseenNetwork(
        names=tuple(one.name for one in moments),
        nets=tuple(load_segmenter(one) for one in moments),
        structures=known_structures(paths[0]),
        size=network.size,
        cache=cache / network.fingerprint(),
    )


def train_network(
    recipe_path: Path, data: Path, out: Path, *, say: Say, kind: str | None = None
) -> list[Path]:
    """Train one network on all training subjects; return its weights, early to late.

    Args:
        recipe_path: YAML as in `recipes/`.
        data: Folder that the recipe's paths are relative to.
        out: Folder for the weights; those that lie there are kept.
        say: Gets a line of progress now and then.
        kind: A key of `training.error_networks.architectures.SEGMENTERS`; the frozen test's
            architecture by default.

    Raises:
        UsageError: The recipe is missing or wrong.
        MissingExtraError: torch is not installed.
    """
    require("torch", extra="train")
    from segassay.training.error_networks.architectures import NEVER_TRAINED_ON
    from segassay.training.error_networks.folds import train_folds
    from segassay.training.material.material import load_material
    from segassay.training.settings import read_recipe

    recipe = read_recipe(recipe_path)
    settings = recipe.segmenters or SegmenterRecipe()
    material = load_material(recipe, data, say=say)
    on_all = settings.model_copy(update={"folds": 1, "kinds": (kind or NEVER_TRAINED_ON,)})
    trained = train_folds(material.train, on_all, out, say=say)
    return [one.path for one in trained]
