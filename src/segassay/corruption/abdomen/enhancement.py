"""Hounsfield units of tissues at a time after the injection of contrast medium."""

import numpy as np

_SECONDS = (0.0, 35.0, 70.0, 120.0)
"""Native, arterial, portal venous, nephrographic; values in between are interpolated."""

_ENHANCING = {
    "aorta": (42, 310, 165, 130),
    "vena_cava": (40, 75, 140, 128),
    "portal_vein": (40, 100, 175, 138),
    "liver": (58, 70, 112, 98),
    "spleen": (48, 125, 122, 100),
    "cortex": (34, 175, 190, 185),
    "medulla": (32, 70, 145, 180),
    "pancreas": (42, 108, 92, 78),
    "stomach_wall": (40, 78, 82, 72),
    "bowel_wall": (40, 88, 98, 82),
    "muscle": (52, 56, 62, 62),
}
_STEADY = {
    "air": -1000,
    "lung": -850,
    "fat": -103,
    "skin": 10,
    "gas": -960,
    "bile": 8,
    "urine": 12,
    "fluid": 22,
    "stool": 25,
    "cord": 30,
    "disc": 85,
    "cartilage": 95,
    "marrow": 190,
    "cortical_bone": 620,
}
# What a subject's tissues differ by, whatever the time: standard deviation in HU.
_OWN = {"liver": 6.0, "fat": 4.0, "marrow": 35.0, "lung": 20.0, "fluid": 8.0, "muscle": 4.0}

_EARLIEST, _LATEST = 45.0, 110.0
"""When subjects are scanned, in seconds: none quite as in another, none without contrast."""


def random_tissues(rng: np.random.Generator) -> dict[str, float]:
    """Draw a subject's Hounsfield units by the name of the tissue.

    They follow from when it is scanned and how strongly it takes contrast medium up; some tissues
    differ from subject to subject besides.
    """
    seconds = rng.uniform(_EARLIEST, _LATEST)
    uptake = float(np.clip(rng.normal(1.0, 0.1), 0.8, 1.25))
    values = {tissue: float(value) for tissue, value in _STEADY.items()}
    for tissue, course in _ENHANCING.items():
        native = course[0]
        values[tissue] = native + uptake * float(np.interp(seconds, _SECONDS, course) - native)
    for tissue, spread in _OWN.items():
        values[tissue] += float(rng.normal(0, spread))
    return values
