"""A dictionary of a layer: features as directions among its channels, and how strongly each is in a vector.

Sparse autoencoders are such, and the concepts that a matrix factorisation finds. Needs NumPy only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from generator.errors import ModelError

Array = NDArray[Any]

Activation = Literal["relu", "jumprelu", "topk", "nonnegative"]
ACTIVATIONS: tuple[str, ...] = get_args(Activation)

MOST_FEATURES = 65_536


@dataclass(frozen=True, eq=False)
class Dictionary:
    """The features of a layer of C channels; arrays are float32.

    With z = x @ `encoder` + `bias` of a vector x (C,), features (F,) are by `activation`: `relu` max(z, 0);
    `jumprelu` z where it is above `threshold` (F,), else 0; `topk` max(z, 0) where z is among the `k`
    largest, else 0; `nonnegative` the f >= 0 whose f @ `decoder` is nearest to max(x, 0), of which z is what
    it is without that bound. `encoder` is (C, F), `bias` (F,), `decoder` (F, C), `centre` (C,).
    """

    encoder: Array
    bias: Array
    decoder: Array
    centre: Array
    activation: Activation = "relu"
    threshold: Array | None = None
    k: int = 0

    @property
    def channels(self) -> int:
        """How many channels the layer has."""
        return int(self.encoder.shape[0])

    @property
    def features(self) -> int:
        """How many features there are."""
        return int(self.encoder.shape[1])

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        parts = (self.encoder, self.bias, self.decoder, self.centre, self.threshold)
        return sum(part.size for part in parts if part is not None)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all that it is, whichever file that stands in and by which names."""
        told = hashlib.sha256(f"{self.activation} {self.k} {self.encoder.shape}".encode())
        for part in (self.encoder, self.bias, self.decoder, self.centre, self.threshold):
            told.update(b"" if part is None else np.ascontiguousarray(part, "<f4").tobytes())
        return told.hexdigest()

    def reconstructed(self, codes: Array) -> Array:
        """What features (n, F) make of the layer, (n, C)."""
        whole: Array = codes @ self.decoder + self.centre
        return whole


def from_components(components: Array) -> Dictionary:
    """The dictionary whose decoder these are, (F, C), each vector being the nearest sum of them, none less
    than none."""
    decoder = np.asarray(components, np.float32)
    encoder = np.linalg.pinv(decoder.astype(np.float64)).astype(np.float32)
    nothing = np.zeros(len(decoder), np.float32)
    return Dictionary(encoder, nothing, decoder, np.zeros(decoder.shape[1], np.float32), "nonnegative")


# -- from arrays of a user's ------------------------------------------------------------------------

NAMES: Mapping[str, tuple[str, ...]] = {
    "encoder": ("encoder", "W_enc"),
    "encoder_bias": ("encoder_bias", "b_enc", "encoder.bias"),
    "decoder": ("decoder", "W_dec"),
    "decoder_bias": ("decoder_bias", "b_dec", "decoder.bias"),
    "activation": ("activation",),
    "threshold": ("threshold",),
    "k": ("k",),
    "apply_b_dec_to_input": ("apply_b_dec_to_input",),
}
"""Names of arrays, and others that they go by."""
TURNED = {"encoder": "encoder.weight", "decoder": "decoder.weight"}
"""Names by which PyTorch's linear layers keep them, with the axes the other way round."""
KNOWN = frozenset({*TURNED.values(), *(name for names in NAMES.values() for name in names)})


def from_arrays(arrays: Mapping[str, Array]) -> Dictionary:
    """A dictionary from arrays by the names that docs/concepts.md tells; others may be among them.

    Raises ModelError, which says what is wrong with which array.
    """
    found = _Arrays(arrays)
    activation = _activation(found)
    decoder = found.matrix("decoder", "(features, channels)")
    features, channels = decoder.shape
    if not 1 <= features <= MOST_FEATURES:
        raise ModelError(f"`decoder` has {features:,} features; 1 to {MOST_FEATURES:,} can be shown")
    if activation == "nonnegative":
        found.refuse("encoder", "encoder_bias", "decoder_bias", because="they follow from `decoder`")
        return from_components(decoder)
    encoder = found.matrix("encoder", "(channels, features)")
    if encoder.shape != (channels, features):
        raise ModelError(
            f"`encoder` {encoder.shape} should be (channels, features), and `decoder` {decoder.shape} "
            "(features, channels)"
        )
    centre = found.row("decoder_bias", channels, "channels")
    bias = found.row("encoder_bias", features, "features")
    if found.number("apply_b_dec_to_input", 1):
        # Rounded once, so that the order of the sums leaves no trace in the digest.
        bias = (bias - centre.astype(np.float64) @ encoder).astype(np.float32)
    threshold = found.row("threshold", features, "features") if activation == "jumprelu" else None
    k = int(found.number("k", 0)) if activation == "topk" else 0
    if activation == "topk" and not 1 <= k <= features:
        raise ModelError(f"`k` is {k}; it should be from 1 to the {features:,} features there are")
    return Dictionary(encoder, bias, decoder, centre, activation, threshold, k)


