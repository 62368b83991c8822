"""`build-site serve`: the gallery over HTTP, to this machine only."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from generator.console.signals import on_stop
from generator.console.wording import short
from generator.errors import UserError


class _Stopped(BaseException):
    """The user ends the server. No Exception, so that nothing on the way takes it for a mistake."""


def serve_folder(folder: Path, port: int) -> None:
    """Serve a folder to this machine only, until Ctrl-C or SIGTERM; UserError if the port can't be used."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(SimpleHTTPRequestHandler, directory=folder))
    except OSError as error:
        raise UserError(f"port {port} can't be used: {error.strerror}; choose one with --port") from None
    try:
        with on_stop(_stop):
            click.echo(f"http://127.0.0.1:{server.server_address[1]}/ shows {short(folder)}; Ctrl-C ends it.")
            server.serve_forever()
    except _Stopped:
        click.echo("")


def _stop() -> None:
    raise _Stopped
