"""What is learned from images without labels: one function for each published method.

Each takes a `Step` and returns a loss. The teacher of all of them is the moving average of the
network that `train seg` keeps anyway (Mean Teacher, Tarvainen and Valpola 2017). Every pixel of
what is learned from counts by `Step.trust`: what a judge says of the pseudo-label, or 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import log

import torch
from torch import Generator, Tensor

from segassay.segment.loss import segmentation_loss
from segassay.semisup.semi_recipe import MethodName
from segassay.semisup.strong_views import draw, exchanged_box, mixed, noisy, strong_view

Network = Callable[[Tensor], Tensor]
_TINY = 1e-6


@dataclass(frozen=True, eq=False)
class Step:
    """A batch of unlabelled images, and who looks at them.

    Attributes:
        image: `(b, c, ...)`, changed as labelled ones are.
        known: `(b, 1, ...)`, 0 beyond the image.
        student: The network that learns; gives logits `(b, maps, ...)`.
        teacher: Gives probabilities of the same shape, without a gradient.
        second: The second network (`cps`); gives logits.
        trust: From masks `(b, s, ...)` to what their pixels count, in [0, 1], of a shape that
            broadcasts to theirs.
        exclusive: Whether maps are background and structures, of which every voxel has one.
        confidence: Pixels of pseudo-labels of a lower probability count nothing.
        passes: Predictions of which an uncertainty is made.
        rise: How far the loss has risen to its weight, 0 to 1.
        made: Draws what is random.
    """

    image: Tensor
    known: Tensor
    student: Network
    teacher: Network
    trust: Callable[[Tensor], Tensor]
    exclusive: bool
    made: Generator
    second: Network | None = None
    confidence: float = 0.9
    passes: int = 8
    rise: float = 1.0

    @cached_property
    def logits(self) -> Tensor:
        """What the student says of the images as they are."""
        return self.student(self.image)

    @cached_property
    def taught(self) -> Tensor:
        """Probabilities of the teacher for the images as they are."""
        return self.teacher(self.image)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Turn logits to probabilities."""
        return logits.softmax(1) if self.exclusive else logits.sigmoid()

    def masks(self, p: Tensor) -> Tensor:
        """Return masks 0 or 1 `(b, s, ...)` of probabilities, the likeliest map of each voxel."""
        if not self.exclusive:
            return (p > 0.5).float()
        best = p.argmax(1, keepdim=True)
        return torch.cat([best == n for n in range(1, p.shape[1])], dim=1).float()

    def sureness(self, p: Tensor) -> Tensor:
        """Return the probability of what `masks` chose: `(b, 1, ...)`, or of every structure."""
        return p.amax(1, keepdim=True) if self.exclusive else torch.maximum(p, 1 - p)

    def learn(self, logits: Tensor, masks: Tensor, counts: Tensor) -> Tensor:
        """Return the supervised loss against masks of which pixels count `(b, 1 or s, ...)`."""
        weight = torch.ones(masks.shape[:2], device=masks.device)
        return segmentation_loss(logits, masks, weight, counts, exclusive=self.exclusive)

    def agree(self, logits: Tensor, p: Tensor, counts: Tensor) -> Tensor:
        """Return the mean squared difference of probabilities, over pixels by what they count."""
        own = self.probabilities(logits)
        counts = counts.expand(len(own), own.shape[1] - self.exclusive, *own.shape[2:])
        if self.exclusive:  # background by what the masks around it count
            counts = torch.cat([counts.mean(1, keepdim=True), counts], dim=1)
        return (counts * (own - p).square()).sum() / counts.sum().clamp_min(_TINY)


def pseudo_labels(step: Step) -> Tensor:
    """The teacher's masks as labels, where it is sure (Lee 2013; QG-SSL, equation 7 without w)."""
    p = step.taught
    masks = step.masks(p)
    sure = step.sureness(p) >= step.confidence
    return step.learn(step.logits, masks, step.known * sure * step.trust(masks))


def pseudo_labels_weighted(step: Step) -> Tensor:
    """The same, the square of the teacher's probability as further weight of a pixel."""
    p = step.taught
    masks, sure = step.masks(p), step.sureness(p)
    counts = step.known * (sure >= step.confidence) * sure.square()
    return step.learn(step.logits, masks, counts * step.trust(masks))


