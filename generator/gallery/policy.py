"""What a page's browser may load and run: the Content-Security-Policy that every page carries.

Escaping keeps strangers' words words. The policy is there for the day that one is forgotten: it lets run only
the gallery's own script files, and those inline scripts that stand in a template as they are.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from generator.errors import UserError

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL | re.IGNORECASE)


def inline_scripts(templates: Iterable[str]) -> list[str]:
    """The inline scripts of templates that are the same on every page.

    One in which Jinja fills something in is left out, so that no word of a config's can become part of a
    script that is allowed.
    """
    scripts = {script for template in templates for script in _INLINE.findall(template)}
    return sorted(script for script in scripts if script.strip() and not re.search(r"\{[{%#]", script))


def policy(scripts: Iterable[str], pictures_url: str = "", style: str = "") -> str:
    """The policy of a page with these inline scripts and this inline style sheet, if any.

    `pictures_url` is where pictures are if they are not beside the pages. Raises UserError when it is no
    address of a host.
    """
    # Not every browser counts files beside a page on a disk as its own; on a server `file:` allows nothing.
    own = "'self' file:"
    # Style attributes are numbers only, such as where a thumbnail is in a sheet of them. Browsers that don't
    # know -elem and -attr go by `style-src`, and show the page right.
    elements = " ".join([own, *([_hash(style)] if style else [])])
    allowed = {
        "default-src": "'none'",
        "script-src": " ".join([own, *map(_hash, scripts)]),
        "style-src": f"{own} 'unsafe-inline'",
        "style-src-elem": elements,
        "style-src-attr": "'unsafe-inline'",
        "img-src": " ".join([own, "data:", *([_origin(pictures_url)] if pictures_url else [])]),
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{what} {whose}" for what, whose in allowed.items())


def _hash(text: str) -> str:
    # Parsers of HTML make all ends of lines one character.
    text = re.sub(r"\r\n?", "\n", text)
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _origin(address: str) -> str:
    """The host of an address as a policy names it. Raises UserError when it is no host's name."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    with suppress(UnicodeError):
        host = host.encode("idna").decode()
    if not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", host):
        raise UserError(f"{address}: is no address of a host; `pictures_url` names where pictures will be")
    return f"{parts.scheme}://{host}"
