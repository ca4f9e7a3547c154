from dataclasses import replace

import numpy as np
import pytest

from check_views import Planes, cube, image, view
from segassay.checks.base import Bound, ImageView, LabelView
from segassay.checks.file_rules.image import blank_slices, ct_values, few_levels, image_header
from segassay.checks.label_rules.against_image import tissue_hu, user_bounds, void_label
from segassay.geometry.grid import Grid
from segassay.images.formats.nifti_header import HeaderFacts
from segassay.images.mask import Mask
from segassay.types import Modality, Severity

NOISE = np.random.default_rng(0)


def ct(low: float, high: float, *, air: bool = True) -> ImageView:
    planes = NOISE.uniform(low, high, size=(12, 40, 40)).astype(np.float32)
    planes[0, 0, 0], planes[0, 0, 1] = low, high
    if air:
        planes[0, 0, 2] = -1000
    return replace(image(planes), modality=Modality.CT)


@pytest.mark.parametrize(
    ("low", "high", "severity", "words"),
    [
        (0, 255, Severity.INFO, "8-bit"),
        (0, 1, Severity.WARNING, "0 and 1"),
        (0, 2500, Severity.WARNING, "intercept"),
        (0, 65000, Severity.ERROR, "without a sign"),
        (-2600, 1000, Severity.WARNING, "twice"),
    ],
)
def test_ct_values_that_are_no_hu(low: float, high: float, severity: Severity, words: str) -> None:
    seen = ct(low, high, air=False)
    if low < -2000:
        gap = np.where((seen.planes > -1200) & (seen.planes < -800), -700, seen.planes)
        seen = replace(seen, planes=gap)
    (finding,) = ct_values(seen)
    assert finding.severity is severity
    assert words in finding.message
    assert ct_values(replace(seen, modality=Modality.MR)) == []
    assert ct_values(replace(seen, modality=None)) == []


@pytest.mark.parametrize(("low", "high"), [(-1024, 1500), (-3024, 3071), (-1000, 200), (-200, 300)])
def test_ct_in_hu_draws_nothing(low: float, high: float) -> None:
    assert ct_values(ct(low, high)) == []


def test_blank_slices_and_images() -> None:
    planes = np.array(ct(-1000, 500).planes)
    assert blank_slices(image(planes)) == []
    planes[0] = -1000
    (ends,) = blank_slices(image(planes))
    assert (ends.severity, ends.evidence) == (Severity.INFO, {"slices": [0], "between": 0})
    planes[6] = 7
    (between,) = blank_slices(image(planes))
    assert (between.severity, between.evidence["between"]) == (Severity.WARNING, 1)
    (nothing,) = blank_slices(image(np.full((3, 9, 9), 5, np.float32)))
    assert nothing.severity is Severity.ERROR


def test_few_grey_levels() -> None:
    planes = NOISE.integers(0, 200, size=(6, 40, 40)).astype(np.float32)
    assert few_levels(image(planes)) == []
    assert few_levels(image(np.full((3, 9, 9), 5, np.float32))) == []
    (crushed,) = few_levels(image(np.floor(planes / 13)))
    assert crushed.severity is Severity.WARNING
    assert crushed.evidence == {"levels": 16}


def test_a_sheared_grid_and_forms_that_disagree() -> None:
    plain = ct(-1000, 500)
    assert image_header(plain) == []
    tilted = plain.grid.affine.copy()
    tilted[1, 2] = 3.0 * np.tan(np.radians(5))
    (sheared,) = image_header(replace(plain, grid=Grid(plain.grid.shape, tilted)))
    assert sheared.evidence["degrees"] == pytest.approx(5, rel=0.01)
    moved = plain.grid.affine.copy()
    moved[2, 3] += 40
    forms = HeaderFacts(
        plain.grid.shape, "int16", "RAS", plain.grid.affine, plain.grid.affine, moved, 1.0, 0.0
    )
    (differing,) = image_header(replace(plain, header=forms))
    assert differing.evidence["distance_mm"] == pytest.approx(40)


