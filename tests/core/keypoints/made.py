"""Sources and poses that several tests of the face render use."""

import torch
from torch import Tensor

from core.head.rotation import euler_to_matrix
from core.keypoints import FaceRender, KeypointsConfig
from core.keypoints.pose import HeadPose

TINY = KeypointsConfig.tiny()


def pose(count: int = 1) -> HeadPose:
    """A head that is a little turned."""
    rotation = euler_to_matrix(torch.tensor([0.1, -0.2, 0.05])).expand(count, 3, 3)
    return HeadPose(rotation, torch.tensor([[0.05, 0.1]]).expand(count, 2), torch.full((count,), 0.5))


def random_render(seed: int = 0) -> FaceRender:
    """Tiny networks with random weights, also in the layers that begin at zero."""
    torch.manual_seed(seed)
    network = FaceRender(TINY)
    with torch.no_grad():
        for head in (network.detector.head, network.motion.to_volume, network.motion.to_surface):
            torch.nn.init.normal_(head.weight, std=0.05)
        torch.nn.init.normal_(network.decoder.to_picture.weight, std=0.05)
    return network.eval()


def pictures(count: int, side: int = TINY.side, seed: int = 1) -> Tensor:
    """Smooth random pictures (count, 3, side, side)."""
    coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
