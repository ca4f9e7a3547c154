"""From what a user names to a promptable segmenter."""

from pathlib import Path

from segassay.types import Engine
from segassay.weak.promptable.prompt_small import PromptSmall, find_prompt_small
from segassay.weak.promptable.protocol import PromptableSegmenter


def open_promptable(
    name_or_path: str, *, threads: int | None = None, engine: Engine = Engine.ONNX
) -> PromptableSegmenter:
    """Open a promptable segmenter.

    Raises:
        ModelError: There is none, or its files cannot be used.
    """
    folder = Path(name_or_path)
    if not folder.exists():
        folder = find_prompt_small(name_or_path)
    return PromptSmall(folder, threads=threads, engine=engine)
