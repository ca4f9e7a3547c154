"""Published 2D sets whose masks show one thing, which no file of theirs names."""

import re

_TARGETS = {
    "busi": "breast_lesion",
    "isic": "skin_lesion",
    "isic2016": "skin_lesion",
    "isic2017": "skin_lesion",
    "isic2018": "skin_lesion",
    "ph2": "skin_lesion",
    "hc18": "fetal_head",
    "kvasir": "polyp",
    "cvc": "polyp",
    "covid_cxr": "lungs",
}


def target_of(data_set: str) -> str | None:
    """Return what the masks of a published set show, by the set's name; `None` if unknown.

    >>> target_of("ISIC2016"), target_of("BUSI_train"), target_of("our_images")
    ('skin_lesion', 'breast_lesion', None)
    """
    text = data_set.lower()
    words = [text, *re.split(r"[\W_]+", text)]
    return next((_TARGETS[word] for word in words if word in _TARGETS), None)
