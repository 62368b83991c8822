"""Photos in the gallery: their addresses, and a photo of the user's as one model sees it, as plain data.

photos/<key>.webp                             a photo, as a network sees it
photos/index.html                             all photos of the user's
photos/<photo>/<model>.html                   one under the lens of one model
photos/<photo>/<model>/<layer>/grid.webp      what the layer sees where
photos/<photo>/<model>/<layer>/heat.webp      where some of its channels are on, side by side
data/photos/<photo>/<model>.json              all of that, for others to build on
"""

from __future__ import annotations

from dataclasses import dataclass

PHOTOS = "photos/index.html"


@dataclass(frozen=True)
class PhotoView:
    """A photo and a model; `folder` is the address of its files, `picture` that of the photo as the model
    sees it, empty where there is none, of that `size` (width, height)."""

    name: str
    model: str
    folder: str
    picture: str
    size: tuple[int, int]
    caption: str = ""
    licence: str = ""

    @property
    def path(self) -> str:
        """Its page."""
        return f"{self.folder}.html"

    @property
    def data(self) -> str:
        """What is known of it, for others to build on."""
        return f"data/{self.folder}.json"

    @property
    def ratio(self) -> float:
        """Its width over its height."""
        return round(self.size[0] / self.size[1], 4)

    def grid(self, layer: str) -> str:
        """The pictures of what a layer sees in each cell, by the name of the layer's folder."""
        return f"{self.folder}/{layer}/grid.webp"

    def heat(self, layer: str) -> str:
        """Where some of its channels are on."""
        return f"{self.folder}/{layer}/heat.webp"

    def channel(self, layer: str, number: int) -> str:
        """The picture of a channel that has none of its own in the gallery."""
        return f"{self.folder}/{layer}/{number}.webp"


def photo(key: str) -> str:
    """The address of a photo, of a data set or the user's, that stands in the cache under that key."""
    return f"photos/{key[:24]}.webp"
