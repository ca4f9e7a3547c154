"""Checks of how a mask changes from plane to plane: steps of a coarser grid, slices that jump.

Both look at planes across each axis of a volume. A plane changes by the voxels that differ from
the plane before it.
"""

from segassay.checks.base import LabelView, found
from segassay.checks.plane_changes import PlaneChanges
from segassay.records.findings import Finding
from segassay.types import Severity

_AXES = ("slices", "rows", "columns")
_LEAST_PLANES = 12
"""Fewer planes say little about a rhythm. (ACDC's ten slices jump by nature.)"""

_RHYTHM = 0.9
"""All changes fall on every n-th plane; this much of what chance would not put there is asked for,
as a mask may have been touched up. Largest on training subjects with 12 planes: see docs."""

_SAME_BOTH, _SAME_ONE = 0.25, 0.45
"""Share of planes equal to the one before, from which on a coarser grid is sure: along two axes
of a volume (a factor of 4/3 gives 0.25), or along one (a vessel may run straight along it)."""

_JUMPS = 0.5
"""From here on, half of all changes are taken back by the next plane."""

_LEAST_CHANGES = 60


def stair_steps(view: LabelView) -> list[Finding]:
    """Find masks made on a coarser grid and enlarged without interpolation.

    Either all changes fall on every n-th plane, or (in volumes, for factors that are no whole
    number) many planes repeat the one before. A picture's rows often repeat by nature.
    """
    changes = [c for c in view.changes if _enough(c)]
    rhythmic = {c.axis: c.rhythm()[0] for c in changes if c.rhythm()[1] >= _RHYTHM}
    repeated = {c.axis: c.same for c in changes if len(view.planes) > 1}
    twice = [axis for axis, same in repeated.items() if same >= _SAME_BOTH]
    coarse = {axis for axis, same in repeated.items() if same >= _SAME_ONE}
    coarse |= set(rhythmic) | (set(twice) if len(twice) > 1 else set())
    if not coarse:
        return []
    told = [
        f"{_AXES[axis]} ({f'by {rhythmic[axis]}' if axis in rhythmic else 'many repeated'})"
        for axis in sorted(coarse)
    ]
    message = f"the mask changes in steps along its {' and '.join(told)}: made on a coarser grid"
    step = "look for the label at its first resolution, or smooth it before measuring surfaces"
    evidence = {
        "factors": {_AXES[axis]: factor for axis, factor in rhythmic.items()},
        "repeated": {_AXES[axis]: round(same, 3) for axis, same in repeated.items()},
    }
    return [found("stair_steps", view, Severity.WARNING, message, step, **evidence)]


def slice_jumps(view: LabelView) -> list[Finding]:
    """Find masks whose outline jumps to and fro from plane to plane.

    Slices drawn one by one, without a look at their neighbours, do so; where rows or columns jump
    more than slices, the mask was drawn in another plane than the one it is stored in.
    """
    if len(view.planes) < _LEAST_PLANES:
        return []
    changes = [c for c in view.changes if _enough(c)]
    worst = max(changes, key=lambda c: c.jumps, default=None)
    if worst is None or worst.jumps < _JUMPS:
        return []
    kind = _AXES[worst.axis]
    message = (
        f"{worst.jumps:.0%} of what changes from one to the next of its {kind} is taken back "
        "by the one after"
    )
    step = f"look at the mask across its {kind} and smooth it along them, or draw it anew"
    evidence = {_AXES[c.axis]: round(c.jumps, 3) for c in changes}
    return [found("slice_jumps", view, Severity.WARNING, message, step, **evidence)]


def _enough(change: PlaneChanges) -> bool:
    return change.n_planes >= _LEAST_PLANES and int(change.changed.sum()) >= _LEAST_CHANGES
