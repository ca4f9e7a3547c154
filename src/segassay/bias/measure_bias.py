"""Measure whether labels of groups of cases score differently, and write it down."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segassay.bias.bias_page import bias_svg, bias_text
from segassay.bias.columns import Columns, case_columns, chosen_columns
from segassay.bias.contrasts import LEAST_UNITS, Contrast, Effect, adjusted, effects
from segassay.datasets.splits import natural_key
from segassay.errors import OutputError, UsageError
from segassay.files.atomic import write_whole
from segassay.files.strict_json import strict_json
from segassay.records.results import Results, open_results
from segassay.records.run import MANIFEST

BIAS_VERSION = 1
"""Version of `bias.json`; goes up when its keys or their meaning change."""

SIGNIFICANT = 0.05
"""False discovery rate at which an effect counts as shown."""

_MOST_VALUES = 12
"""A column of words with more values is no grouping but an identifier."""

_FEW_NUMBERS = 6
"""A column with more different numbers is taken as a number."""

_TOGETHER = 0.3
"""Cramér's V of two columns from which they are confounded."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that was not tested, and why."""

    column: str
    why: str


@dataclass(frozen=True, slots=True)
class Confounded:
    """Two columns that go together, by Cramér's V in [0, 1], numbers cut into thirds."""

    first: str
    second: str
    association: float


@dataclass(frozen=True, slots=True)
class BiasResult:
    """What was found: `effects` by column, all structures together before each of them."""

    title: str
    effects: tuple[Effect, ...]
    left_out: tuple[LeftOut, ...]
    confounded: tuple[Confounded, ...]
    units: Mapping[str, str]

    @property
    def shown(self) -> tuple[Effect, ...]:
        """Effects that are significant after correction for all tests."""
        return tuple(one for one in self.effects if one.q <= SIGNIFICANT)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `bias.json`."""
        return {
            "version": BIAS_VERSION,
            "title": self.title,
            "false_discovery_rate": SIGNIFICANT,
            "least_units": LEAST_UNITS,
            "units": dict(self.units),
            "effects": [{**asdict(one), "shown": one.q <= SIGNIFICANT} for one in self.effects],
            "left_out": [asdict(one) for one in self.left_out],
            "confounded": [asdict(one) for one in self.confounded],
        }


def measure_bias(
    folder: Path, out: Path, *, by: Sequence[str] = (), table: Path | None = None
) -> BiasResult:
    """Measure effects of groups on the scores of a result; write JSON, a page and a picture.

    Args:
        folder: Result folder of an audit.
        out: Folder for `bias.json`, `bias.md` and `bias.svg`; made if missing.
        by: Columns to group by; all that group cases by default.
        table: A further table of the cases or subjects.

    Raises:
        UsageError: It is no finished result, or a column is not there.
        DatasetError: The table cannot be used.
        OutputError: The folder cannot be written.
    """
    if (out / MANIFEST).exists():
        raise UsageError(f"{out}: holds results of a run, which stay; choose another -o")
    results = open_results(folder)
    columns = chosen_columns(case_columns(results, table), by)
    found = bias_of(results, columns)
    document = found.to_json()
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "bias.json", (strict_json(document, indent=1) + "\n").encode())
        write_whole(out / "bias.svg", bias_svg(found.effects, SIGNIFICANT).encode())
        write_whole(out / "bias.md", bias_text(document).encode())
    except OSError as error:
        raise OutputError.of(out, error) from error
    return found


def bias_of(results: Results, columns: Columns, *, seed: int = 0) -> BiasResult:
    """Measure effects of groups, given the columns of the cases; pure but for the result's name."""
    scored = results.frame.filter(pl.col("score").is_not_nan()).select(
        "case_id", "subject_id", "structure", "score"
    )
    found: list[Effect] = []
    left_out: list[LeftOut] = []
    units: dict[str, str] = {}
    for column, values in columns.items():
        unit = _unit(scored, values)
        owners, structures, scores = _by_unit(scored, unit)
        told = _of_units(scored, unit, values)
        contrasts = list(_contrasts(column, [told.get(owner, "") for owner in owners]))
        own = [
            e for contrast in contrasts for e in effects(contrast, scores, structures, seed=seed)
        ]
        if own:
            units[column] = unit
            found += own
        else:
            left_out.append(LeftOut(column, _why(values, contrasts)))
    title = str(results.run.dataset.get("name", ""))
    tested = {name: columns[name] for name in units}
    return BiasResult(
        title, tuple(adjusted(found)), tuple(left_out), tuple(_confounded(tested)), units
    )


def _unit(scored: pl.DataFrame, values: Mapping[str, str]) -> str:
    """Return what of the cases can be exchanged: subjects, if all their cases have one value."""
    known = scored.select("case_id", "subject_id").unique()
    told = known.with_columns(value=_mapped(known["case_id"], values)).filter(pl.col("value") != "")
    n_values = told.group_by("subject_id").agg(pl.col("value").n_unique())["value"]
    return "subject_id" if (n_values <= 1).all() else "case_id"


