"""Names that come from users -> file names and addresses that are safe everywhere, and links between them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_RESERVED = re.compile(r"(?i)index|(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*\.(html|webp|js|css|csv|json)|.*\.")


def safe_names(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """File names for siblings: each name itself where every file system can hold it, else with a digest.

    Names that differ only in case, or only so from one that is `taken`, get digests too, so that no two of
    them meet on any file system.
    """
    names = list(dict.fromkeys(names))
    clashes = Counter(name.casefold() for name in (*names, *taken))
    return {name: _safe_name(name, alone=clashes[name.casefold()] == 1) for name in names}


def _safe_name(name: str, *, alone: bool) -> str:
    if alone and _PLAIN.fullmatch(name) and not _RESERVED.fullmatch(name):
        return name
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:48].strip("-")
    # A plain name can't contain a tilde, so a name with a digest never equals one without.
    return f"{stem}~{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def relative(path: str, page: str) -> str:
    """The link from `page` to `path`, both relative to the site's root."""
    return _from_folder(path, page.rpartition("/")[0])


def is_picture(path: str) -> bool:
    """Whether a file of the site is one of its pictures, which may be kept at another address."""
    return path.endswith((".webp", ".gif")) and path.startswith(("models/", "photos/"))


def link(path: str, page: str, pictures_url: str = "") -> str:
    """The link from `page` to `path`; to a picture under its own address, if pictures have one."""
    return f"{pictures_url}{path}" if pictures_url and is_picture(path) else relative(path, page)


@lru_cache(maxsize=4096)
def _from_folder(path: str, folder: str) -> str:
    # Pages of a folder share most of their links.
    here, there = folder.split("/") if folder else [], path.split("/")
    shared = 0
    while shared < len(here) and shared < len(there) - 1 and here[shared] == there[shared]:
        shared += 1
    return "../" * (len(here) - shared) + "/".join(there[shared:])
