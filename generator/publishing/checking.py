"""Whether a site is fit for a public host: what a reader would miss there, and what the host would refuse.

Only looks. Each problem is one line that says what to do; limits are those of GitHub Pages.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from generator.gallery.disk import LOCK, WAITING
from generator.gallery.names import is_picture
from generator.gallery.pages import INDEX, NOT_FOUND, SEARCH_DATA
from generator.gallery.pages_host import FILE_LIMIT, SITE_LIMIT, WARN_FROM, megabytes
from generator.publishing.addresses import in_data, in_page, in_style, is_absolute, leads_to

SMALLER = (
    "choose fewer `channels` or `recipes`, write smaller files (`pictures: {quality: 60, size: 160}`), keep "
    "pictures elsewhere (`pictures_url`), or give each model a site of its own (`build-site publish --split`)"
)
REWRITE = "`build-site html` writes what is missing"
NOT_PUBLISHED = {LOCK, WAITING}
"""What lies in a gallery's folder while it is written; and a checkout's own `.git` never is a part of it."""
_TEXTS = (".html", ".css", ".js", ".json", ".csv", ".xml", ".svg", ".txt")
_PICTURES = (".webp", ".gif", ".jpg", ".png")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_IN_PATH = r"[\w./~%-]"


@dataclass
class Checked:
    """What was found in a site: how much there is, and what is wrong with it.

    `problems` keep it from being published, `warnings` don't; each is a line.
    """

    files: int = 0
    bytes: int = 0
    links: int = 0
    pages: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def expect_pages(checked: Checked, planned: Collection[str], config: Path) -> None:
    """Take it for a problem when a site has not just the pages that a config plans."""
    own = {path for path in checked.pages if path.startswith(("models/", "families/"))}
    own -= {path for path in own if path.endswith("/map.html")}
    write = f"`build-site html {config}` writes the gallery as the config has it"
    missing, beyond = set(planned) - checked.pages, own - set(planned)
    if missing:
        what = _many(missing, "page is", "pages are")
        checked.problems.append(f"{what} missing that {config} asks for, such as {min(missing)}; {write}")
    if beyond:
        what = _many(beyond, "page is", "pages are")
        checked.problems.append(
            f"{what} there that {config} does not ask for, such as {min(beyond)}; {write}"
        )


def check_site(
    folder: Path, secrets: Collection[Path] = (), pictures: tuple[str, Path] | None = None
) -> Checked:
    """Check the site in a folder, of which no text may name one of the folders in `secrets`.

    `pictures` says under which address its pictures will be, if not beside the pages, and where they are now.
    """
    site = _Site(folder, pictures)
    found = Checked(files=len(site.sizes), bytes=sum(site.sizes.values()))
    found.pages = {path for path in site.sizes if path.endswith(".html")}
    found.problems += site.problems
    _check_sizes(site, found)
    found.problems += _needed(site)
    found.problems += _names(site)
    texts = _Texts(site, secrets)
    found.links = texts.links
    found.problems += texts.problems()
    return found


class _Site:
    """The files of a site by their paths, with their sizes; links among them are problems."""

    def __init__(self, folder: Path, pictures: tuple[str, Path] | None) -> None:
        self.folder = folder
        self._pictures = pictures
        self.sizes: dict[str, int] = {}
        self.problems: list[str] = []
        self._walk(folder, "")

    def _walk(self, folder: Path, prefix: str) -> None:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self.problems.append(f"{folder}: can't be read: {error.strerror or error}")
            return
        for entry in entries:
            path = prefix + entry.name
            if path in NOT_PUBLISHED or entry.name == ".git":
                continue
            if entry.is_symlink():
                self.problems.append(
                    f"{path}: is a symbolic link, which hosts don't follow; put a copy in its place"
                )
            elif entry.is_dir():
                self._walk(Path(entry.path), f"{path}/")
            else:
                self.sizes[path] = entry.stat().st_size

    def has(self, path: str) -> bool:
        """Whether there is such a file, or such a picture in the folder of pictures."""
        if path in self.sizes:
            return True
        return self._pictures is not None and is_picture(path) and (self._pictures[1] / path).is_file()

    def hosted(self, address: str) -> str | None:
        """The path of a picture whose address is that of one kept elsewhere."""
        if self._pictures is None or not address.startswith(self._pictures[0]):
            return None
        return unquote(address.removeprefix(self._pictures[0]))

    def read(self, path: str) -> str:
        """A text file's content; nothing, and a problem, where it can't be read."""
        try:
            return (self.folder / path).read_text("utf-8", errors="replace")
        except OSError as error:
            self.problems.append(f"{path}: can't be read: {error.strerror or error}")
            return ""


# -- sizes, names, what hosts need -----------------------------------------------------------------


def _check_sizes(site: _Site, found: Checked) -> None:
    """A site or a file over a limit is a problem, near it a warning."""
    places = [("the site", found.bytes, SITE_LIMIT, "a site", SMALLER)]
    fewer = "choose fewer `channels` in that layer"
    places += [(path, size, FILE_LIMIT, "a file", fewer) for path, size in site.sizes.items()]
    for name, size, limit, what, remedy in places:
        if size >= WARN_FROM * limit:
            said = f"{name} has {megabytes(size)}, {round(100 * size / limit)} % of the {megabytes(limit)}"
            line = f"{said} that GitHub Pages takes {what}: {remedy}"
            (found.problems if size > limit else found.warnings).append(line)


def _needed(site: _Site) -> Iterator[str]:
    for path, why in {
        INDEX: "nobody would find the gallery",
        ".nojekyll": "GitHub Pages would leave out what begins with an underscore",
        NOT_FOUND: "wrong addresses would get the host's own page",
    }.items():
        if path not in site.sizes:
            yield f"{path} is missing, so that {why}; {REWRITE}"
    if NOT_FOUND in site.sizes:
        own = [link for link in in_page(site.read(NOT_FOUND)) if leads_to(link, "") is not None]
        if own:
            yield (
                f"{NOT_FOUND}: refers to {min(own)}, but is shown at addresses of any depth, where that "
                "leads elsewhere; put styles and scripts into the page, and set `url` for links"
            )


def _names(site: _Site) -> Iterator[str]:
    """Names that other file systems refuse or take for one another."""
    alike: dict[str, set[str]] = defaultdict(set)
    for path in site.sizes:
        if _CONTROL.search(path):
            yield f"{path!r}: has a character in its name that many disks and hosts refuse; rename it"
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            name = "/".join(parts[:end])
            alike[unicodedata.normalize("NFC", name).casefold()].add(name)
    for names in alike.values():
        if len(names) > 1:
            yield (
                f"{' and '.join(sorted(names))} differ by case only, and are one on many disks; rename "
                "one of them"
            )


# -- texts and what they refer to ------------------------------------------------------------------


class _Texts:
    """The texts of a site, each read once, and all that is wrong with the addresses in them."""

    def __init__(self, site: _Site, secrets: Collection[Path]) -> None:
        self._site = site
        self._secrets = _secret_texts(secrets)
        self._nowhere: dict[str, str] = {}
        self._absolute: dict[str, str] = {}
        self._telling: dict[str, str] = {}
        self._unreadable: list[str] = []
        self.links = 0
        for path in site.sizes:
            if path.endswith(_TEXTS):
                self._read(path)

    def _read(self, path: str) -> None:
        text, folder = self._site.read(path), path.rpartition("/")[0]
        for secret, whole in self._secrets:
            if secret in text and whole.search(text):
                self._telling.setdefault(path, secret)
        if path.endswith(".html"):
            self._follow(path, "" if path == NOT_FOUND else folder, in_page(text))
        elif path.endswith(".css"):
            self._follow(path, folder, in_style(text))
        elif path == SEARCH_DATA or path.endswith("/photos.js"):
            try:
                self._follow(path, "", in_data(path, text))
            except ValueError:
                self._unreadable.append(path)

    def _follow(self, path: str, folder: str, addresses: Iterable[str]) -> None:
        for address in addresses:
            if is_absolute(address):
                self._absolute.setdefault(address, path)
                continue
            target = self._site.hosted(address) or leads_to(address, folder)
            if target is not None and path != NOT_FOUND:
                self.links += 1
                if not self._site.has(target):
                    self._nowhere.setdefault(target, path)

    def problems(self) -> Iterator[str]:
        """A line for each kind of mistake, with the first example."""
        pictures = {to: page for to, page in self._nowhere.items() if to.endswith(_PICTURES)}
        others = {to: page for to, page in self._nowhere.items() if to not in pictures}
        if pictures:
            yield f"{_many(pictures, 'picture is', 'pictures are')} missing, {_such(pictures)}; {REWRITE}"
        if others:
            yield f"{_many(others, 'address leads', 'addresses lead')} nowhere, {_such(others)}; {REWRITE}"
        if self._absolute:
            yield (
                f"{_many(self._absolute, 'link is', 'links are')} absolute, {_such(self._absolute)}; "
                "only relative ones work under any address: change your template"
            )
        for path, secret in sorted(self._telling.items())[:1]:
            yield (
                f"{_many(self._telling, 'file tells', 'files tell')} where things are on this machine, "
                f"such as {secret} in {path}; leave it out of notes and templates, then `build-site html`"
            )
        for path in self._unreadable:
            yield f"{path}: is not as the scripts need it; {REWRITE}"


def _many(found: Collection[str], one: str, more: str) -> str:
    return f"{len(found):,} {one if len(found) == 1 else more}"


def _such(found: dict[str, str]) -> str:
    to = min(found)
    return f"such as {to}, which {found[to]} refers to"


def _secret_texts(secrets: Collection[Path]) -> list[tuple[str, re.Pattern[str]]]:
    """Folders as they may stand in a text, each with what finds it as a whole; `/` is no secret."""
    texts = {text for path in secrets if len(path.parts) > 1 for text in (str(path), path.as_posix())}
    return [(text, re.compile(rf"(?<!{_IN_PATH}){re.escape(text)}(?![\w~%-])")) for text in sorted(texts)]
