"""EfficientNet-Lite0 in torch, layers named as in our Keras network, with TensorFlow's SAME padding.

TensorFlow pads a strided convolution by as much as the input's size asks for, one more at the end when it
is odd; torch's own padding would shift every layer after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

_STAGES = (
    # repeats, kernel, stride, expansion, filters
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConv(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's SAME."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve."""
        height, width = (self._padding(side) for side in x.shape[2:])
        x = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        return F.conv2d(x, self.weight, None, self.stride, 0, 1, self.groups)

    def _padding(self, side: int) -> int:
        kernel, stride = self.kernel_size[0], self.stride[0]
        return max((-(-side // stride) - 1) * stride + kernel - side, 0)


class Block(nn.Module):
    """An inverted bottleneck; `add` is what a hook on the sum needs."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = inputs * expand
        if expand != 1:
            self.expand_conv, self.expand_bn = SameConv(inputs, inner, 1), _norm(inner)
            self.expand_activation = nn.ReLU6()
        self.dwconv, self.bn = SameConv(inner, inner, kernel, stride, inner), _norm(inner)
        self.activation = nn.ReLU6()
        self.project_conv, self.project_bn = SameConv(inner, outputs, 1), _norm(outputs)
        self.expands, self.adds = expand != 1, stride == 1 and inputs == outputs
        if self.adds:
            self.add = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        shortcut = x
        if self.expands:
            x = self.expand_activation(self.expand_bn(self.expand_conv(x)))
        x = self.activation(self.bn(self.dwconv(x)))
        x = self.project_bn(self.project_conv(x))
        return self.add(x + shortcut) if self.adds else x


class Lite0(nn.Module):
    """(n, 3, height, width) network input -> (n, 1000) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem_conv, self.stem_bn, self.stem_activation = SameConv(3, 32, 3, 2), _norm(32), nn.ReLU6()
        self.blocks, channels = [], 32
        for stage, (repeats, kernel, stride, expand, filters) in enumerate(_STAGES):
            for repeat in range(repeats):
                name = f"block{stage + 1}{chr(ord('a') + repeat)}"
                setattr(self, name, Block(channels, filters, kernel, 1 if repeat else stride, expand))
                self.blocks.append(name)
                channels = filters
        self.head_conv, self.head_bn, self.head = SameConv(channels, 1280, 1), _norm(1280), nn.ReLU6()
        self.logits = nn.Linear(1280, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        x = self.stem_activation(self.stem_bn(self.stem_conv(x)))
        for name in self.blocks:
            x = getattr(self, name)(x)
        x = self.head(self.head_bn(self.head_conv(x)))
        return self.logits(x.mean((2, 3)))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


def load(tensors: Mapping[str, Any]) -> Lite0:
    """The network with the weights of the checkpoint that ours come from, ready for inference."""
    network = Lite0()
    own = network.state_dict()
    for name, value in tensors.items():
        own[_own_name(name, network)].copy_(torch.from_numpy(value))
    return network.eval()


_OUTER = {
    "_conv_stem": "stem_conv",
    "_bn0": "stem_bn",
    "_conv_head": "head_conv",
    "_bn1": "head_bn",
    "_fc": "logits",
}
_INNER = {
    "_expand_conv": "expand_conv",
    "_depthwise_conv": "dwconv",
    "_project_conv": "project_conv",
    "_bn2": "project_bn",
}


def _own_name(name: str, network: Lite0) -> str:
    """Our name of a tensor of the checkpoint, such as `_blocks.3._bn0.weight`."""
    parts = name.split(".")
    if parts[0] != "_blocks":
        return f"{_OUTER[parts[0]]}.{parts[1]}"
    block = network.blocks[int(parts[1])]
    # A block that does not expand still calls its first normalisation _bn1.
    norms = {"_bn0": "expand_bn", "_bn1": "bn"}
    return f"{block}.{(_INNER | norms)[parts[2]]}.{parts[3]}"
