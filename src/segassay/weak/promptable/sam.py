"""SAM, MedSAM, SAM-HQ, SAM 2 and MedSAM2 through transformers, from this machine's disk alone.

Each slice is embedded once; prompts, as many as there are, cost the light decoder only. Nothing is
downloaded, code in a folder is never run, weights are safetensors or plain tensors.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segassay.errors import ModelError
from segassay.extras import offline_transformers
from segassay.weak.promptable.original_checkpoint import State, read_original
from segassay.weak.promptable.pixels import Frame, Recipe, same_count, show, sigmoid
from segassay.weak.promptable.protocol import PromptKind, require_kind
from segassay.weak.prompts import Floats, Prompt

CLASSES = {
    "sam": "SamModel",
    "sam_hq": "SamHQModel",
    "sam2": "Sam2Model",
    "sam2_video": "Sam2Model",
}
"""What `config.json` calls `model_type`, and the class that draws on single slices."""

_AT_ONCE = 8
"""Prompts per call of the decoder, so that its memory does not grow with them."""


class SamSegmenter:
    """A model of the SAM family, opened.

    A mask prompt comes with its box, since SAM learned masks as a second look only. A point without
    points outside could mean the part or the whole: of three drawings the one counts that the model
    gives the best score. MedSAM draws one, and learned from boxes alone, or from points alone.
    """

    def __init__(
        self, model: Any, name: str, recipe: Recipe, kinds: tuple[PromptKind, ...]
    ) -> None:
        self._model = model.eval()
        self.name = name
        self.recipe = recipe
        self.kinds = kinds
        seen = model.config.prompt_encoder_config
        self.size = int(seen.image_size)
        self.mask_size = 4 * (self.size // int(seen.patch_size))

    @torch.inference_mode()
    def open_slice(self, image: Floats) -> "SamSlice":
        """Embed a slice `(rows, columns, 3)` in [0, 1]."""
        pixels, frame = show(image, self.recipe, self.size)
        found = self._model.get_image_embeddings(torch.from_numpy(pixels)[None])
        return SamSlice(self, frame, _by_argument(found))

    @torch.inference_mode()
    def decode(self, embedding: Mapping[str, Any], prompts: Mapping[str, Tensor]) -> Floats:
        """Run the decoder: logits of the best mask `(prompts, side, side)`, side being the model's.

        Args:
            embedding: Of one slice, by the name of the argument.
            prompts: By the name of the argument, `(prompts, ...)`.
        """
        n = len(next(iter(prompts.values())))
        points = prompts.get("input_labels")
        answer = self._model(
            **{name: _repeated(one, n) for name, one in embedding.items()},
            **prompts,
            multimask_output=self.recipe is not Recipe.MEDSAM
            and points is not None
            and points.shape[-1] == 1,
        )
        best = answer.iou_scores[:, 0].argmax(dim=1)
        logits: Tensor = answer.pred_masks[torch.arange(n), 0, best]
        return logits.float().numpy()


@dataclass(frozen=True, slots=True, eq=False)
class SamSlice:
    """A slice with its embedding; see `protocol.OpenedSlice`."""

    _segmenter: SamSegmenter
    _frame: Frame
    _embedding: Mapping[str, Any]

    def draw(self, prompts: Sequence[Prompt], kind: PromptKind) -> Floats:
        """Return probabilities `(prompts, rows, columns)`.

        Raises:
            UsageError: The segmenter does not take this kind.
        """
        require_kind(self._segmenter, kind)
        drawn = np.zeros((len(prompts), *self._frame.shape), dtype=np.float32)
        for group in same_count(prompts) if kind is PromptKind.POINTS else [[*range(len(prompts))]]:
            for first in range(0, len(group), _AT_ONCE):
                places = group[first : first + _AT_ONCE]
                arguments = self._arguments([prompts[n] for n in places], kind)
                drawn[places] = self._probabilities(
                    self._segmenter.decode(self._embedding, arguments)
                )
        return drawn

    def _arguments(self, prompts: Sequence[Prompt], kind: PromptKind) -> dict[str, Tensor]:
        """Turn prompts to arguments of the model; every one is an image of the batch."""
        if kind is PromptKind.POINTS:
            xy = torch.from_numpy(self._frame.points(prompts))[:, None]
            labels = torch.zeros(xy.shape[:-1], dtype=torch.int64)
            labels[..., 0] = 1
            return {"input_points": xy, "input_labels": labels}
        found = {"input_boxes": torch.from_numpy(self._frame.boxes(prompts))[:, None]}
        if kind is PromptKind.MASK:
            logits = self._frame.mask_logits(prompts, self._segmenter.mask_size)
            found["input_masks"] = torch.from_numpy(logits)[:, None]
        return found

    def _probabilities(self, logits: Floats) -> Floats:
        """Bring logits to the slice; MedSAM resizes probabilities, all others logits."""
        if self._segmenter.recipe is Recipe.MEDSAM:
            return self._frame.back(sigmoid(logits))
        return sigmoid(self._frame.back(logits))


def load_sam(
    path: Path,
    name: str,
    recipe: Recipe | None,
    kinds: tuple[PromptKind, ...],
    size: int | None = None,
) -> SamSegmenter:
    """Open a folder in the form of transformers, or a checkpoint as the authors published it.

    Args:
        path: A folder with `config.json` and safetensors, or a `.pth` or `.pt` file.
        name: How results name it.
        recipe: What it must be shown; `None` for what its architecture was published with.
        kinds: What it takes of prompts.
        size: Rows and columns that a checkpoint of SAM 2 takes, 1024 by default: nothing in it
            tells. Folders tell.

    Raises:
        ModelError: It is missing, damaged, incomplete, another network, or not of that recipe.
        MissingExtraError: transformers is not installed.
    """
    with offline_transformers(extra="sam") as transformers:
        if path.is_dir():
            model = _from_folder(transformers, path)
        else:
            model = _from_original(transformers, path, size)
    of_sam2 = model.config.model_type.startswith("sam2")
    fitting = (Recipe.SAM2,) if of_sam2 else (Recipe.SAM, Recipe.MEDSAM)
    if recipe is not None and recipe not in fitting:
        raise ModelError(
            f"{path.name}: is a {type(model).__name__}, which learned from pixels of "
            f"{' or '.join(fitting)}, not of {recipe}; leave the prefix out"
        )
    return SamSegmenter(model, name, recipe or fitting[0], kinds)


def _from_folder(transformers: Any, folder: Path) -> Any:
    kind = model_type(folder)
    if kind not in CLASSES:
        raise ModelError(
            f"{folder.name}: config.json names model_type {kind!r}; expected one of "
            f"{', '.join(CLASSES)}"
        )
    if not list(folder.glob("*.safetensors")):
        raise ModelError(f"{folder.name}: no *.safetensors; other forms of weights are not read")
    try:
        model, report = getattr(transformers, CLASSES[kind]).from_pretrained(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except Exception as error:  # what transformers and safetensors raise has no common class
        why = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{folder.name}: transformers cannot load it ({type(error).__name__}: {why}); place "
            "the folder again"
        ) from error
    # transformers draws missing weights at random and only logs it.
    wrong = [
        name
        for which in ("missing_keys", "mismatched_keys", "unexpected_keys")
        for name in sorted(map(str, report[which]))
    ]
    if wrong:
        raise ModelError(
            f"{folder.name}: {len(wrong)} tensors are missing, too many or of another shape, the "
            f"first {wrong[0]}; expected those of a {CLASSES[kind]}"
        )
    return model


def model_type(folder: Path) -> str:
    """Return what `config.json` of a folder calls `model_type`.

    Raises:
        ModelError: The file is missing or is not what it should be.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(config["model_type"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            f"{folder.name}: its config.json is missing or names no model_type "
            f"({type(error).__name__}); expected a folder in the form of transformers"
        ) from error


def _from_original(transformers: Any, path: Path, size: int | None) -> Any:
    original = read_original(path, size=size)
    kind = "Sam2" if original.model_type == "sam2" else "Sam"
    try:
        config = getattr(transformers, f"{kind}Config")(**original.config)
        model = getattr(transformers, f"{kind}Model")(config)
    except Exception as error:  # sizes that make no network: transformers' and torch's errors
        why = " ".join(str(error).split())[:160]
        raise ModelError(f"{path.name}: its sizes make no {kind} ({why})") from error
    _fill(model, original.state, path.name)
    return model


def _fill(model: Any, state: State, name: str) -> None:
    """Give a model exactly the tensors that it has, or refuse them in one line."""
    wanted = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    wrong = sorted(key for key in wanted | found if wanted.get(key) != found.get(key))
    if wrong:
        raise ModelError(
            f"{name}: {len(wrong)} tensors do not fit, the first {wrong[0]}: "
            f"{found.get(wrong[0], 'none')}, expected {wanted.get(wrong[0], 'none')}"
        )
    model.load_state_dict({key: value.float() for key, value in state.items()})


def _by_argument(found: Any) -> dict[str, Any]:
    """Name embeddings as the models' arguments: SAM gives one, SAM-HQ two, SAM 2 a list."""
    if isinstance(found, tuple):
        return {"image_embeddings": found[0], "intermediate_embeddings": found[1]}
    return {"image_embeddings": found}


def _repeated(one: Any, n: int) -> Any:
    """Let an embedding stand for every prompt, without copying it."""
    if isinstance(one, Tensor):
        return one.expand(n, *one.shape[1:])
    return [_repeated(part, n) for part in one]
