"""What a vision-language judge's recipe says besides the rest: sizes, text tower, loss."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator


class VlmRecipe(BaseModel):
    """Sizes of the network, weights of its loss's parts; the regression has weight 1.

    `text_tower` is a folder with a CLIP or BERT-like model in the form of `transformers`, relative
    to the working folder; without it the small tower of this package learns with the judge.
    `margin` is the share of two labels' difference in Dice that their scores must keep.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dim: int = Field(default=128, ge=8)
    depth: int = Field(default=6, ge=1)
    heads: int = Field(default=4, ge=1)
    text_dim: int = Field(default=128, ge=8)
    text_tower: Path | None = None
    rank: float = Field(default=0.5, ge=0)
    margin: float = Field(default=0.5, ge=0, le=1)
    size: float = Field(default=0.3, ge=0)
    presence: float = Field(default=0.2, ge=0)

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> "VlmRecipe":
        if self.dim % self.heads:
            raise ValueError(f"dim must be a multiple of heads; got {self.dim} and {self.heads}")
        return self

    @field_serializer("text_tower")
    def _name_only(self, folder: Path | None) -> str | None:
        """Keep where the folder lies out of a judge's description."""
        return None if folder is None else folder.name
