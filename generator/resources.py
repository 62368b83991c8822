"""Where the files that travel with the code are: beside it in a wheel, above it in a checkout."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from generator.errors import UserError
from generator.wording import short

_PACKAGE = Path(__file__).resolve().parent


def templates_folder() -> Path:
    """The folder of our templates and static files."""
    installed = _PACKAGE / "_templates"
    return installed if installed.is_dir() else _PACKAGE.parent / "templates"


def default_config() -> str:
    """The text of the commented config that `build-site init` writes."""
    installed = _PACKAGE / "_templates" / "config.yaml"
    path = installed if installed.is_file() else _PACKAGE.parent / "config.yaml"
    return path.read_text(encoding="utf-8")


def serve_folder(folder: Path, port: int) -> None:
    """Serve a folder to this machine only, until Ctrl-C; UserError if the port can't be used."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(SimpleHTTPRequestHandler, directory=folder))
    except OSError as error:
        raise UserError(f"port {port} can't be used: {error.strerror}; choose one with --port") from None
    click.echo(f"http://127.0.0.1:{server.server_address[1]}/ shows {short(folder)}; Ctrl-C ends it.")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("")
