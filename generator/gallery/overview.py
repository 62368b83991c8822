"""Pages above the layers: index, models, families, compare, about, search data, and what hosts want."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from generator.gallery import pages, pictures
from generator.gallery.cells import Summary
from generator.gallery.diagram import draw
from generator.gallery.gather import source_of
from generator.gallery.output import Output
from generator.gallery.pages import LayerView, ModelView, SiteView
from generator.gallery.pictures import Source
from generator.gallery.script_data import search_data
from generator.gallery.templating import Templates

Summaries = Mapping[str, Summary]
Sources = Mapping[str, Mapping[int, Source]]

COLLAGE = (6, 3, 128)
SOCIAL = (6, 3, 210)
SOCIAL_SIZE = (1200, 630)


def write(
    site: SiteView, summaries: Summaries, sources: Sources, output: Output, templates: Templates
) -> None:
    """Write all pages that are not a layer's or a channel's."""
    drawn = {model.name: _write_collage(model, summaries, sources, output) for model in site.models}
    social = _write_social(site, summaries, sources, output)
    shown = {"site": site, "summaries": summaries, "drawn": drawn, "social": social}

    def page(template: str, path: str, **data: Any) -> None:
        output.write(path, templates.page(template, path, **shown, **data))

    page("index.html", pages.INDEX)
    page("about.html", pages.ABOUT)
    page("compare.html", pages.COMPARE)
    page("404.html", pages.NOT_FOUND)
    page("search.js", pages.SEARCH_DATA, data=search_data(site, summaries))
    if site.url:
        page("sitemap.xml", pages.SITEMAP)
    for model in site.models:
        page("model.html", model.path, model=model, diagram=draw(model))
    if site.families:
        page("families.html", pages.FAMILIES)
    for family in site.families:
        page("family.html", family.path, family=family)


# -- collages --------------------------------------------------------------------------------------


def _write_collage(model: ModelView, summaries: Summaries, sources: Sources, output: Output) -> bool:
    """Write the picture of a model's best channels, if there are any."""
    columns, rows, _ = COLLAGE
    best = _best(model.layers, summaries, sources, columns * rows)
    return _write_board(best, COLLAGE, model.collage, output)


def _write_social(site: SiteView, summaries: Summaries, sources: Sources, output: Output) -> bool:
    """Write the picture that services show beside a link to the site."""
    columns, rows, _ = SOCIAL
    best = _best(site.layers, summaries, sources, columns * rows)
    return _write_board(best, SOCIAL, pages.SOCIAL, output)


def _best(
    layers: tuple[LayerView, ...], summaries: Summaries, sources: Sources, count: int
) -> tuple[Source, ...]:
    """The best channels' pictures, as many of each layer as there is room for, from input to output."""
    share = -(-count // max(len(layers), 1))
    columns = [
        [sources[layer.folder][place] for place in summaries[layer.folder].best[:share]] for layer in layers
    ]
    turns = (one for one in chain.from_iterable(zip_longest(*columns)) if one is not None)
    chosen = set(list(turns)[:count])
    return tuple(one for column in columns for one in column if one in chosen)


def _write_board(best: tuple[Source, ...], shape: tuple[int, int, int], path: str, output: Output) -> bool:
    if not best:
        return False
    source = source_of(pictures.PICTURE_VERSION, shape, [_state(one.path) for one in best])
    if output.is_current(path, source):
        output.keep(path)
        return True
    board = pictures.collage(best, *shape)
    if board is None:
        return False
    small = path.endswith(".webp")
    data = (
        pictures.webp(board, pictures.QUALITY) if small else pictures.jpeg(board.crop((0, 0, *SOCIAL_SIZE)))
    )
    output.write(path, data, source)
    return True


def _state(file: Path) -> tuple[str, int]:
    return file.name, file.stat().st_mtime_ns if file.exists() else 0
