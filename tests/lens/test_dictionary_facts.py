"""What is told of a dictionary as a whole, against what it is known to be."""

from __future__ import annotations

import json

import numpy as np
import pytest

from generator.cache.entries import Cache
from generator.evidence.dictionaries import densities, judged
from generator.evidence.facts import DensityBar, LayerFacts
from generator.evidence.summary import Merger, Summary
from generator.evidence.tally import Counter
from generator.inquiries.everything import settled
from generator.models.dictionary import from_arrays
from generator.pipeline import load_plan
from tests.lens.conftest import FEATURES, Lens

RANDOM = np.random.default_rng(0)


def summary(values: np.ndarray) -> Summary:
    """Of a layer that was (pictures, positions, channels) on pictures of 2 x 2 positions."""
    counter = Counter(values.shape[-1], (2, 2))
    counter.add([f"{number:064}" for number in range(len(values))], values.astype("f4"))
    merger = Merger()
    merger.add(counter.tally())
    return merger.summary()


def test_a_dictionary_of_which_half_is_known_explains_half() -> None:
    layer = RANDOM.normal(size=(40, 4, 6))
    known = layer.copy()
    known[..., 3:] = 0
    found = judged(
        "base", from_arrays({"encoder": np.eye(6), "decoder": np.eye(6)}), summary(known), summary(layer)
    )
    assert found.facts.explained == pytest.approx(0.5, abs=0.05)
    assert found.shares is not None and found.shares[3:] == pytest.approx(0)
    assert found.shares.sum() == pytest.approx(found.facts.explained, abs=0.02)
    assert (found.facts.dead, found.facts.features, found.facts.vectors) == (3, 6, 320)
    assert (
        judged("base", from_arrays({"encoder": np.eye(6), "decoder": np.eye(6)}), summary(known), None).shares
        is None
    )


def test_densities_are_counted_by_half_powers_of_ten() -> None:
    assert densities(np.array([0.5, 0.02, 0.02, 0.0])) == (
        DensityBar(0.01, 0.0316, 2),
        DensityBar(0.0316, 0.1, 0),
        DensityBar(0.1, 0.316, 0),
        DensityBar(0.316, 1.0, 1),
    )
    assert densities(np.array([1.0]))[-1].count == 1
    assert densities(np.zeros(3)) == ()


def test_a_run_tells_it_on_the_layers_page_and_in_its_data(lens: Lens) -> None:
    plan = load_plan(lens.config)
    cache = Cache(plan.config.cache)
    layers = settled(plan, cache).layers
    found = {}
    for layer in ("second.sae", "first.concepts", "second"):
        facts = LayerFacts.from_json(cache.read(layers["tiny", layer].key, "facts") or b"")
        found[layer] = facts.dictionary
        page = (lens.folder / "site" / "models" / "tiny" / layer / "index.html").read_text()
        assert ("variance explained" in page) == (facts.dictionary is not None)
        told = json.loads((lens.folder / "site" / "data" / "tiny" / f"{layer}.json").read_text())
        assert ("dictionary" in told) == (facts.dictionary is not None)
    assert found["second"] is None
    sae, concepts = found["second.sae"], found["first.concepts"]
    assert sae is not None and concepts is not None
    assert (sae.base, sae.features, sae.activation) == ("second", FEATURES, "relu")
    assert sae.dead >= 1
    assert concepts.explained is not None and 0 < concepts.explained <= 1


def test_pages_say_what_a_derived_layer_is_and_lead_there_and_back(lens: Lens) -> None:
    models = lens.folder / "site" / "models" / "tiny"
    derived = (models / "first.concepts" / "index.html").read_text()
    assert 'Concepts of <a href="../first/index.html">first</a>' in derived and "3 concepts" in derived
    assert (
        'Seen through <a href="../first.concepts/index.html">'
        in (models / "first" / "index.html").read_text()
    )
    feature = (models / "second.sae" / "2.html").read_text()
    assert "Feature 2 of 20" in feature
    assert "Explains" in (models / "first.concepts" / "0.html").read_text()
    model = (models / "index.html").read_text()
    assert "Dictionary sae of second" in model and "Concepts of first" in model
    assert "Layers shown</dt><dd>2 <small>of 7" in model
