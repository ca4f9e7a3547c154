"""Names of FreeSurfer's numbers: subcortical structures and the cortex after Desikan, Killiany.

Source: FreeSurferColorLUT.txt (numbers and structures; the spelling is ours). `freesurfer.csv`
holds the structures; the cortex is numbered 1000 + n on the left and 2000 + n on the right.
"""

import csv
import importlib.resources
from collections.abc import Iterable
from functools import lru_cache

_LEAST_CORTEX = 3
"""Numbers of the cortex that show whose numbers these are: small ones every data set has."""


def freesurfer_names(values: Iterable[int], *, certain: bool = False) -> dict[int, str]:
    """Name the values of a label file, if they can only be FreeSurfer's; else return nothing.

    They are if all of them are in the table, and at least three in the thousands of the cortex.
    Where it is `certain` whose numbers they are, those in the table are named.

    >>> freesurfer_names([4, 1005, 1008, 2035])[2035]
    'insula_cortex_right'
    >>> freesurfer_names([1, 2, 3])
    {}
    """
    found = set(values)
    known = _table()
    if certain:
        return {value: known[value] for value in found if value in known}
    if not found <= set(known) or len([n for n in found if n >= 1000]) < _LEAST_CORTEX:
        return {}
    return {value: known[value] for value in found}


@lru_cache(maxsize=1)
def _table() -> dict[int, str]:
    file = importlib.resources.files("segassay.vocabulary").joinpath("freesurfer.csv")
    rows = csv.DictReader(file.read_text("utf-8").splitlines())
    return {int(row["id"]): row["name"] for row in rows}
