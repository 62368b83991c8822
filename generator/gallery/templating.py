"""Templates -> pages: ours, and before them a user's of the same names."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cached_property, lru_cache, partial
from pathlib import Path
from traceback import extract_tb
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
)
from markupsafe import Markup

from generator import __version__
from generator.errors import UserError
from generator.gallery import diagram, pictures
from generator.gallery.curve import curve
from generator.gallery.derived import densities, derived_words, unit, units
from generator.gallery.map_places import dots
from generator.gallery.names import link
from generator.gallery.pages import COLUMNS, PER_SHEET
from generator.gallery.policy import inline_scripts, policy
from generator.gallery.sentences import trusting
from generator.gallery.shapes import grid, is_small, shape_text
from generator.gallery.trusting import flag_texts
from generator.gallery.wording import count, day, number, percent
from generator.resources import templates_folder

STATIC = "static"


class Templates:
    """The templates and static files of a gallery: a user's folder, if any, before ours.

    Raises UserError when there is no such folder, or one of its templates can't be read.
    """

    def __init__(self, own: Path | None = None, pictures_url: str = "") -> None:
        self._pictures_url = pictures_url
        if own is not None and not own.is_dir():
            raise UserError(f"{own}: no such folder; `templates` names one with templates of your own")
        self._folders = [folder for folder in (own, templates_folder()) if folder is not None]
        self._environment = _environment(tuple(self._folders), pictures_url, self.digest)
        self._check()

    def page(self, template: str, path: str, **data: Any) -> bytes:
        """The page at `path` (relative to the site's root) by a template.

        Raises UserError when the template is broken: only a user's can be.
        """
        return self.part(template, path, **data).encode()

    def part(self, template: str, path: str, **data: Any) -> Markup:
        """As `page`, for what other templates include."""
        found = self._template(template)
        try:
            return Markup(found.render(page=path, **data))
        except TemplateError as error:
            raise UserError(f"{_place(error, template)}: {error.message}") from error

    def _template(self, name: str) -> Template:
        try:
            return self._environment.get_template(name)
        except TemplateError as error:
            raise UserError(f"{_place(error, name)}: {error.message}") from error

    def static(self) -> Iterator[tuple[str, bytes]]:
        """Static files as (path in the site, content)."""
        files: dict[str, Path] = {}
        for folder in reversed(self._folders):
            for file in sorted((folder / STATIC).rglob("*")):
                if file.is_file():
                    files[f"{STATIC}/{file.relative_to(folder / STATIC).as_posix()}"] = file
        yield from ((path, file.read_bytes()) for path, file in files.items())

    @property
    def style(self) -> Markup:
        """The style sheet, to stand in a page: as it is, but for what would end its element."""
        data = next(data for path, data in self.static() if path == f"{STATIC}/microscope.css")
        return Markup(data.decode(errors="replace").replace("</", "<\\/"))

    def _check(self) -> None:
        for folder in self._folders[:-1]:
            for file in sorted((*folder.rglob("*.html"), *folder.rglob("*.svg"), *folder.glob("*.js"))):
                if STATIC not in file.relative_to(folder).parts:
                    self._template(file.relative_to(folder).as_posix())

    @cached_property
    def digest(self) -> str:
        """Changes when any template or static file does, or where pictures are."""
        digest = hashlib.sha256(self._pictures_url.encode())
        for folder in self._folders:
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()


def _place(error: TemplateError, template: str) -> str:
    """The file and line of a template's error: the innermost place of the traceback that is a template."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.endswith(".py")]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else f"template {template}"


_GLOBALS = {
    "version": __version__,
    "columns": COLUMNS,
    "per_sheet": PER_SHEET,
    "tile": pictures.TILE,
    "best_tile": pictures.BEST_TILE,
    "gutter": pictures.GUTTER,
    "box_thumb": diagram.THUMB,
    "box_thumbs": diagram.THUMBS,
}


@lru_cache(maxsize=4)
def _environment(folders: tuple[Path, ...], pictures_url: str, digest: str) -> Environment:
    """The templates of these folders, compiled once for as long as they stay the same (`digest`)."""
    environment = Environment(
        # A theme's template extends the one that it replaces as `original/<name>`.
        loader=ChoiceLoader(
            [FileSystemLoader(folders), PrefixLoader({"original": FileSystemLoader(folders[-1])})]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # They are the ones of that digest.
        auto_reload=False,
    )
    environment.globals.update(_GLOBALS, curve=curve, dots=dots, flag_texts=flag_texts)
    environment.globals.update(pictures_url=pictures_url, densities=densities)
    environment.globals.update(derived_words=derived_words, unit=unit, units=units)
    environment.globals.update(grid=grid, is_small=is_small, trusting=trusting)
    environment.globals.update(policy=partial(policy, inline_scripts(_sources(folders)), pictures_url))
    environment.filters.update(
        rel=partial(link, pictures_url=pictures_url),
        shape=shape_text,
        script=script,
        count=count,
        number=number,
        percent=percent,
        day=day,
        without_folders=without_folders,
    )
    return environment


def _sources(folders: tuple[Path, ...]) -> Iterator[str]:
    for folder in folders:
        for file in sorted(folder.rglob("*.html")):
            if STATIC not in file.relative_to(folder).parts:
                yield file.read_text(encoding="utf-8", errors="replace")


def script(value: object) -> Markup:
    """JSON that is safe inside a script element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    escaped = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Markup(escaped)


# Folders may have spaces in their names; of a sentence with two paths in it, words between them go with them.
_FOLDERS = re.compile(r"""(?<![\w/.<])(?:~|[A-Za-z]:)?[/\\](?=[^\s/\\])(?:[^/\\:'"\n]+[/\\])+""")


def without_folders(text: str) -> str:
    """A text without the folders of the files it names: where they lie is nobody's business."""
    return _FOLDERS.sub("", text)
