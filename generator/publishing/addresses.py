"""The addresses that a site's files hold: links and pictures in pages, in styles, in the scripts' data."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit

from generator.gallery.pages import PER_SHEET, SEARCH_DATA

_LINKING = "href|src|srcset|poster|action|style|data-animation|data-photos"
_TAG = re.compile(r"""<[a-zA-Z](?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")
_ATTRIBUTE = re.compile(rf"""\s({_LINKING})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", re.I)
_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^)"'\s]*))\s*\)""")
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_SCRIPT = re.compile(r"(<script\b[^>]*>).*?</script\s*>", re.S | re.I)
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style\s*>", re.S | re.I)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def in_page(text: str) -> set[str]:
    """All addresses in a page, as they stand there."""
    text = _SCRIPT.sub(r"\1", _COMMENT.sub("", text))
    found = {address for style in _STYLE.findall(text) for address in in_style(style)}
    for tag in _TAG.findall(text):
        for name, *values in _ATTRIBUTE.findall(tag):
            found |= set(_of_attribute(name.lower(), unescape("".join(values)).strip()))
    return found


def _of_attribute(name: str, value: str) -> Iterable[str]:
    if name == "style":
        return in_style(value)
    if name == "srcset":
        return [part.split()[0] for part in value.split(",") if part.strip()]
    return [value]


def in_style(text: str) -> set[str]:
    """What a style sheet fetches."""
    return {"".join(address) for address in _URL.findall(text)}


def in_data(path: str, text: str) -> set[str]:
    """What the scripts build of a data file: addresses from the site's root.

    Raises ValueError for data that are not as our own templates write them.
    """
    try:
        value = json.loads(text.partition("=")[2].strip().removesuffix(";"))
        return set(_of_search(value) if path == SEARCH_DATA else (picture for picture, _ in value))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error


def _of_search(data: Any) -> Iterator[str]:
    yield from (path for _, path, _ in data["families"])
    for model in data["models"]:
        yield model["path"]
        for layer in model["layers"]:
            yield f"{layer['folder']}/index.html"
            yield from (f"{layer['folder']}/{name}" for name in _of_layer(layer))


def _of_layer(layer: Any) -> Iterator[str]:
    channels = _numbers(layer["channels"])
    yield from (f"{channel}.html" for channel in channels)
    for _, slug in layer["recipes"]:
        without = set(_numbers(layer["without"].get(slug, ())))
        for place, channel in enumerate(channels):
            if channel not in without:
                yield f"{slug}/{channel}.webp"
                yield f"{slug}/sheet-{place // PER_SHEET}.webp"
    yield from (f"{slug}/layer.webp" for _, slug in layer["wholes"])


def _numbers(ranges: Iterable[tuple[int, int]]) -> list[int]:
    return [number for first, last in ranges for number in range(first, last + 1)]


# -- where they lead -------------------------------------------------------------------------------


def is_absolute(address: str) -> bool:
    """Whether an address leads to a place on a machine, or to the top of whatever host shows it."""
    address = address.strip().lower()
    rooted = address.startswith(("/", "\\")) and not address.startswith("//")
    return rooted or address.startswith("file:") or bool(_DRIVE.match(address))


@lru_cache(maxsize=200_000)
def leads_to(address: str, folder: str) -> str | None:
    """The path from the site's root that an address in a folder's pages means; None if it leaves the site by
    its host, or stays on its page. A path that begins with `..` is outside."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    if parts.scheme or parts.netloc or not parts.path:
        return None
    path = unquote(parts.path)
    found = posixpath.normpath(posixpath.join(folder, path))
    is_folder = path.endswith(("/", "/.", "/..")) or path in (".", "..")
    return posixpath.normpath(posixpath.join(found, "index.html")) if is_folder else found