def mean_teacher(step: Step) -> Tensor:
    """The student, on noisy images, agrees with the teacher (Tarvainen and Valpola 2017)."""
    p = step.taught
    logits = step.student(noisy(step.image, step.made))
    return step.agree(logits, p, step.known * step.trust(step.masks(p)))


def uncertainty_aware(step: Step) -> Tensor:
    """Mean teacher where the teacher is certain (UA-MT, Yu et al., MICCAI 2019).

    Uncertainty is the entropy of its mean over noisy images; the limit rises from three quarters of
    the largest entropy to all of it.
    """
    seen = [step.teacher(noisy(step.image, step.made)) for _ in range(step.passes)]
    mean = torch.stack(seen).mean(0).clamp(_TINY, 1 - _TINY)
    if step.exclusive:
        entropy = -(mean * mean.log()).sum(1, keepdim=True)
        most = log(mean.shape[1])
    else:
        entropy, most = -(mean * mean.log() + (1 - mean) * (1 - mean).log()), log(2)
    certain = entropy < (0.75 + 0.25 * step.rise) * most
    p = step.taught
    logits = step.student(noisy(step.image, step.made))
    return step.agree(logits, p, step.known * certain * step.trust(step.masks(p)))


def interpolation(step: Step) -> Tensor:
    """What is said of a mixture is the mixture of what is said (ICT, Verma et al. 2019; alpha 1).

    A mixture is trusted as much as the worse of the two.
    """
    p, image = step.taught, step.image
    order = torch.randperm(len(image), generator=step.made).to(image.device)
    share = draw((1,), image, step.made)
    counts = step.known * step.trust(step.masks(p))
    logits = step.student(share * image + (1 - share) * image[order])
    taught = share * p + (1 - share) * p[order]
    return step.agree(logits, taught, torch.minimum(counts, counts[order]))


def cross_pseudo_supervision(step: Step) -> Tensor:
    """Each of two networks learns the other's masks (CPS, Chen et al., CVPR 2021)."""
    if step.second is None:
        raise ValueError("cps: a second network is needed")
    both = step.logits, step.second(step.image)
    first, second = (step.masks(step.probabilities(one.detach())) for one in both)
    return sum(
        (
            step.learn(logits, masks, step.known * step.trust(masks))
            for logits, masks in zip(both, (second, first), strict=True)
        ),
        start=torch.zeros((), device=step.image.device),
    )


def fixmatch(step: Step) -> Tensor:
    """Sure masks of the image as it is are the labels of a strong view (Sohn et al. 2020)."""
    p = step.taught
    masks = step.masks(p)
    counts = step.known * (step.sureness(p) >= step.confidence) * step.trust(masks)
    return step.learn(step.student(strong_view(step.image, step.made)), masks, counts)


def unimatch(step: Step) -> Tensor:
    """FixMatch on two strong views, in each a box of another image (UniMatch, Yang et al. 2023).

    Its stream of perturbed features is left out: where features are is another matter in each
    network.
    """
    p = step.taught
    masks = step.masks(p)
    counts = step.known * (step.sureness(p) >= step.confidence) * step.trust(masks)
    counts = counts.expand_as(masks)
    total = torch.zeros((), device=step.image.device)
    for _ in range(2):
        box = exchanged_box(step.image, step.made)
        order = torch.randperm(len(box), generator=step.made).to(box.device)
        view = strong_view(mixed(step.image, step.image[order], box), step.made)
        labels, own = (mixed(one, one[order], box) for one in (masks, counts))
        total = total + step.learn(step.student(view), labels, own) / 2
    return total


METHODS: Mapping[MethodName, Callable[[Step], Tensor]] = {
    "pseudo-labels": pseudo_labels,
    "pseudo-labels-weighted": pseudo_labels_weighted,
    "mean-teacher": mean_teacher,
    "ua-mt": uncertainty_aware,
    "ict": interpolation,
    "cps": cross_pseudo_supervision,
    "fixmatch": fixmatch,
    "unimatch": unimatch,
}
"""All but `supervised`, which learns nothing from them."""
