"""Training that begins with the weights of a finished judge, and what it owes to its training."""

from safetensors.torch import load_file
from torch import Tensor, nn

from segassay.errors import ModelError
from segassay.models.description import JudgeMeta
from segassay.models.folder import find_judge, open_judge
from segassay.training.widen import widen

_STEM = "stem.weight"


def load_start(net: nn.Module, name_or_path: str) -> None:
    """Give `net` the weights of a judge; narrower stages are widened, which changes no answer.

    Raises:
        ModelError: There is no such judge, it has no weights to train on from, or its network is
            another one.
    """
    folder = open_judge(find_judge(name_or_path))
    weights = folder.require_weights()
    try:
        net.load_state_dict(_fitting(load_file(weights), net.state_dict()))
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{folder.path.name}: its network is not the recipe's ({reason})"
        ) from error


def _fitting(narrow: dict[str, Tensor], wide: dict[str, Tensor]) -> dict[str, Tensor]:
    """Widen weights by as much as the first convolution of the network that they are for."""
    if _STEM not in narrow or _STEM not in wide:
        return narrow
    shapes = {name: tensor.shape for name, tensor in wide.items()}
    return widen(narrow, shapes, factor=len(wide[_STEM]) // len(narrow[_STEM]))


def with_earlier(meta: JudgeMeta, name_or_path: str) -> JudgeMeta:
    """Add to a judge's description what the judge that it started from had learned from."""
    earlier = open_judge(find_judge(name_or_path)).meta
    subjects = {name: dict(split) for name, split in meta.training_subjects.items()}
    for name, split in earlier.training_subjects.items():
        own = subjects.setdefault(name, {})
        for part, ids in split.items():
            own[part] = tuple(dict.fromkeys((*own.get(part, ()), *ids)))
    return meta.model_copy(
        update={
            "started_from": earlier.model_id,
            "training_subjects": subjects,
            "training_images": earlier.training_images,
            "training_voxels": tuple(sorted({*meta.training_voxels, *earlier.training_voxels})),
            "pairs_seen": (meta.pairs_seen or 0) + (earlier.pairs_seen or 0),
        }
    )
