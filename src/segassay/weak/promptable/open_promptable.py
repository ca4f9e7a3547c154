"""One line says which promptable segmenter is meant: `[KIND:]PATH`, or an installed one's name.

What a path is, its files tell: a folder with `config.json` is in the form of transformers, one with
an encoder and a decoder is a pair of ONNX files, a `.pth` or `.pt` file is a checkpoint as SAM,
MedSAM, SAM 2 or MedSAM2 publish it. What pixels it must be shown they do not tell: weights of SAM
and of MedSAM have one architecture. So a name with `medsam` in it means MedSAM, also that of the
folder alone, and a prefix says it outright: `medsam:models/vit-base`.
"""

from dataclasses import dataclass
from pathlib import Path

from segassay.errors import ModelError
from segassay.extras import require
from segassay.types import Engine
from segassay.weak.promptable.onnx_pair import OnnxPair, find_pair
from segassay.weak.promptable.pixels import Recipe
from segassay.weak.promptable.prompt_small import (
    META,
    PROMPT_SMALL,
    PromptSmall,
    find_prompt_small,
)
from segassay.weak.promptable.protocol import PromptableSegmenter, PromptKind

_CHECKPOINTS = {".pth", ".pt"}


@dataclass(frozen=True, slots=True)
class _Family:
    """What weights learned from: whose pixels (`None`: their layout tells), which prompts.

    `size`: rows and columns, where it is not the architecture's usual one and no file tells.
    """

    recipe: Recipe | None
    kinds: tuple[PromptKind, ...] = (PromptKind.BOX, PromptKind.MASK, PromptKind.POINTS)
    size: int | None = None


KINDS: dict[str, _Family] = {
    "sam": _Family(Recipe.SAM),
    "medsam": _Family(Recipe.MEDSAM, (PromptKind.BOX,)),
    "medsam-points": _Family(Recipe.MEDSAM, (PromptKind.POINTS,)),
    "sam2": _Family(Recipe.SAM2),
    "medsam2": _Family(Recipe.SAM2, (PromptKind.BOX, PromptKind.MASK), size=512),
    "medficient": _Family(Recipe.MEDFICIENT, (PromptKind.BOX,)),
}
"""Prefixes of a path."""


def open_promptable(
    spec: str, *, threads: int | None = None, engine: Engine = Engine.ONNX
) -> PromptableSegmenter:
    """Open a promptable segmenter that lies on this machine.

    Args:
        spec: `[KIND:]PATH`, KIND one of `KINDS`, or a name such as `prompt-small`.
        threads: Cores for ONNX files; all that this process may use by default.
        engine: What runs ONNX files; torch runs all else.

    Raises:
        ModelError: There is none of that name, or its files are missing, damaged or unfit.
        MissingExtraError: A file needs transformers, or the engine, which is not installed.
    """
    prefix, path = _split(spec)
    if not prefix and not path.exists() and Path(spec).name == spec and not path.suffix:
        path = find_prompt_small(spec)
    if (path / META).is_file():
        return PromptSmall(path, threads=threads, engine=engine)
    if path.is_dir() and (pair := find_pair(path)) is not None:
        family = KINDS[prefix] if prefix else _family_of_pair(path)
        return OnnxPair(
            *pair,
            _name(prefix, path),
            recipe=family.recipe,
            kinds=family.kinds,
            engine=engine,
            threads=threads,
        )
    if not (path.is_dir() or (path.is_file() and path.suffix.lower() in _CHECKPOINTS)):
        raise ModelError(
            f"no promptable segmenter {spec!r}: expected {PROMPT_SMALL}, a folder with config.json "
            f"or two ONNX files, or a {' or '.join(sorted(_CHECKPOINTS))} file"
        )
    for module in ("torch", "transformers"):
        require(module, extra="sam")
    from segassay.weak.promptable.sam import load_sam

    family = KINDS[prefix or _family_name(path)]
    recipe = family.recipe if prefix or family.recipe is Recipe.MEDSAM else None
    return load_sam(path, _name(prefix, path), recipe, family.kinds, family.size)


def _name(prefix: str, path: Path) -> str:
    """Return how results name a segmenter: one folder by two prefixes is two segmenters."""
    name = path.name if path.is_dir() else path.stem
    return f"{prefix}-{name}" if prefix else name


def _split(spec: str) -> tuple[str, Path]:
    """Take a prefix off a path; what is none, such as a drive's letter, belongs to the path."""
    prefix, colon, rest = spec.partition(":")
    return (prefix, Path(rest)) if colon and prefix in KINDS else ("", Path(spec))


def _family_name(path: Path) -> str:
    """Tell a family by the name of a file or folder: MedSAM and MedSAM2 are not told otherwise."""
    name = path.name.lower()
    if "medsam2" in name or "medsam-2" in name:
        return "medsam2"
    if "medsam" in name:
        return "medsam-points" if "point" in name else "medsam"
    return "sam"


def _family_of_pair(folder: Path) -> _Family:
    """Tell a pair whose decoder takes points, as SAM's, by its name; else by the decoder."""
    name = folder.name.lower()
    if "litemedsam" in name.replace("-", "").replace("_", ""):
        return KINDS["medficient"]
    told = _family_name(folder)
    return KINDS[told] if told.startswith("medsam") else _Family(None)
