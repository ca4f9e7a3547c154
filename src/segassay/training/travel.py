"""Learning on a machine without the data: a pack goes there, a checkpoint comes back."""

from dataclasses import dataclass
from pathlib import Path

from segassay.training.gather_material import gather_material, with_shapes
from segassay.training.train_judge import drawing, known_recipe
from segassay.types import Say


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack: its size in MiB, the longest side of its slices in pixels, its cases."""

    mib: float
    side: int
    n_cases: int


def pack_material(
    recipe_path: Path, data: Path, out: Path, pack: Path, *, most_mib: float, say: Say
) -> Packed:
    """Put all that a judge learns from into one small file.

    Args:
        recipe_path: YAML as in `recipes/`.
        data: Folder that the recipe's paths are relative to.
        out: The training's folder; networks whose errors the judge meets are made there first.
        pack: The file to write.
        most_mib: How large it may become.
        say: Gets a line of progress now and then.

    Raises:
        UsageError: The recipe is missing or wrong, or the pack becomes too large.
        MissingExtraError: torch is not installed.
    """
    recipe = known_recipe(recipe_path)
    from segassay.training.material.pack import write_pack

    material = gather_material(recipe_path, recipe, data, out, say=say)
    side = write_pack(material, pack, most_mib=most_mib)
    n_cases = sum(len(store.cases) for store in (*material.train, *material.tuning))
    return Packed(pack.stat().st_size / 2**20, side, n_cases)


def learn_from_pack(recipe_path: Path, pack: Path, out: Path, *, say: Say) -> int | None:
    """Learn, and do no more: `train_judge` with the data finishes the judge from the checkpoint.

    Args:
        recipe_path: The recipe that the pack was made for.
        pack: What `pack_material` wrote.
        out: Folder for checkpoint and curves; a training there is continued.
        say: Gets a line of progress now and then.

    Returns:
        Updates made in all; `None` in a process that only helped.

    Raises:
        ReadError: The pack is missing or damaged.
        UsageError: The recipe is missing or wrong, or names a set that the pack lacks.
        MissingExtraError: torch is not installed.
    """
    recipe = known_recipe(recipe_path)
    from segassay.training.learning.course import HelperDone
    from segassay.training.learning.loop import JudgeTraining
    from segassay.training.material.pack import read_pack

    material = with_shapes(recipe, read_pack(pack, recipe))
    out.mkdir(parents=True, exist_ok=True)
    training = JudgeTraining(recipe, material, out, say=drawing(out, say))
    try:
        training.run()
    except HelperDone:
        return None
    return training.progress.updates
