import re
from dataclasses import replace

import numpy as np

from check_views import cube, view
from segassay.checks.all_checks import check_label
from segassay.checks.label_rules.shape import all_foreground, border_contact, empty_mask, tiny_mask
from segassay.images.mask import Mask
from segassay.types import Severity


def test_empty_mask() -> None:
    (finding,) = empty_mask(view(np.zeros((4, 8, 8), dtype=np.bool_)))
    assert finding.severity is Severity.INFO
    assert empty_mask(view(cube())) == []


def test_a_speck() -> None:
    planes = np.zeros((4, 8, 8), dtype=np.bool_)
    assert tiny_mask(view(planes)) == []
    planes[2, 3:5, 3:5] = True
    (finding,) = tiny_mask(view(planes))
    assert finding.severity is Severity.WARNING
    assert finding.evidence == {"voxels": 4}
    planes[1, 3, 3] = True
    assert tiny_mask(view(planes)) == []


def test_all_foreground() -> None:
    planes = np.ones((4, 10, 10), dtype=np.bool_)
    (whole,) = all_foreground(view(planes))
    assert whole.severity is Severity.ERROR
    planes[0, 0, :10] = False  # 10 of 400
    (nearly,) = all_foreground(view(planes))
    assert nearly.severity is Severity.WARNING
    assert "97.5%" in nearly.message
    assert all_foreground(view(cube())) == []


def test_border_contact_tells_sides_from_ends() -> None:
    (sides,) = border_contact(view(np.roll(cube(), 10, axis=1)))  # 8 slices, a row of 20
    assert (sides.evidence["voxels"], sides.evidence["at_ends"]) == (160, 0)
    (ends,) = border_contact(view(np.roll(cube(), 2, axis=0)))  # the last slice, 20 x 20
    assert (ends.evidence["voxels"], ends.evidence["at_ends"]) == (0, 400)
    assert "first or last slice" in ends.message
    assert border_contact(view(cube())) == []


def test_every_voxel_of_the_border_counts_once_and_a_picture_has_no_ends() -> None:
    (finding,) = border_contact(view(np.ones((1, 5, 7), dtype=np.bool_)))
    assert (finding.evidence["voxels"], finding.evidence["at_ends"]) == (2 * 5 + 2 * 7 - 4, 0)


def test_a_picture_has_pixels_and_no_slices() -> None:
    stack = replace(view(cube()), spacing_known=False)
    flat = replace(stack, planes=Mask.of(np.asarray(stack.planes)[5:6]))
    assert (stack.unit, flat.unit) == ("voxels", "pixels")
    assert (stack.voxels, flat.voxels) == ("voxels", "pixels")
    assert (stack.is_flat, flat.is_flat) == (False, True)
    assert (stack.in_slice(3), flat.in_slice(0)) == (" in slice 3", "")
    cut = Mask.of(np.asarray(flat.planes) & ~np.eye(40, dtype=np.bool_))
    for finding in check_label(replace(flat, planes=cut)):
        assert not re.search(r"voxel|slice", finding.message + finding.suggestion)
