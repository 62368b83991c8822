"""Channels as other pages show them: a small picture and a link, wherever in the gallery they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generator.gallery.pages import LayerView
from generator.gallery.provenance import Digested
from generator.gallery.shapes import is_small
from generator.gallery.sheets import Entry, needs_small


@dataclass(frozen=True)
class LayerCard(Digested):
    """What pages of other layers know of a layer: enough to show its channels and to link to them.

    `channels` have pages, `drawn` a picture by the main recipe, whose folder is `slug`; `thumbnails` says
    that there are thumbnails of these. Else pictures are `pictures` in one file, to be shown pixel by pixel
    where they are `small`. `outputs` says that its channels are the network's classes.
    """

    model: str
    name: str
    folder: str
    slug: str
    channels: tuple[int, ...]
    drawn: tuple[int, ...]
    labels: tuple[tuple[int, str], ...]
    pictures: int
    small: bool
    outputs: bool
    thumbnails: bool = False


def card_of(layer: LayerView, entries: Sequence[Entry]) -> LayerCard:
    """The card of a layer; `entries` are its pictures."""
    recipe = layer.main_recipe
    drawn = {entry.channel for entry in entries if entry.recipe == recipe.name and entry.there}
    side, thumbnails = recipe.recipe.size, needs_small(layer)
    return LayerCard(
        model=layer.model,
        name=layer.name,
        folder=layer.folder,
        slug=recipe.slug,
        channels=layer.channels,
        drawn=tuple(channel for channel in layer.channels if channel in drawn),
        labels=tuple((channel, label) for channel in layer.channels if (label := layer.label(channel))),
        pictures=1 if thumbnails else recipe.recipe.pictures,
        small=is_small(side, side),
        outputs=bool(layer.classes),
        thumbnails=thumbnails,
    )


@dataclass(frozen=True, slots=True)
class Known:
    """A channel of any layer; `path` is its page and `picture` its picture, empty where there is none."""

    model: str
    layer: str
    channel: int
    label: str = ""
    path: str = ""
    picture: str = ""
    pictures: int = 1
    small: bool = False


class Elsewhere:
    """Finds channels of the whole gallery by model, layer and number."""

    def __init__(self, cards: Sequence[LayerCard]) -> None:
        self._cards = {(card.model, card.name): _Opened(card) for card in cards}
        self._outputs = {card.model: card.name for card in reversed(cards) if card.outputs}

    def find(self, model: str, layer: str, channel: int) -> Known:
        """A channel as far as the gallery shows it; of one that it doesn't, only the name."""
        opened = self._cards.get((model, layer))
        return opened.find(channel) if opened else Known(model, layer, channel)

    def output(self, model: str, number: int) -> Known | None:
        """The channel that is a class of a model, if the gallery has a page of it."""
        layer = self._outputs.get(model)
        found = self.find(model, layer, number) if layer else None
        return found if found and found.path else None


class _Opened:
    """A card, to be asked many times."""

    def __init__(self, card: LayerCard) -> None:
        self._card = card
        self._channels, self._drawn, self._labels = set(card.channels), set(card.drawn), dict(card.labels)
        self._found: dict[int, Known] = {}

    def find(self, channel: int) -> Known:
        if channel not in self._found:
            self._found[channel] = self._known(channel)
        return self._found[channel]

    def _known(self, channel: int) -> Known:
        card = self._card
        if channel not in self._channels:
            return Known(card.model, card.name, channel)
        return Known(
            model=card.model,
            layer=card.name,
            channel=channel,
            label=self._labels.get(channel, ""),
            path=f"{card.folder}/{channel}.html",
            picture=self._picture(channel) if channel in self._drawn else "",
            pictures=card.pictures,
            small=card.small,
        )

    def _picture(self, channel: int) -> str:
        size = "-small" if self._card.thumbnails else ""
        return f"{self._card.folder}/{self._card.slug}/{channel}{size}.webp"
