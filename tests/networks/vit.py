"""A small vision transformer: patches, class token, position embedding, attention, two heads of output."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

SIDE, PATCH, FEATURES, CLASSES = 48, 8, 16, 5
TOKENS = 1 + (SIDE // PATCH) ** 2


@keras.saving.register_keras_serializable("tests")
class Places(layers.Layer):  # type: ignore[misc]
    """(n, patches, features) -> (n, 1 + patches, features): the class token in front, places added."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """A class token and a place for each token."""
        _, patches, features = shape
        assert patches is not None
        self.token = self.add_weight(shape=(1, 1, features), initializer="random_normal", name="token")
        self.place = self.add_weight(
            shape=(1, patches + 1, features), initializer="random_normal", name="place"
        )

    def call(self, patches: Any) -> Any:
        """Class token first, then the patches, each with its place."""
        token = keras.ops.broadcast_to(self.token, (keras.ops.shape(patches)[0], 1, patches.shape[-1]))
        return keras.ops.concatenate([token, patches], axis=1) + self.place


def vit(blocks: int = 2) -> Any:
    """Pictures (n, SIDE, SIDE, 3) -> class probabilities; blocks are named `block1_...`."""
    keras.utils.set_random_seed(5)
    pixels = keras.Input((SIDE, SIDE, 3), name="pixels")
    x = layers.Conv2D(FEATURES, PATCH, strides=PATCH, name="patches")(pixels)
    x = layers.Reshape((TOKENS - 1, FEATURES), name="row")(x)
    x = Places(name="places")(x)
    for number in range(1, blocks + 1):
        x = _block(x, f"block{number}")
    x = layers.LayerNormalization(name="norm")(x)
    return keras.Model(pixels, layers.Dense(CLASSES, "softmax", name="classes")(x[:, 0]), name="vit")


def _block(x: Any, name: str) -> Any:
    normal = layers.LayerNormalization(name=f"{name}_norm1")(x)
    seen = layers.MultiHeadAttention(2, FEATURES // 2, name=f"{name}_attention")(normal, normal)
    x = layers.Add(name=f"{name}_seen")([x, seen])
    hidden = layers.LayerNormalization(name=f"{name}_norm2")(x)
    hidden = layers.Dense(2 * FEATURES, activation="gelu", name=f"{name}_hidden")(hidden)
    return layers.Add(name=f"{name}_out")([x, layers.Dense(FEATURES, name=f"{name}_back")(hidden)])
