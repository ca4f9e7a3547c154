"""What a score is worth where the judge never learned the structure, or never in such images.

Measured on data sets that judges had never seen: alone the network ranks such labels a little, and
its intervals are wide; weighed by labels of the same data set (`judge.comparison.peers`), or shown
them as context, it does much better. All corrections are made once for all unknown data, across
sets of several kinds, none of which vouches for itself.
"""

from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from segassay.judge.calibration.adapter import Adapter, Measured
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.documents.corrections import UnfamiliarFile
from segassay.records.remarks import Comment

N_IN_CONTEXT = 2
"""Numbers that say how a label compares with its context: on the whole slice, and in close-ups."""

_NO_EMBEDDING = np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class Unfamiliar:
    """Corrections of scores of unknown structures.

    Attributes:
        alone: From the network's raw score.
        weigher: From raw score, doubt, comparisons with peers and how unusual the label is beside
            them to a better score; `None` for a judge that asks no peers.
        among_peers: Calibration of that score.
        in_context: From the raw score of a network that saw the context; `None` for one that reads
            none.
        n_sets: How many data sets they were measured on.
        n_labels: How many labels of these.
    """

    alone: Calibration
    weigher: Adapter | None
    among_peers: Calibration | None
    in_context: Calibration | None
    n_sets: int
    n_labels: int

    def __call__(self, label: Measured) -> tuple[float, float, float]:
        """Return (value, low, high) of a label; with peers where it was compared with any.

        Of a label in context the network saw the context.
        """
        if not is_compared(label):
            return self.alone(label.raw, label.doubt)
        if self.in_context is not None and len(label.compared) == N_IN_CONTEXT:
            return self.in_context(label.raw, label.doubt)
        if self.weigher is None or self.among_peers is None:
            return self.alone(label.raw, label.doubt)
        known = in_common(label)
        if len(known.features) > len(self.weigher.weights):
            known = replace(known, unusual=())  # the weigher was made before traits were asked for
        return self.among_peers(self.weigher(known), label.doubt)

    @property
    def evidence(self) -> Comment:
        """What intervals rest on where the judge knows nothing."""
        return Comment(
            None,
            f"interval measured on {self.n_labels} masks of {self.n_sets} data sets that the "
            "judges asked had not seen",
        )

    def to_document(self) -> UnfamiliarFile:
        """Return the numbers as they are written."""
        return UnfamiliarFile(
            alone=self.alone.to_document(),
            weigher=None if self.weigher is None else self.weigher.to_document(),
            among_peers=None if self.among_peers is None else self.among_peers.to_document(),
            in_context=None if self.in_context is None else self.in_context.to_document(),
            sets=self.n_sets,
            labels=self.n_labels,
        )

    @classmethod
    def from_document(cls, file: UnfamiliarFile) -> "Unfamiliar":
        """Rebuild from `to_document`."""
        return cls(
            Calibration.from_document(file.alone),
            None if file.weigher is None else Adapter.from_document(file.weigher),
            None if file.among_peers is None else Calibration.from_document(file.among_peers),
            None if file.in_context is None else Calibration.from_document(file.in_context),
            file.sets,
            file.labels,
        )


def in_common(label: Measured) -> Measured:
    """Return a label without size and embedding, which mean something within one data set only.

    Nor do single traits: how unusual it is altogether stays.
    """
    return replace(label, log_size=0.0, embedding=_NO_EMBEDDING, unusual=label.unusual[:1])


def is_compared(label: Measured) -> bool:
    """Whether a label was compared with any other case."""
    return bool(label.compared) and not isnan(label.compared[0])
