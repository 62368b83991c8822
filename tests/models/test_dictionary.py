"""Dictionaries in files: every form that is documented is read, everything else is refused in one line."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from generator.errors import ModelError
from generator.models.dictionary import Dictionary, from_components
from generator.models.dictionary_file import read_dictionary

RANDOM = np.random.default_rng(0)
ENCODER = RANDOM.normal(size=(6, 10)).astype("float32")
DECODER = RANDOM.normal(size=(10, 6)).astype("float32")
BIAS = RANDOM.normal(size=10).astype("float32")
CENTRE = RANDOM.normal(size=6).astype("float32")
PLAIN = {"encoder": ENCODER, "decoder": DECODER}
WHOLE = {**PLAIN, "encoder_bias": BIAS, "decoder_bias": CENTRE}


def npz(folder: Path, **arrays: Any) -> Path:
    path = folder / "sae.npz"
    np.savez(path, **arrays)
    return path


def safetensors(folder: Path, metadata: dict[str, str] | None = None, **arrays: Any) -> Path:
    path = folder / "sae.safetensors"
    kept = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    save_file(kept, path, metadata=metadata)
    return path


def test_names_of_others_give_the_same_dictionary(tmp_path: Path) -> None:
    own = read_dictionary(npz(tmp_path, **WHOLE))
    lens = {"W_enc": ENCODER, "W_dec": DECODER, "b_enc": BIAS, "b_dec": CENTRE, "cfg": np.zeros(3)}
    torch = {"encoder.weight": ENCODER.T, "decoder.weight": DECODER.T, "b_enc": BIAS, "decoder.bias": CENTRE}
    for arrays in (lens, torch):
        assert read_dictionary(npz(tmp_path, **arrays)).digest == own.digest
        assert read_dictionary(safetensors(tmp_path, **arrays)).digest == own.digest
    assert (own.channels, own.features, own.activation) == (6, 10, "relu")


def test_what_is_there_beside_the_weights_tells_the_activation_function(tmp_path: Path) -> None:
    threshold = np.linspace(0, 1, 10)
    assert read_dictionary(npz(tmp_path, **PLAIN, threshold=threshold)).activation == "jumprelu"
    assert read_dictionary(npz(tmp_path, **PLAIN, k=np.array(3))).k == 3
    found = read_dictionary(safetensors(tmp_path, {"activation": "topk", "k": "4", "by": "me"}, **PLAIN))
    assert (found.activation, found.k) == ("topk", 4)
    found = read_dictionary(npz(tmp_path, decoder=DECODER, activation="nonnegative"))
    assert found.digest == from_components(DECODER).digest


def test_the_decoders_bias_is_taken_off_before_unless_it_is_said_not_to_be(tmp_path: Path) -> None:
    taken = read_dictionary(npz(tmp_path, **WHOLE))
    left = read_dictionary(npz(tmp_path, **WHOLE, apply_b_dec_to_input=np.array(False)))
    np.testing.assert_allclose(taken.bias, BIAS - CENTRE @ ENCODER, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(left.bias, BIAS)
    np.testing.assert_allclose(taken.reconstructed(np.eye(10))[3], DECODER[3] + CENTRE, rtol=1e-6)


def test_half_precision_is_read_as_what_it_is(tmp_path: Path) -> None:
    short = {name: array.astype(ml_dtypes.bfloat16) for name, array in PLAIN.items()}
    found = read_dictionary(safetensors(tmp_path, **short))
    np.testing.assert_array_equal(found.encoder, short["encoder"].astype("float32"))
    assert read_dictionary(npz(tmp_path, encoder=ENCODER.astype("f2"), decoder=DECODER)).channels == 6


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "holds no array `decoder` (features, channels) (it holds nothing)"),
        ({"weights": ENCODER}, "holds no array `decoder` (features, channels) (it holds weights)"),
        ({"encoder": ENCODER}, "holds no array `decoder` (features, channels) (it holds encoder)"),
        ({"decoder": DECODER}, "holds no array `encoder` (channels, features) (it holds decoder)"),
        (
            {"encoder": ENCODER.T, "decoder": DECODER},
            "`encoder` (10, 6) should be (channels, features), and `decoder` (10, 6) (features, channels)",
        ),
        (
            {**PLAIN, "encoder": ENCODER[0]},
            "`encoder` has the shape (10,); it should be (channels, features)",
        ),
        ({**PLAIN, "W_enc": ENCODER}, "has `encoder` more than once, as encoder and W_enc"),
        (
            {**WHOLE, "encoder_bias": CENTRE},
            "`encoder_bias` has the shape (6,); it should be (10,), the features",
        ),
        (
            {**WHOLE, "decoder_bias": BIAS},
            "`decoder_bias` has the shape (10,); it should be (6,), the channels",
        ),
        ({**PLAIN, "encoder": ENCODER * np.nan}, "`encoder` holds values that are no finite numbers"),
        (
            {**PLAIN, "decoder": DECODER.astype("f8") * 1e300},
            "`decoder` holds values that are no finite numbers",
        ),
        ({**PLAIN, "encoder": ENCODER.astype(str)}, "`encoder` holds no numbers (<U32)"),
        ({**PLAIN, "encoder": np.array([[None]])}, "`encoder` holds Python objects, not numbers"),
        (
            {**PLAIN, "activation": "gelu"},
            "`activation` is 'gelu'; known are relu, jumprelu, topk, nonnegative",
        ),
        ({**PLAIN, "activation": 3}, "`activation` should be one word, relu, jumprelu, topk, nonnegative"),
        ({**PLAIN, "activation": "topk"}, "`activation` is topk, which needs an array `k`"),
        ({**PLAIN, "activation": "jumprelu"}, "`activation` is jumprelu, which needs an array `threshold`"),
        ({**PLAIN, "k": 11}, "`k` is 11; it should be from 1 to the 10 features there are"),
        ({**PLAIN, "k": [1, 2]}, "`k` has the shape (2,); it should be one number"),
        (
            {**PLAIN, "threshold": BIAS[:3]},
            "`threshold` has the shape (3,); it should be (10,), the features",
        ),
        (
            {**PLAIN, "threshold": BIAS, "k": 2},
            "has both `threshold` and `k`; an array `activation` should say which of them counts",
        ),
        (
            {**PLAIN, "activation": "nonnegative"},
            "has `encoder`, which `activation: nonnegative` takes none of: they follow from `decoder`",
        ),
        (
            {"encoder": np.zeros((6, 70_000)), "decoder": np.zeros((70_000, 6))},
            "`decoder` has 70,000 features; 1 to 65,536 can be shown",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    path = npz(tmp_path, **arrays)
    with pytest.raises(ModelError) as error:
        read_dictionary(path)
    assert error.value.message == f"{path}: {said}"


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    for name, content, said in [
        ("sae.pt", b"", "a dictionary is an .npz or a .safetensors file"),
        ("sae.npz", pickle.dumps(PLAIN), "is no .npz that can be read: File is not a zip file"),
        ("sae.safetensors", b"no", "is no .safetensors file that can be read: "),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError) as error:
            read_dictionary(tmp_path / name)
        assert error.value.message.startswith(f"{tmp_path / name}: {said}")
    with pytest.raises(ModelError, match="can't be read: No such file"):
        read_dictionary(tmp_path / "none.npz")


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.floats(0.2, 1))
@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_damaged_files_are_dictionaries_or_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, place: float, byte: int, cut: float
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = npz(folder, **WHOLE) if kind == "npz" else safetensors(folder, {"activation": "relu"}, **WHOLE)
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] = byte
    path.write_bytes(data[: int(cut * len(data))] if cut < 0.9 else data)
    try:
        assert isinstance(read_dictionary(path), Dictionary)
    except ModelError as error:
        assert "\n" not in error.message
