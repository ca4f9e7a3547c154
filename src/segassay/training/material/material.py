"""The expert cases of a recipe, split by subject, and the record of who was used for what."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from segassay.datasets.splits import SubjectSplit, split_subjects
from segassay.errors import UsageError
from segassay.training.material.context_worlds import SetWorlds
from segassay.training.material.derived import derived_set
from segassay.training.material.predictions import with_predictions
from segassay.training.material.store import StoredSet, load_set, open_recipe
from segassay.training.settings import JudgeRecipe
from segassay.types import say_nothing


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Stored sets for learning and for tuning; the frozen test's subjects are in neither.

    `splits` maps a set's name to its subjects. Sets too small to be split only train. `worlds` are
    what the context says of the slices of a set, for judges that read any.
    """

    train: tuple[StoredSet, ...]
    tuning: tuple[StoredSet, ...]
    splits: dict[str, SubjectSplit]
    worlds: dict[str, SetWorlds] = field(default_factory=dict)

    @property
    def structures(self) -> tuple[str, ...]:
        """Canonical names of the structures to learn; sets whose names are numbers add none."""
        named = (s for s in self.train if s.recipe.named)
        return tuple(sorted({name for s in named for name in s.holders}))


def load_material(recipe: JudgeRecipe, root: Path, *, say: Callable[[str], None]) -> Material:
    """Read all sets of a recipe below `root`; test subjects' files are never opened.

    Raises:
        UsageError: A set has nothing to learn from, or its labels come from several sources.
    """
    train, tuning, splits = [], [], {}
    derived: list[StoredSet] = []
    weight = 0.0 if recipe.context is None else recipe.context.derived
    for entry in recipe.data:
        dataset = open_recipe(entry, root)
        subjects = [c.subject_id for c in dataset.cases if c.labels]
        split = split_subjects(subjects)
        if entry.whole:
            split = SubjectSplit(tuple(sorted(set(subjects))), (), ())
        splits[entry.name] = split
        store = load_set(entry, dataset, frozenset(split.train), say=say)
        predictions = _predictions(store, root)
        train.append(store if predictions is None else with_predictions(store, predictions))
        if weight and predictions is not None:
            derived.append(derived_set(store, predictions, weight))
        tuning.append(load_set(entry, dataset, frozenset(split.tuning), say=say))
        if not train[-1].cases:
            raise UsageError(
                f"{entry.name}: none of its {len(split.train)} subjects has a case to learn from; "
                "mend the labels (segassay check says how), or leave the set out"
            )
        say(f"{entry.name}: {len(train[-1].cases)} cases to learn, {len(tuning[-1].cases)} to tune")
    return Material((*train, *derived), tuple(s for s in tuning if s.cases), splits)


def _predictions(store: StoredSet, root: Path) -> StoredSet | None:
    """Return the predictions that a set's recipe names, if any."""
    entry = store.recipe
    if entry.predictions is None:
        return None
    other = entry.model_copy(update={"labels": entry.predictions})
    subjects = frozenset(case.subject_id for case in store.cases)
    # A prediction that cannot be used is one fewer: nobody needs to be told.
    return load_set(other, open_recipe(other, root), subjects, say=say_nothing)
