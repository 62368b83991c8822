"""`build-site serve`: the gallery over HTTP, to this machine only."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from generator.console.wording import short
from generator.errors import UserError


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
