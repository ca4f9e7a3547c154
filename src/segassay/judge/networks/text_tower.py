"""Names of structures as text vectors: a small tower of our own, or vectors of a given one.

Our tower reads words as sums of hashed character trigrams (Bojanowski 2017) and the sentence with
a two-layer transformer. It learns with the judge, needs no download and no vocabulary file. Vectors
of CLIP or BiomedCLIP come from `training.learning.pretrained_text` and stay as they are.
"""

import re
import zlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segassay.judge.networks.attention import AttentionBlock, masked_mean
from segassay.vocabulary.vector import NAME_DIM, name_vector

_BUCKETS = 4096
_WORDS, _GRAMS = 28, 20
_TOWER_DIM, _TOWER_DEPTH, _TOWER_HEADS = 96, 2, 4


class NgramTower(nn.Module):
    """A transformer over the words of fixed texts. `dim` is the length of its vectors."""

    dim = _TOWER_DIM

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        # Not a buffer: a moving average over buffers would round these integers down.
        self._ids = hashed_words(texts)
        self.grams = nn.EmbeddingBag(_BUCKETS, _TOWER_DIM, mode="mean", padding_idx=0)
        self.place = nn.Parameter(0.02 * torch.randn(_WORDS, _TOWER_DIM))
        self.blocks = nn.ModuleList(
            AttentionBlock(_TOWER_DIM, _TOWER_HEADS, widen=2) for _ in range(_TOWER_DEPTH)
        )

    def forward(self, rows: Tensor) -> Tensor:
        """Return the vectors `(b, dim)` of the tower's texts with these numbers, `(b,)`."""
        ids = self._ids.to(self.place.device)[rows]
        hidden = (ids == 0).all(dim=2)
        x = self.grams(ids.flatten(0, 1)).unflatten(0, hidden.shape) + self.place
        for block in self.blocks:
            x = block(x, hidden)
        return masked_mean(x, hidden)


class GivenText(nn.Module):
    """Vectors `(texts, dim)` that another tower made; they do not learn."""

    vectors: Tensor

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.dim = int(vectors.shape[1])
        self.register_buffer("vectors", nn.functional.normalize(vectors.float(), dim=1))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the vectors with these numbers, each of unit length."""
        return self.vectors[rows]


class NameTable(nn.Module):
    """Text vectors of the names a judge learns, looked up by the name part of its input.

    The input's name vector (`vocabulary.vector`) is the key; it is mixed into the text vector, too,
    because text towers place left and right, or two neighbouring vertebrae, at nearly one point.
    The first row is "no name", the key of which is zero.
    """

    keys: Tensor

    def __init__(self, names: Sequence[str], tower: NgramTower | GivenText, text_dim: int) -> None:
        super().__init__()
        keys = [torch.from_numpy(name_vector(name)) for name in (None, *names)]
        self.register_buffer("keys", torch.stack(keys))
        self.tower = tower
        self.mix = nn.Sequential(nn.Linear(tower.dim + NAME_DIM, text_dim), nn.LayerNorm(text_dim))
        self.nameless = nn.Parameter(torch.zeros(text_dim))

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the text vectors `(b, text_dim)` of the rows `(b,)` of `keys`."""
        named = rows > 0
        known = rows[named]
        mixed = self.mix(torch.cat([self.tower(known - 1), self.keys[known]], dim=1))
        vectors = self.nameless.expand(len(rows), -1).clone()
        vectors[named] = mixed.to(vectors.dtype)
        return vectors

    def every_vector(self) -> Tensor:
        """Return all text vectors `(1 + names, text_dim)`, in the order of `keys`."""
        return self.vectors(torch.arange(len(self.keys), device=self.keys.device))

    def forward(self, name: Tensor) -> Tensor:
        """Return the text vectors `(b, text_dim)` of name vectors `(b, NAME_DIM)`.

        A batch holds far fewer names than the table: only theirs are read by the tower.
        """
        rows, back = torch.unique(row_of(name, self.keys), return_inverse=True)
        return self.vectors(rows)[back]


def row_of(name: Tensor, keys: Tensor) -> Tensor:
    """Return which of `keys` `(k, NAME_DIM)` each name vector `(b, NAME_DIM)` is, `(b,)`.

    Keys are compared by distance; a name that is in the table lies at its key.
    """
    return (name[:, None] - keys[None]).square().sum(dim=2).argmin(dim=1)


def hashed_words(texts: Sequence[str]) -> Tensor:
    """Return the trigram numbers of texts, `(texts, words, trigrams)` int64, 0 for nothing.

    Every word counts as a whole, too. What does not fit (28 words, 20 trigrams) is left out.
    """
    ids = torch.zeros(len(texts), _WORDS, _GRAMS, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        words = re.findall(r"[a-z0-9]+", text.lower())
        for cells, word in zip(row, words, strict=False):
            grams = _grams(f"<{word}>")[:_GRAMS]
            cells[: len(grams)] = torch.tensor([1 + zlib.crc32(g) % (_BUCKETS - 1) for g in grams])
    return ids


def _grams(word: str) -> list[bytes]:
    trigrams = (word[n : n + 3] for n in range(len(word) - 2))
    return [part.encode() for part in dict.fromkeys((word, *trigrams))]
