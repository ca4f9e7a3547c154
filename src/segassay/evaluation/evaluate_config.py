"""What can be asked of `segassay evaluate`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from segassay.types import DEFAULT_JUDGE, Modality


class EvaluateConfig(BaseModel):
    """Options of `segassay evaluate`; `limit` counts images, `peers` and `argv` as in an audit.

    `modality` is the kind of the images whose rows do not tell it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: Path
    out: Path
    judge: str = DEFAULT_JUDGE
    peers: int = Field(default=10, ge=0, le=50)
    limit: int | None = Field(default=None, ge=1)
    modality: Modality | None = None
    overwrite: bool = False
    argv: tuple[str, ...] = ()
