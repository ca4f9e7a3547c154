"""Training that begins with the weights of a finished judge, and what it owes to its training."""

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from segassay.errors import ModelError
from segassay.judge.documents.description import JudgeMeta
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.training.learning.widen import widen

_STEM, _KNOW = "stem.weight", "know.0.weight"
_SEEN = 64
"""Numbers that the whole slice is summed up in, behind the condition."""


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
    narrow = _with_context(narrow, wide)
    shapes = {name: tensor.shape for name, tensor in wide.items()}
    return widen(narrow, shapes, factor=len(wide[_STEM]) // len(narrow[_STEM]))


def _with_context(narrow: dict[str, Tensor], wide: dict[str, Tensor]) -> dict[str, Tensor]:
    """Let a judge without context begin one with: what is new starts as if it were not there.

    New channels come behind the others, but for the condition's numbers, which stand before what
    the whole slice says.
    """
    if set(narrow) == set(wide):
        return narrow
    grown = {name: narrow.get(name, start) for name, start in wide.items()}
    for name in ("stem.weight", "look.0.weight"):
        n_old = narrow[name].shape[1]
        new = torch.zeros(len(narrow[name]), *wide[name].shape[1:])
        new[:, :n_old] = narrow[name]
        grown[name] = new
    read, n_condition = narrow[_KNOW], narrow[_KNOW].shape[1] - _SEEN
    new = torch.zeros(len(read), wide[_KNOW].shape[1])
    new[:, :n_condition], new[:, -_SEEN:] = read[:, :n_condition], read[:, n_condition:]
    grown[_KNOW] = new
    return grown


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
