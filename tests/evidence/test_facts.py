"""Facts travel through the cache as they are."""

from __future__ import annotations

import math
from dataclasses import replace

from benchmarks.synthetic_facts import channel_facts
from generator.evidence.facts import LayerFacts


def test_facts_come_back_as_they_went_even_where_a_channel_is_no_number() -> None:
    facts = LayerFacts("photos", channels={n: channel_facts(n, 5, ("stem", "head")) for n in range(3)})
    broken = replace(facts, channels={**facts.channels, 1: replace(facts.channels[1], mean=math.nan)})
    assert LayerFacts.from_json(facts.to_json()) == facts
    assert math.isnan(LayerFacts.from_json(broken.to_json()).channels[1].mean)
