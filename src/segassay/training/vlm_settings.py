"""What a vision-language judge's recipe says besides the rest: sizes and text tower."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator


class VlmRecipe(BaseModel):
    """Sizes of the network.

    `text_tower` is a folder with a CLIP or BERT-like model in the form of `transformers`, relative
    to the working folder; without it the small tower of this package learns with the judge.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dim: int = Field(default=128, ge=8)
    depth: int = Field(default=6, ge=1)
    heads: int = Field(default=4, ge=1)
    text_dim: int = Field(default=128, ge=8)
    text_tower: Path | None = None

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> "VlmRecipe":
        if self.dim % self.heads:
            raise ValueError(f"dim must be a multiple of heads; got {self.dim} and {self.heads}")
        return self

    @field_serializer("text_tower")
    def _name_only(self, folder: Path | None) -> str | None:
        """Keep where the folder lies out of a judge's description."""
        return None if folder is None else folder.name
