"""What a network draws in a window comes back to the right pixels of the slice."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="needs the train extra")

import torch

from segassay.errors import ModelError
from segassay.files.checksums import write_checksums
from segassay.metrics.overlap import dice
from segassay.weak.promptable.open_promptable import open_promptable
from segassay.weak.promptable.prompt_small import (
    CARD,
    CHANNELS,
    META,
    NETWORK,
    SIDE_PX,
    WINDOW,
    PromptMeta,
    PromptSmall,
    PromptView,
    find_prompt_small,
)
from segassay.weak.promptable.protocol import PromptKind
from segassay.weak.prompts import Prompt, prompts_of

BoolArray = NDArray[np.bool_]


def write_network(folder: Path, channel: int) -> Path:
    """Write a network that draws what one channel of its input shows."""
    from segassay.judge.networks.onnx_file import write_onnx

    class Echo(torch.nn.Module):
        def forward(self, window: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(20 * (window[:, channel : channel + 1] - 0.5))

    folder.mkdir(parents=True)
    example = (torch.zeros(2, CHANNELS, SIDE_PX, SIDE_PX),)
    write_onnx(Echo(), example, folder / NETWORK, names=(("window",), ("probabilities",)))
    meta = PromptMeta(name="echo", side_px=SIDE_PX, window=WINDOW)
    (folder / META).write_text(meta.model_dump_json())
    (folder / CARD).write_text("# echo\n")
    write_checksums(folder, (NETWORK, META, CARD))
    return folder


@pytest.fixture(scope="module")
def echo_mask(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(tmp_path_factory.mktemp("echo") / "echo", channel=6)


def ellipse(shape: tuple[int, int], row: float, column: float, a: float, b: float) -> BoolArray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(((rows - row) / a) ** 2 + ((columns - column) / b) ** 2 <= 1)


@pytest.mark.parametrize(
    "mask",
    [
        ellipse((120, 90), 60, 45, 20, 9),
        ellipse((120, 90), 4, 84, 14, 14),  # in a corner
        ellipse((64, 400), 30, 200, 28, 150),
        ellipse((90, 90), 40, 40, 3, 3),
    ],
)
def test_masks_come_back_where_they_were(mask: BoolArray, echo_mask: Path) -> None:
    segmenter = PromptSmall(echo_mask, threads=1)
    image = np.random.default_rng(0).random((*mask.shape, 3), dtype=np.float32)
    (prompt,) = prompts_of(mask)
    drawn = segmenter.open_slice(image).draw([prompt], PromptKind.MASK)
    assert drawn.shape == (1, *mask.shape)
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert dice(drawn[0] > 0.5, mask) > 0.93


def test_several_prompts_are_drawn_each_by_itself(echo_mask: Path) -> None:
    mask = ellipse((100, 200), 50, 50, 30, 20) | ellipse((100, 200), 50, 150, 12, 20)
    segmenter = open_promptable(str(echo_mask), threads=1)
    found = prompts_of(mask)
    drawn = segmenter.open_slice(np.zeros((100, 200, 3), np.float32)).draw(found, PromptKind.MASK)
    assert [dice(p > 0.5, one.component) > 0.95 for p, one in zip(drawn, found, strict=True)] == [
        True,
        True,
    ]
    nothing = segmenter.open_slice(np.zeros((9, 7, 3), np.float32)).draw([], PromptKind.BOX)
    assert nothing.shape == (0, 9, 7)


def test_a_kind_shows_what_it_names_and_nothing_else() -> None:
    (prompt,) = prompts_of(ellipse((80, 80), 40, 40, 15, 10))
    view, image = PromptView(), np.zeros((80, 80, 3), dtype=np.float32)

    def shown(kind: PromptKind, prompt: Prompt = prompt) -> list[bool]:
        given = view(image, prompt, kind, view.box(prompt, kind))
        return [bool(channel.any()) for channel in given[3:]]

    box, inside, outside, mask = range(4)
    assert [shown(PromptKind.BOX)[n] for n in (box, inside, outside, mask)] == [1, 0, 0, 0]
    assert [shown(PromptKind.POINTS)[n] for n in (box, inside, mask)] == [0, 1, 0]
    assert [shown(PromptKind.MASK)[n] for n in (box, inside, mask)] == [1, 1, 1]


def test_points_alone_do_not_tell_the_size_by_the_window() -> None:
    view = PromptView()
    small, large = (prompts_of(ellipse((80, 80), 40, 40, size, size))[0] for size in (5.0, 25.0))
    assert view.box(small, PromptKind.POINTS) == view.box(large, PromptKind.POINTS)
    assert view.box(small, PromptKind.BOX) != view.box(large, PromptKind.BOX)


def test_a_changed_or_missing_network_is_refused(echo_mask: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in echo_mask.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / META).write_text(PromptMeta(name="other", side_px=96, window=2.0).model_dump_json())
    with pytest.raises(ModelError):
        PromptSmall(copy)
    with pytest.raises(ModelError):
        find_prompt_small("there-is-no-such-network")
