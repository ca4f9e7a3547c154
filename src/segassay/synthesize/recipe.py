"""The recipe of a diffusion model: its network, how it learns, how images are drawn from it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SynthesisRecipe(BaseModel):
    """How synthetic images are made.

    The defaults learn on a processor. `recipes/synthesize-256.yaml` is what Auto-Generating Weak
    Labels (Deshpande et al., MIDL 2024) used, for a GPU.

    Attributes:
        size: Longer side of the images, in pixels.
        with_masks: Whether the model is conditioned on the masks of the structures: then every
            image is drawn to a mask and comes with it.
        patch: Side, in pixels, of what the network takes as one position, its pixels as channels.
            2 takes a quarter of the time of 1.
        widths: Channels of the U-Net's levels, each half as large as the one before. The first
            should be well above the values of a patch, whose noise it has to tell.
        blocks: Residual blocks per level.
        attention: How many of the levels, from the coarsest on, have self-attention.
        predicts: What the network predicts: the noise (Ho et al., NeurIPS 2020), or the velocity
            (Salimans and Ho, ICLR 2022), preconditioned as in `denoiser.Denoiser`.
        updates: Updates of the weights.
        minutes: End after so many minutes of learning instead; `None` for no limit.
        batch: Images per update, and images drawn at once.
        learning_rate: Of Adam.
        decay: Of the exponential moving average of the weights, which images are drawn with.
        mirror: Whether images are mirrored while learning; by default only pictures in colour are,
            in which neither side nor up and down means anything.
        slices: Slices taken of a volume at most, evenly spread over it; with masks over the slices
            that hold one.
        sampling_steps: Steps from noise to image (DDIM, Song et al., ICLR 2021).
        least_ratio: Images nearer to a training image than this, see `nearest.Nearest.ratio`, are
            drawn again.
        save_every: Updates between two checkpoints; where these take longer, two minutes.
        precision: Of Lightning Fabric; `auto` is bfloat16 where the machine computes in it.
        seed: Of weights, draws and noise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(default=64, ge=8)
    with_masks: bool = False
    patch: Literal[1, 2, 4] = 2
    widths: tuple[int, ...] = Field(default=(32, 64, 128), min_length=1)
    blocks: int = Field(default=1, ge=1)
    attention: int = Field(default=1, ge=0)
    predicts: Literal["noise", "velocity"] = "velocity"
    updates: int = Field(default=20_000, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    batch: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=5e-4, gt=0)
    decay: float = Field(default=0.999, ge=0, lt=1)
    mirror: bool | None = None
    slices: int = Field(default=16, ge=1)
    sampling_steps: int = Field(default=50, ge=1, le=1000)
    least_ratio: float = Field(default=0.5, ge=0, le=1)
    save_every: int = Field(default=100, ge=1)
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _fits_together(self) -> "SynthesisRecipe":
        if any(width < 8 or width % 8 for width in self.widths):
            raise ValueError(f"widths: multiples of 8, got {self.widths}")
        if self.size % self.step:
            raise ValueError(
                f"size: a multiple of {self.step}, which the network halves to one position, "
                f"got {self.size}"
            )
        return self

    @property
    def step(self) -> int:
        """What both sides of an image are multiples of."""
        return int(self.patch) << (len(self.widths) - 1)