def _mapped(ids: pl.Series, values: Mapping[str, str]) -> pl.Series:
    return pl.Series([values.get(one, "") for one in ids], dtype=pl.String)


def _of_units(scored: pl.DataFrame, unit: str, values: Mapping[str, str]) -> dict[str, str]:
    pairs = scored.select(unit, case="case_id").unique().iter_rows()
    return {owner: values[case] for owner, case in pairs if case in values}


def _by_unit(
    scored: pl.DataFrame, unit: str
) -> tuple[list[str], tuple[str, ...], NDArray[np.float64]]:
    """Return units, structures, and the mean score of each pair `(u, s)`, NaN without a label."""
    owners = scored[unit].unique().sort().to_list()
    structures = scored["structure"].unique().sort().to_list()
    means = scored.group_by(unit, "structure").agg(pl.col("score").mean())
    row = {name: n for n, name in enumerate(owners)}
    column = {name: n for n, name in enumerate(structures)}
    scores = np.full((len(owners), len(structures)), np.nan)
    for owner, structure, score in means.iter_rows():
        scores[row[owner], column[structure]] = score
    return owners, tuple(structures), scores


def _contrasts(column: str, values: Sequence[str]) -> Iterator[Contrast]:
    """Yield what a column is tested for: each large enough group, or the rise of a number."""
    numbers = _numbers(values)
    if numbers is not None:
        known = numbers[~np.isnan(numbers)]
        low, high = (float(q) for q in np.quantile(known, (0.25, 0.75)))
        if high > low:
            yield Contrast(column, f"from {low:.4g} to {high:.4g}", "", numbers, high - low)
        return
    counts = {value: values.count(value) for value in set(values) if value}
    if len(counts) > _MOST_VALUES:
        return
    large = sorted((v for v, n in counts.items() if n >= LEAST_UNITS), key=natural_key)
    pairs = large[:1] if len(counts) == len(large) == 2 else large
    for value in pairs:
        others = [one for one in sorted(counts, key=natural_key) if one != value]
        x = np.array([np.nan if not one else float(one == value) for one in values])
        yield Contrast(column, value, others[0] if len(others) == 1 else "the others", x)


def _numbers(values: Sequence[str]) -> NDArray[np.float64] | None:
    """Return a column as numbers, NaN where empty; `None` where it is none, or has few values."""
    if len({one for one in values if one}) <= _FEW_NUMBERS:
        return None
    try:
        found = np.array([float(one) if one else np.nan for one in values])
    except ValueError:
        return None
    return found if all(isfinite(one) for one in found[~np.isnan(found)]) else None


def _why(values: Mapping[str, str], contrasts: Sequence[Contrast]) -> str:
    n_values = len(set(values.values()))
    if n_values < 2:
        return "all cases have one value"
    if contrasts or n_values <= _MOST_VALUES:
        return f"fewer than two groups of at least {LEAST_UNITS} subjects, or no spread of scores"
    return f"{n_values} different values: an identifier, not a group"


def _confounded(columns: Columns) -> Iterator[Confounded]:
    for first, second in combinations(columns, 2):
        both = [case for case in columns[first] if case in columns[second]]
        found = _association([columns[first][c] for c in both], [columns[second][c] for c in both])
        if found >= _TOGETHER:
            yield Confounded(first, second, found)


def _association(first: Sequence[str], second: Sequence[str]) -> float:
    """Return how far two columns go together: Cramér's V, bias-corrected (Bergsma 2013).

    Numbers are cut into thirds first.
    """
    a, b = (_coded(values) for values in (first, second))
    n, rows, columns = len(a), int(a.max(initial=-1)) + 1, int(b.max(initial=-1)) + 1
    if n < 2 * LEAST_UNITS or min(rows, columns) < 2:
        return 0.0
    table = np.zeros((rows, columns))
    np.add.at(table, (a, b), 1)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    chi2 = float(((table - expected) ** 2 / expected).sum())
    phi2 = max(0.0, chi2 / n - (rows - 1) * (columns - 1) / (n - 1))
    r, c = (k - (k - 1) ** 2 / (n - 1) for k in (rows, columns))
    least = min(r, c) - 1
    return float(min(np.sqrt(phi2 / least), 1.0)) if least > 0 else 0.0


def _coded(values: Sequence[str]) -> NDArray[np.intp]:
    numbers = _numbers(values)
    if numbers is None:
        return np.unique(np.asarray(values, dtype=np.str_), return_inverse=True)[1]
    thirds = np.searchsorted(np.quantile(numbers, (1 / 3, 2 / 3)), numbers)
    return np.unique(thirds, return_inverse=True)[1]
