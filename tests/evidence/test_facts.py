"""Facts travel through the cache as they are."""

from __future__ import annotations

import math
from dataclasses import replace

from generator.evidence.facts import LayerFacts
from tests.evident import layer_facts


def test_facts_come_back_as_they_went_even_where_a_channel_is_no_number() -> None:
    facts = layer_facts("net", "stem", range(6), ["channel"])
    back = LayerFacts.from_json(facts.to_json())
    assert math.isnan(facts.channels[3].mean) and math.isnan(back.channels[3].mean)
    number = {n: replace(channel, mean=0.0) if n == 3 else channel for n, channel in back.channels.items()}
    wanted = {n: replace(channel, mean=0.0) if n == 3 else channel for n, channel in facts.channels.items()}
    assert replace(back, channels=number) == replace(facts, channels=wanted)