def on(planes: np.ndarray, mask: Planes, structure: str = "liver") -> LabelView:
    return replace(view(mask, structure), image=image(planes.astype(np.float32)))


def test_a_label_in_the_void() -> None:
    planes = np.array(ct(100, 500, air=False).planes)
    planes[:, :14] = 0  # what a rotation filled in
    (finding,) = void_label(on(planes, cube()))
    assert finding.severity is Severity.WARNING
    assert finding.evidence["share"] == pytest.approx(4 / 20)
    planes[:, 9] = 50  # the void no longer reaches the border: dark, but content
    planes[:, :9] = 50
    planes[:, :, :9] = planes[:, :, 31:] = 50
    assert void_label(on(planes, cube())) == []
    assert void_label(view(cube())) == []


def test_a_rim_in_the_void_is_info() -> None:
    planes = np.array(ct(100, 500, air=False).planes)
    planes[:4, :11] = 0  # a row of 20 in two of eight slices: 40 of 3200
    (finding,) = void_label(on(planes, cube()))
    assert finding.severity is Severity.INFO
    assert finding.evidence["share"] == pytest.approx(40 / 3200)


def test_tissue_that_cannot_be() -> None:
    planes = np.full((12, 40, 40), 60.0)
    planes[0] = -1000
    assert tissue_hu(on(planes, cube())) == []
    (in_lung,) = tissue_hu(on(planes, cube(), "lung_left"))
    assert in_lung.evidence["mean_hu"] == pytest.approx(60)
    planes[1:] = -800
    assert tissue_hu(on(planes, cube(), "lung_left")) == []
    (in_liver,) = tissue_hu(on(planes, cube()))
    assert in_liver.severity is Severity.WARNING
    assert tissue_hu(on(planes, cube(), "stomach")) == []  # may hold gas
    assert tissue_hu(on(planes + 1000, cube())) == []  # no HU


@pytest.mark.parametrize(
    ("quantity", "lower", "upper", "odd"),
    [
        ("volume_ml", 9.0, 10.0, False),
        ("volume_ml", 10.0, 20.0, True),
        ("voxels", 0, 3199, True),
        ("voxels", 3200, 3200, False),
        ("mean_value", 50, 70, False),
        ("mean_value", 61, 70, True),
    ],
)
def test_bounds_of_the_user(quantity: str, lower: float, upper: float, odd: bool) -> None:
    seen = on(np.full((12, 40, 40), 60.0), cube())
    bounded = replace(seen, bounds=(Bound("liver", quantity, lower, upper),))
    assert len(user_bounds(bounded)) == odd
    assert user_bounds(replace(bounded, structure="spleen")) == []
    assert user_bounds(replace(bounded, planes=Mask.empty(bounded.planes.shape))) == []


def test_bounds_in_millilitres_need_a_spacing() -> None:
    bound = (Bound("liver", "volume_ml", 1e3, 2e3),)
    assert user_bounds(replace(view(cube()), bounds=bound))
    assert user_bounds(replace(view(cube()), bounds=bound, spacing_known=False)) == []


@pytest.mark.parametrize(
    ("cosine", "has_qform", "refused"),
    [
        (5e-5, False, None),
        (1e-4, False, True),
        (5e-4, False, True),
        (5e-4, True, None),
        (5e-3, True, False),
        (5e-3, False, True),
    ],
)
def test_axes_that_itk_refuses(cosine: float, *, has_qform: bool, refused: bool | None) -> None:
    sheared = np.array([[1, cosine, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    plain = image(np.random.default_rng(0).normal(size=(4, 6, 8)).astype(np.float32))
    header = HeaderFacts(
        plain.grid.shape, "int16", "RAS", sheared, sheared, np.eye(4) if has_qform else None, 1, 0
    )
    findings = image_header(replace(plain, grid=Grid(plain.grid.shape, sheared), header=header))
    assert [f.evidence["itk_refuses"] for f in findings] == ([] if refused is None else [refused])
