"""The denoising network of a diffusion model, and the way from noise to an image: MONAI's parts."""

from math import gcd

import torch
from monai.inferers import DiffusionInferer
from monai.networks.nets import DiffusionModelUNet
from monai.networks.schedulers import DDIMScheduler, DDPMScheduler
from torch import Tensor, nn
from torch.nn import functional as F

from segassay.synthesize.recipe import SynthesisRecipe

LEVELS = 1000
"""Levels of noise, as in Ho et al.; so many updates' worth of noise lie between image and noise."""

_PREDICTS = {"noise": "epsilon", "velocity": "v_prediction"}

_SPREAD = 0.5
"""Standard deviation of images in [-1, 1] that is assumed, as by Karras et al."""


class Denoiser(nn.Module):
    """MONAI's diffusion U-Net on patches of pixels, which it takes as channels.

    Of a velocity it predicts only what no pixel tells by itself, at one scale for all levels of
    noise: the rest is linear in the noisy pixel (preconditioning of Karras et al., Elucidating the
    Design Space of Diffusion-Based Generative Models, NeurIPS 2022, table 1, in terms of velocity).
    """

    def __init__(self, recipe: SynthesisRecipe, channels: int, structures: int) -> None:
        super().__init__()
        self.patch, widths = int(recipe.patch), recipe.widths
        pixels = self.patch**2
        n = len(widths)
        self.net = DiffusionModelUNet(
            spatial_dims=2,
            in_channels=(channels + structures) * pixels,
            out_channels=channels * pixels,
            num_res_blocks=recipe.blocks,
            channels=widths,
            attention_levels=[level >= n - recipe.attention for level in range(n)],
            num_head_channels=[gcd(width, 64) for width in widths],
            norm_num_groups=gcd(32, *widths),
        )
        left, image = _signal(), _SPREAD**2
        variance = left * image + (1 - left)  # of a noisy pixel
        linear = (left * (1 - left)).sqrt() * (1 - image) / variance
        rest = (image / variance).sqrt()
        if recipe.predicts == "noise":
            linear, rest = torch.zeros(LEVELS), torch.ones(LEVELS)
        self.linear: Tensor
        self.rest: Tensor
        self.register_buffer("linear", linear, persistent=False)
        self.register_buffer("rest", rest, persistent=False)

    def forward(self, x: Tensor, timesteps: Tensor, context: None = None) -> Tensor:
        """Predict noise or velocity.

        Args:
            x: Noisy images `(b, channels + structures, rows, columns)`, masks last.
            timesteps: Their levels of noise, `(b,)` or `(1,)`.
            context: Not used; MONAI's inferer passes it on.

        Returns:
            `(b, channels, rows, columns)`.
        """
        del context
        said = F.pixel_shuffle(self.net(F.pixel_unshuffle(x, self.patch), timesteps), self.patch)
        linear, rest = (
            one[timesteps.long()][:, None, None, None] for one in (self.linear, self.rest)
        )
        return linear * x[:, : said.shape[1]] + rest * said


def _signal() -> Tensor:
    """Return the variance that is left of the image at every level of noise, `(1000,)`."""
    left: Tensor = DDPMScheduler(LEVELS).alphas_cumprod
    return left


def denoising_loss(
    net: nn.Module,
    recipe: SynthesisRecipe,
    image: Tensor,
    noise: Tensor,
    level: Tensor,
    mask: Tensor,
) -> Tensor:
    """Return the mean squared error of what the network predicts of noisy images.

    Args:
        net: A `Denoiser`.
        recipe: What it predicts.
        image: `(b, channels, rows, columns)` in [-1, 1].
        noise: Standard normal, of the same shape.
        level: Levels of noise, whole numbers below 1000, `(b,)`.
        mask: `(b, structures, rows, columns)`; there may be no structures.
    """
    scheduler = DDPMScheduler(LEVELS, prediction_type=_PREDICTS[recipe.predicts])
    said = DiffusionInferer(scheduler)(image, net, noise, level, condition=mask, mode="concat")
    velocity = recipe.predicts == "velocity"
    wanted = scheduler.get_velocity(image, noise, level) if velocity else noise
    return F.mse_loss(said.float(), wanted)


@torch.no_grad()
def sample(net: nn.Module, recipe: SynthesisRecipe, noise: Tensor, mask: Tensor) -> Tensor:
    """Turn noise `(b, channels, rows, columns)` to images in [-1, 1] by DDIM.

    No noise is added on the way: the same noise and `mask` `(b, structures, rows, columns)` give
    the same images.
    """
    scheduler = DDIMScheduler(LEVELS, prediction_type=_PREDICTS[recipe.predicts])
    scheduler.set_timesteps(recipe.sampling_steps)
    # Steps of the length that the scheduler takes, from pure noise on: MONAI's own are a little
    # longer, and begin and end off the levels that it steps to.
    scheduler.timesteps = torch.arange(LEVELS - 1, -1, -(LEVELS // recipe.sampling_steps))
    images: Tensor = DiffusionInferer(scheduler).sample(
        noise, net, scheduler, conditioning=mask, mode="concat", verbose=False
    )
    return images.clamp(-1, 1)
