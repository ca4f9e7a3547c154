"""The two parts that transformers are made of here: a block, and a pool steered by a query."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AttentionBlock(nn.Module):
    """Self-attention and an MLP, each behind a layer norm and added to its input."""

    def __init__(self, dim: int, heads: int, *, widen: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.project = nn.Linear(dim, 3 * dim)
        self.merge = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, widen * dim), nn.GELU(), nn.Linear(widen * dim, dim)
        )

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Map `(b, n, dim)` to the same shape; `hidden` `(b, n)` marks tokens nobody looks at."""
        query, key, value = self.project(self.norm1(x)).chunk(3, dim=2)
        seen = None if hidden is None else ~hidden[:, None, None, :]
        found = F.scaled_dot_product_attention(
            split_heads(query, self.heads),
            split_heads(key, self.heads),
            split_heads(value, self.heads),
            attn_mask=seen,
        )
        x = x + self.merge(join_heads(found))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class AttentionPool(nn.Module):
    """One vector out of many tokens: what a query, made from a condition, finds among them."""

    def __init__(self, dim: int, condition_dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(condition_dim, dim)
        self.offer = nn.Linear(dim, 2 * dim)
        self.merge = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """Map tokens `(b, n, dim)` and condition `(b, condition_dim)` to `(b, dim)`."""
        key, value = self.offer(tokens).chunk(2, dim=2)
        found = F.scaled_dot_product_attention(
            split_heads(self.ask(condition)[:, None], self.heads),
            split_heads(key, self.heads),
            split_heads(value, self.heads),
        )
        pooled: Tensor = self.merge(join_heads(found)[:, 0])
        return pooled


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Turn `(b, n, heads * d)` into `(b, heads, n, d)`."""
    b, n, dim = x.shape
    return x.reshape(b, n, heads, dim // heads).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """Turn `(b, heads, n, d)` back into `(b, n, heads * d)`."""
    return x.transpose(1, 2).flatten(2)


def masked_mean(x: Tensor, hidden: Tensor) -> Tensor:
    """Mean of tokens `(b, n, dim)` over those not `hidden` `(b, n)`; 0 where all are."""
    weight = (~hidden).to(x.dtype)[:, :, None]
    return (x * weight).sum(dim=1) / torch.clamp_min(weight.sum(dim=1), 1.0)
