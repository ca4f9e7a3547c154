"""The network of `prompt-small` and how it learns."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from benchmarks.weak.prompt_examples import draw_example, window
from segassay.segment.checkpoint import load_checkpoint, moving_average, save_checkpoint
from segassay.segment.networks import LiteUNet
from segassay.training.material.store import StoredSet
from segassay.types import Say
from segassay.weak.promptable.prompt_small import CHANNELS, PromptView

_COLOURS, _WIDTH = 3, 16
_BATCH = 8
_RATE, _ENCODER, _DECAY = 2e-3, 0.15, 1e-4
_WARM_UP, _LEAST = 0.02, 0.01
_AVERAGED = 0.995
_SAVED_S = 240.0


def prompt_net() -> LiteUNet:
    """Return the network, its encoder not pretrained yet: windows to logits `(b, 1, n, n)`."""
    return LiteUNet(_COLOURS, 1, _WIDTH, prompts=CHANNELS - _COLOURS)


class PromptTraining:
    """Trains a network; a stopped training goes on where it was last saved."""

    def __init__(
        self,
        net: LiteUNet,
        sets: Sequence[StoredSet],
        checkpoint: Path,
        *,
        minutes: float,
        seed: int = 0,
        say: Say,
    ) -> None:
        self._net, self._sets, self._checkpoint, self._say = net, tuple(sets), checkpoint, say
        weights = np.array([one.recipe.weight for one in sets], dtype=np.float64)
        self._shares = weights / weights.sum()
        self._minutes, self._rng = minutes, np.random.default_rng(seed)
        self._view = PromptView()
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        trunk = list(net.encoder.parameters())
        known = {id(one) for one in trunk}
        rest = [one for one in net.parameters() if id(one) not in known]
        self._rates = (_RATE * _ENCODER, _RATE)
        self._optimizer = torch.optim.AdamW(
            [{"params": trunk}, {"params": rest}], weight_decay=_DECAY
        )
        self._average = AveragedModel(net, avg_fn=moving_average(_AVERAGED), use_buffers=True)
        self._seconds, self._updates = 0.0, 0

    def run(self) -> nn.Module:
        """Train, and return the network with the moving average of its weights."""
        self._resume()
        last, saved, lost = time.monotonic(), self._seconds, []
        while self._seconds < 60 * self._minutes:
            share = self._seconds / (60 * self._minutes)
            falls = _LEAST + (1 - _LEAST) * 0.5 * (1 + math.cos(math.pi * share))
            rate = min(1.0, share / _WARM_UP + 0.01) * falls
            for group, most in zip(self._optimizer.param_groups, self._rates, strict=True):
                group["lr"] = most * rate
            lost.append(self._update())
            now = time.monotonic()
            self._seconds, last = self._seconds + now - last, now
            if self._seconds - saved > _SAVED_S:
                self._save()
                saved = self._seconds
                self._say(f"{saved / 60:.0f} min, {self._updates}, loss {np.mean(lost):.3f}")
                lost = []
        self._save()
        averaged: nn.Module = self._average.module
        return averaged.eval()

    def _update(self) -> float:
        drawn = [
            window(draw_example(self._sets, self._shares, self._rng), self._view, self._rng)
            for _ in range(_BATCH)
        ]
        given, label, inside = (_batch([one[n] for one in drawn]) for n in range(3))
        self._net.train()
        logits = self._net(given.contiguous(memory_format=torch.channels_last))[:, 0]
        loss = prompt_loss(logits, label, inside)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._net.parameters(), 5.0)
        self._optimizer.step()
        self._average.update_parameters(self._net)
        self._updates += 1
        return float(loss.detach())

    def _save(self) -> None:
        kept = {
            "net": self._net.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "seconds": self._seconds,
            "updates": self._updates,
            "recipe": {},
        }
        save_checkpoint(self._checkpoint, kept)

    def _resume(self) -> None:
        kept = load_checkpoint(self._checkpoint, {})
        if kept is None:
            return
        self._net.load_state_dict(kept["net"])
        self._average.load_state_dict(kept["average"])
        self._optimizer.load_state_dict(kept["optimizer"])
        self._seconds, self._updates = kept["seconds"], kept["updates"]
        self._rng = np.random.default_rng((self._updates, 1))
        self._say(f"going on after {self._seconds / 60:.0f} minutes")


def prompt_loss(logits: Tensor, label: Tensor, inside: Tensor) -> Tensor:
    """Return soft Dice loss and cross entropy of `(b, n, n)`, within the image alone."""
    p, known = torch.sigmoid(logits), (inside > 0.5).float()
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, label, reduction="none")
    both = (2 * (p * label * known).sum((1, 2)) + 1) / (((p + label) * known).sum((1, 2)) + 1)
    return (1 - both).mean() + (entropy * known).sum() / known.sum().clamp(min=1)


def _batch(parts: list[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(parts))
