"""Features of the slices that vote, kept on disk until a run ends.

They are computed while the context is gathered, in one process; those of the same slices are asked
for again when their labels are judged, in others, and when an interrupted run goes on.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from segassay.judge.context.looks import Floats, Looks

Encoder = Callable[[Sequence[Floats]], list[Looks]]
"""From prepared pictures (`looks.picture`) to their features."""


@dataclass(frozen=True, slots=True)
class FeatureCache:
    """An encoder that looks into a folder first.

    A picture is known by the checksum of what the encoder would see, so nothing stale is ever
    found. A folder that cannot be written or read costs time and nothing else.

    Attributes:
        encoder: Asked about pictures that are not in the folder.
        folder: Where features lie, 0.3 MB a picture; made when it is needed.
        writes: Whether features are kept: those of at most 60 cases, 12 slices each, while the
            context is gathered. Slices that do not vote are seen once, so theirs are not.
    """

    encoder: Encoder
    folder: Path
    writes: bool = False

    def __call__(self, pictures: Sequence[Floats]) -> list[Looks]:
        """Return the features of prepared pictures, in order."""
        paths = [self._path(one) for one in pictures]
        found = [_read(path) for path in paths]
        missing = [n for n, one in enumerate(found) if one is None]
        if missing:
            made = self.encoder([pictures[n] for n in missing])
            for n, looks in zip(missing, made, strict=True):
                found[n] = looks
                if self.writes:
                    _write(paths[n], looks)
        return [one for one in found if one is not None]

    def _path(self, picture: Floats) -> Path:
        return self.folder / f"{sha256(picture.tobytes()).hexdigest()[:32]}.npz"


def _read(path: Path) -> Looks | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return Looks(kept["patches"], kept["summary"])
    except (OSError, EOFError, BadZipFile, KeyError, ValueError):
        return None


def _write(path: Path, looks: Looks) -> None:
    fresh = path.with_suffix(".unfinished")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        with fresh.open("wb") as file:
            np.savez(file, patches=looks.patches, summary=looks.summary)
        fresh.replace(path)
