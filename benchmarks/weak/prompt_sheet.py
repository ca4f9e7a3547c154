"""How well `prompt-small` draws what it is prompted for, on sets that it has seen nothing of.

usage: prompt_sheet.py DATA FOLDER:FOLD ... [--places 30] [--out docs/results]
       [--recipe recipes/judge-context.yaml]

Each FOLDER holds a network that `make_prompt_small.py --without-fold FOLD` made. Places are drawn
from the sets of that fold, the same for every kind of prompt. Beside it: the mask that the prompt
was made from (what a coarse model would give), an ellipse in the box, and Otsu's threshold in the
box (the brighter or the darker side, whichever fills more of the box's middle).
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from benchmarks.design.make_encoder import tell
from benchmarks.unseen_data.leave_set_out import unseen_by
from benchmarks.weak.make_prompt_small import is_of
from benchmarks.weak.prompt_examples import KINDS, PromptExample, example_at, shown
from segassay.metrics.overlap import dice
from segassay.training.material.material import load_material
from segassay.training.material.places import draw_place
from segassay.training.material.store import StoredSet
from segassay.training.settings import read_recipe
from segassay.weak.promptable.prompt_small import PromptSmall

BoolArray = NDArray[np.bool_]
Row = dict[str, Any]


def main() -> None:
    """Write `prompt-small.json` and `prompt-small.md`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("networks", nargs="+", metavar="FOLDER:FOLD")
    parser.add_argument("--places", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--recipe", type=Path, default=Path("recipes/judge-context.yaml"))
    given = parser.parse_args()
    recipe = read_recipe(given.recipe)
    found = load_material(
        recipe.model_copy(update={"segmenters": None, "context": None}), given.data, say=tell
    ).train
    rows: list[Row] = []
    for one in given.networks:
        folder, fold = one.rsplit(":", 1)
        segmenter = PromptSmall(Path(folder))
        unseen = unseen_by(int(fold), recipe)
        for store in found:
            if is_of(store.recipe.name, unseen) and store.recipe.named:
                rows += tested(store, segmenter, given.places)
                tell(f"{store.recipe.name}: {len(rows)} rows")
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "prompt-small.json").write_text(json.dumps(rows, indent=0) + "\n")
    (given.out / "prompt-small.md").write_text(page(rows))


def tested(store: StoredSet, segmenter: PromptSmall, n_places: int) -> list[Row]:
    """Prompt places of one set with every kind of prompt."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(n_places):
        place = draw_place((store,), np.ones(1), rng)
        opened = segmenter.open_slice(shown(place.case, place.index))
        for kind in KINDS:
            example = example_at(place, kind, rng)
            if example is None:
                continue
            drawn = opened.draw([example.prompt], kind)[0] > 0.5
            masks = {"prompt-small": drawn, **baselines(example)}
            rows.append(
                {
                    "set": store.recipe.name,
                    "case": place.case.case_id,
                    "subject": place.case.subject_id,
                    "structure": place.structure,
                    "kind": str(kind),
                    "from_label": bool((example.coarse == example.label).all()),
                    **{name: round(dice(m, example.label), 4) for name, m in masks.items()},
                }
            )
    return rows


def baselines(example: PromptExample) -> Mapping[str, BoolArray]:
    """Draw the same prompt without a network."""
    top, left, bottom, right = example.prompt.box
    shape = example.label.shape
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    high, wide = (bottom - top + 1) / 2, (right - left + 1) / 2
    ellipse = ((rows - top + 0.5 - high) / high) ** 2 + ((columns - left + 0.5 - wide) / wide) ** 2
    return {
        "prompting mask": example.coarse,
        "ellipse": np.asarray(ellipse <= 1),
        "otsu": otsu(example),
    }


def otsu(example: PromptExample) -> BoolArray:
    """Cut the box at Otsu's threshold and keep the side that fills more of its middle."""
    top, left, bottom, right = example.prompt.box
    grey = shown(example.place.case, example.place.index).mean(axis=2)
    part = grey[top : bottom + 1, left : right + 1]
    counts, edges = np.histogram(part, bins=64)
    middles = (edges[:-1] + edges[1:]) / 2
    below, sums = counts.cumsum(), (counts * middles).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    bright = part > middles[int(np.nan_to_num(between).argmax())]
    middle = bright[len(bright) // 4 : -(len(bright) // 4) or None]
    side = bright if middle.mean() >= 0.5 else ~bright
    drawn = np.zeros(example.label.shape, dtype=np.bool_)
    drawn[top : bottom + 1, left : right + 1] = ndi.binary_fill_holes(side)
    return drawn


def page(rows: list[Row]) -> str:
    """Return the figures as Markdown: by kind over sets, then by set."""
    names = ("prompt-small", "prompting mask", "ellipse", "otsu")
    lines = [
        "# prompt-small on sets that it has seen nothing of",
        "",
        "Mean Dice, each set counting once; 90 % intervals by bootstrap over sets. Made by",
        "`python -m benchmarks.weak.prompt_sheet`.",
        "",
        "| prompt | places | sets | " + " | ".join(names) + " |",
        "|---|--:|--:|" + "--:|" * len(names),
    ]
    for kind in [str(one) for one in KINDS]:
        some = [row for row in rows if row["kind"] == kind]
        cells = [interval_over_sets(some, name) for name in names]
        n_sets = len({row["set"] for row in some})
        lines.append(f"| {kind} | {len(some)} | {n_sets} | " + " | ".join(cells) + " |")
    lines += ["", "| set | places | " + " | ".join(f"{k}" for k in KINDS) + " | prompting mask |"]
    lines.append("|---|--:|" + "--:|" * (len(KINDS) + 1))
    for name in sorted({row["set"] for row in rows}):
        own = [row for row in rows if row["set"] == name]
        cells = [
            f"{np.mean([r['prompt-small'] for r in own if r['kind'] == str(k)]):.2f}" for k in KINDS
        ]
        masks = [r["prompting mask"] for r in own if r["kind"] == "mask"]
        lines.append(f"| {name} | {len(own)} | " + " | ".join(cells) + f" | {np.mean(masks):.2f} |")
    return "\n".join(lines) + "\n"


def interval_over_sets(rows: list[Row], name: str) -> str:
    """Return the mean over sets with its 90 % interval."""
    sets = sorted({row["set"] for row in rows})
    means = np.array([np.mean([r[name] for r in rows if r["set"] == one]) for one in sets])
    rng = np.random.default_rng(0)
    drawn = means[rng.integers(len(means), size=(2000, len(means)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.05, 0.95])
    return f"{means.mean():.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
