"""Train `prompt-small`, or one that has not seen a fold of sets, and say how well it does.

usage: make_prompt_small.py PUBLISHED.pth DATA OUT [--minutes M] [--without-fold N]
       [--recipe recipes/judge-context.yaml]

PUBLISHED as in `design/make_encoder.py`. Goes on from its checkpoint, which lies beside OUT. With
`--without-fold` it learns nothing of the sets of a fold of `leave_set_out.py`, nor of their like,
and `prompt_sheet.py` tests it there.
"""

import argparse
from pathlib import Path

import torch
from torch import nn

from benchmarks.design.make_encoder import halve
from benchmarks.unseen_data.leave_set_out import unseen_by
from benchmarks.weak.prompt_training import PromptTraining, prompt_net
from segassay.files.checksums import write_checksums
from segassay.judge.networks.onnx_file import write_onnx
from segassay.segment.efficientnet_lite import load_published
from segassay.training.material.material import load_material
from segassay.training.material.store import StoredSet
from segassay.training.settings import JudgeRecipe, read_recipe
from segassay.weak.promptable.prompt_small import (
    CARD,
    CHANNELS,
    META,
    NETWORK,
    PROMPT_SMALL,
    SIDE_PX,
    WINDOW,
    PromptMeta,
)


def main() -> None:
    """Train and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("published", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/judge-context.yaml"))
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--without-fold", type=int)
    given = parser.parse_args()
    recipe = read_recipe(given.recipe)
    learned = learned_sets(recipe, given.data, given.without_fold)
    net = prompt_net()
    load_published(net.encoder, torch.load(given.published, weights_only=True))
    given.out.mkdir(parents=True, exist_ok=True)
    checkpoint = given.out.with_name(f"{given.out.name}.pt")
    trained = PromptTraining(net, learned, checkpoint, minutes=given.minutes, say=tell).run()
    write_folder(given.out, trained, [one.recipe.name for one in learned])
    tell(f"{given.out}: {(given.out / NETWORK).stat().st_size / 1e6:.1f} MB")


def tell(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def learned_sets(recipe: JudgeRecipe, data: Path, fold: int | None) -> list[StoredSet]:
    """Read the training subjects of all sets but those that a fold leaves out."""
    unseen = set() if fold is None else unseen_by(fold, recipe)
    # Predictions stay: real networks' masks are what prompts come from.
    settings = recipe.model_copy(update={"segmenters": None, "context": None})
    found = load_material(settings, data, say=tell).train
    return [one for one in found if not is_of(one.recipe.name, unseen)]


def is_of(name: str, unseen: set[str]) -> bool:
    """Return whether a set is one of these, or another plane of one."""
    return any(name == one or name.startswith(f"{one}_") for one in unseen)


def write_folder(out: Path, net: nn.Module, learned: list[str]) -> None:
    """Write network, description and checksums."""

    class Probabilities(nn.Module):
        """The network with a sigmoid after it."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, window: torch.Tensor) -> torch.Tensor:
            """Map windows to probabilities."""
            return torch.sigmoid(self.net(window))

    example = torch.zeros(2, CHANNELS, SIDE_PX, SIDE_PX)
    names = (("window",), ("probabilities",))
    write_onnx(Probabilities(), (example,), out / NETWORK, names=names)
    halve(out / NETWORK)
    meta = PromptMeta(name=PROMPT_SMALL, side_px=SIDE_PX, window=WINDOW)
    (out / META).write_text(meta.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if not (out / CARD).exists():
        sources = "\n".join(f"- {name}" for name in sorted(learned))
        (out / CARD).write_text(f"# {PROMPT_SMALL}\n\nLearned from:\n\n{sources}\n")
    write_checksums(out, (NETWORK, META, CARD))


if __name__ == "__main__":
    main()