def _activation(found: _Arrays) -> Activation:
    """As it is said, or else as what there is beside the weights tells."""
    fits: dict[str, Activation] = {name: name for name in get_args(Activation)}
    if (said := found.word("activation")) is not None:
        if said not in fits:
            raise ModelError(f"`activation` is {said[:40]!r}; known are {', '.join(fits)}")
        needed = {"jumprelu": "threshold", "topk": "k"}.get(said)
        if needed and needed not in found:
            raise ModelError(f"`activation` is {said}, which needs an array `{needed}`")
        return fits[said]
    if "threshold" in found and "k" in found:
        raise ModelError(
            "has both `threshold` and `k`; an array `activation` should say which of them counts"
        )
    return "jumprelu" if "threshold" in found else "topk" if "k" in found else "relu"


class _Arrays:
    """Arrays by our names, whichever name they go by."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._held = ", ".join(sorted(arrays)[:12]) or "nothing"
        self._found: dict[str, Array] = {}
        for name, others in NAMES.items():
            given = {other: arrays[other] for other in others if other in arrays}
            if (turned := TURNED.get(name, "")) in arrays:
                given[turned] = np.transpose(arrays[turned])
            if len(given) > 1:
                raise ModelError(f"has `{name}` more than once, as {' and '.join(given)}")
            if given:
                self._found[name] = np.asarray(next(iter(given.values())))

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def matrix(self, name: str, wanted: str) -> Array:
        """An array of two axes."""
        if name not in self:
            raise ModelError(f"holds no array `{name}` {wanted} (it holds {self._held})")
        array = self._numbers(name)
        if array.ndim != 2:
            raise ModelError(f"`{name}` has the shape {array.shape}; it should be {wanted}")
        return array

    def row(self, name: str, count: int, of: str) -> Array:
        """An array of one axis; where there is none, zeros."""
        array = self._numbers(name) if name in self else np.zeros(count, np.float32)
        if array.shape != (count,):
            raise ModelError(f"`{name}` has the shape {array.shape}; it should be ({count},), the {of}")
        return array

    def number(self, name: str, default: float) -> float:
        """The only number of an array."""
        if name not in self:
            return default
        array = self._numbers(name)
        if array.size != 1:
            raise ModelError(f"`{name}` has the shape {array.shape}; it should be one number")
        return float(array.reshape(-1)[0])

    def word(self, name: str) -> str | None:
        """The only word of an array."""
        if name not in self:
            return None
        array = self._found[name]
        if array.dtype.kind not in "US" or array.size != 1:
            raise ModelError(f"`{name}` should be one word, {', '.join(ACTIVATIONS)}")
        word = array.reshape(-1)[0]
        return word.decode("latin-1") if isinstance(word, bytes) else str(word)

    def refuse(self, *names: str, because: str) -> None:
        """Raises ModelError where there is one of these."""
        for name in names:
            if name in self:
                raise ModelError(f"has `{name}`, which `activation: nonnegative` takes none of: {because}")

    def _numbers(self, name: str) -> Array:
        array = self._found[name]
        if array.dtype.kind not in "buif" and array.dtype.name != "bfloat16":
            raise ModelError(f"`{name}` holds no numbers ({array.dtype})")
        with np.errstate(over="ignore"):
            array = np.array(array, np.float32, order="C")  # of its own: the file may be written anew
        if not np.isfinite(array).all():
            raise ModelError(f"`{name}` holds values that are no finite numbers")
        return array
