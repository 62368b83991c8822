"""The recipes that come with the tool: what Lucid, MACO, DeepDream and the tutorials taught.

docs/recipes.md says of each where it comes from and when to use it.
"""

from __future__ import annotations

from typing import Any

from generator.config.recipes import Recipe

CELL = "cell"
"""The recipe by which directions that are found on the way get their pictures."""

_STILL: dict[str, Any] = {"pad": 0, "jitter": 0, "scale": (1.0, 1.0), "rotate": 0.0}

BUILT_IN: dict[str, Recipe] = {
    "channel": Recipe(
        description="The picture that excites the channel most, averaged over all positions.",
    ),
    "negative": Recipe(
        objective="negative",
        description="The picture that drives the channel's activation as low as it goes.",
    ),
    "neuron": Recipe(
        objective="neuron",
        jitter=1,
        description="The picture that excites the single unit at the centre of the channel.",
    ),
    "diversity": Recipe(
        objective="diversity",
        pictures=4,
        diversity=1.0,
        description="Four pictures that excite the channel and are as unlike as can be: its facets.",
    ),
    "interpolation": Recipe(
        objective="interpolation",
        pictures=6,
        description="From this channel to another, step by step: what lies between two features.",
    ),
    "logit": Recipe(
        objective="logit",
        size=224,
        steps=128,
        octaves=2,
        octave_scale=2.0,
        jitter=16,
        scale=(0.8, 1.2),
        rotate=12.0,
        description="What the network takes for the class itself: its score before softmax or sigmoid.",
    ),
    "class-token": Recipe(
        objective="class-token",
        description="The picture that excites the channel in a transformer's class token.",
    ),
    "direction": Recipe(
        objective="direction",
        description="What several channels look for together, each with its weight.",
    ),
    CELL: Recipe(
        objective="direction",
        cossim=1.0,
        size=64,
        steps=48,
        precision="float32",
        description="What a layer's channels see together at one place: a cell of a grid or an atlas.",
    ),
    "deepdream": Recipe(
        objective="layer",
        start=0.1,
        octaves=3,
        description="Whatever excites the layer as a whole, from noise: its favourite motifs.",
    ),
    "dream-photo": Recipe(
        objective="layer",
        parameterization="pixels",
        decorrelate=False,
        squash="clip",
        start_from="image",
        start=0.0,
        size=480,
        octaves=4,
        tile=256,
        steps=80,
        ascent="plain",
        learning_rate=0.01,
        cooldown=0.0,
        **_STILL,
        description="DeepDream: a photo, changed so that the layer sees more of what it sees in it.",
    ),
    "caricature": Recipe(
        objective="caricature",
        cossim=2.0,
        steps=128,
        description="What the layer sees in a photo, exaggerated and painted from nothing.",
    ),
    "maco": Recipe(
        parameterization="maco",
        start=1.0,
        steps=256,
        ascent="adam",
        learning_rate=0.1,
        momentum=0.9,
        jitter=24,
        scale=(1.0, 1.6),
        noise=0.08,
        description="Only phases are optimised, at the magnitudes of natural pictures (Fel et al. 2023).",
    ),
    "lucid": Recipe(
        ascent="adam",
        steps=512,
        learning_rate=0.05,
        cooldown=0.0,
        momentum=0.9,
        decay=1.0,
        pad=12,
        jitter=8,
        scale=(0.9, 1.1),
        rotate=10.0,
        description="The channel's favourite by the settings of Lucid: slower, softer contrast.",
    ),
    "pixels": Recipe(
        parameterization="pixels",
        ascent="adam",
        steps=256,
        learning_rate=0.05,
        cooldown=0.0,
        momentum=0.9,
        total_variation=0.0005,
        description="Raw pixels instead of Fourier coefficients: what the smoothing by 1/f hides.",
    ),
    "seed-2021": Recipe(
        parameterization="pixels",
        decorrelate=False,
        squash="clip",
        start=0.1,
        ascent="plain",
        steps=10,
        learning_rate=0.1,
        cooldown=0.0,
        **_STILL,
        description="Ten plain steps over pixels from noise: the classic tutorial's picture.",
    ),
    "multi-scale": Recipe(
        parameterization="pixels",
        decorrelate=False,
        squash="clip",
        start=0.1,
        size=320,
        octaves=12,
        octave_scale=1.2,
        octave_blur=1.0,
        steps=240,
        ascent="plain",
        learning_rate=0.02,
        cooldown=0.0,
        **_STILL,
        description="Small first, then enlarged and blurred twelve times: features in forty lines.",
    ),
}
