"""`build-site serve`: the gallery over HTTP, to this machine only unless told otherwise.

A gallery's folder may have come from a stranger, and other pages open in the same browser are strangers too.
So only files inside the folder are handed out, none through a link that leads out of it and none whose name
begins with a dot; folders are not listed; a request that names another host than this machine gets nothing.
"""

from __future__ import annotations

import mimetypes
import shutil
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import fstat, stat_result
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

import click

from generator.console.signals import on_stop
from generator.console.wording import short
from generator.errors import UserError

LOOPBACK = "127.0.0.1"
_OURSELVES = {"127.0.0.1", "localhost", "::1"}
_INDEX, _NOT_FOUND = "index.html", "404.html"
# Of what a gallery consists, whatever this machine's own tables say of these endings.
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".csv": "text/csv",
    ".xml": "application/xml",
    ".txt": "text/plain",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_TEXTS = ("text/", "application/json", "application/xml", "image/svg+xml")


class _Stopped(BaseException):
    """The user ends the server. No Exception, so that nothing on the way takes it for a mistake."""


def serve_folder(folder: Path, port: int, host: str = LOOPBACK) -> None:
    """Serve a folder until Ctrl-C or SIGTERM; UserError if the address or the port can't be used."""
    server = _server(folder, port, host)
    try:
        with on_stop(_stop), server:
            _announce(server, folder)
            server.serve_forever()
    except _Stopped:
        click.echo("")


def serve_meanwhile(folder: Path, port: int, host: str, work: Callable[[], object]) -> None:
    """The same while something is worked off, and afterwards; what that raises ends both."""
    with _server(folder, port, host) as server:
        _announce(server, folder)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            work()
            with on_stop(_stop):
                click.echo(f"{server.url} goes on; Ctrl-C ends it.")
                threading.Event().wait()
        except _Stopped:
            click.echo("")
        finally:
            server.shutdown()


def _server(folder: Path, port: int, host: str) -> Server:
    try:
        return Server(folder, port, host)
    except socket.gaierror:
        raise UserError(f"--host {host}: is no address; 0.0.0.0 stands for all of this machine's") from None
    except OSError as error:
        what = f"port {port}" if host == LOOPBACK else f"{host}, port {port},"
        raise UserError(f"{what} can't be used: {error.strerror}; choose one with --port") from None


def _announce(server: Server, folder: Path) -> None:
    if not server.is_ours:
        click.echo("Note: every machine that reaches this address can see the gallery.", err=True)
    click.echo(f"{server.url} shows {short(folder)}; Ctrl-C ends it.")


def _stop() -> None:
    raise _Stopped


class Server(ThreadingHTTPServer):
    """Hands out the files of a folder at an address of this machine."""

    def __init__(self, folder: Path, port: int, host: str = LOOPBACK) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family, *_, address = found[0]
        self.is_ours = address[0] in _OURSELVES
        handler = partial(_Handler, folder=folder, ours_only=self.is_ours)
        super().__init__((str(address[0]), port), handler)

    @property
    def url(self) -> str:
        """Where it is to be found."""
        host = str(self.server_address[0])
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader who went away is no mistake of anybody's."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the files of a folder; everything else with an error."""

    server_version, sys_version = "build-site", ""
    timeout = 60

    def __init__(self, *args: Any, folder: Path, ours_only: bool) -> None:
        self._folder, self._ours_only = folder.resolve(), ours_only
        super().__init__(*args)

    def do_GET(self) -> None:
        """A file with its bytes, …"""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """… or what would be said of it."""
        self._answer(with_body=False)

    def end_headers(self) -> None:
        """Of every answer, errors included: a browser takes it for what it is called, no page of another host
        gets at it, and it is asked for anew when the gallery was."""
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def _answer(self, *, with_body: bool) -> None:
        # A page of another host can give its own name our address, and would then be of the same origin.
        if self._ours_only and _name(self.headers.get("Host", LOOPBACK)) not in _OURSELVES:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "This gallery is at 127.0.0.1")
            return
        path = unquote(self.path.partition("?")[0], errors="surrogateescape")
        found = inside(self._folder, path)
        if found is not None and found.is_dir():
            if not path.endswith("/"):
                self._redirect(path)
                return
            found = inside(self._folder, f"{path}{_INDEX}")
        elif path.endswith("/"):
            found = None
        if not self._sends(found, HTTPStatus.OK, with_body):
            self._missing(with_body)

    def _redirect(self, path: str) -> None:
        # Without an empty part at its beginning, which would make the next one the name of a host.
        parts = [quote(part, errors="surrogateescape") for part in path.split("/") if part]
        self.send_response(HTTPStatus.MOVED_PERMANENTLY)
        self.send_header("Location", f"/{'/'.join(parts)}/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _missing(self, with_body: bool) -> None:
        if not self._sends(inside(self._folder, _NOT_FOUND), HTTPStatus.NOT_FOUND, with_body):
            self.send_error(HTTPStatus.NOT_FOUND)

    def _sends(self, file: Path | None, status: HTTPStatus, with_body: bool) -> bool:
        """Whether it is a file, which is then sent."""
        if file is None or not file.is_file():  # a device or a pipe might never end
            return False
        try:
            stream = file.open("rb")
        except OSError:
            return False
        with stream:
            self._send(file, stream, status, with_body)
        return True

    def _send(self, file: Path, stream: BinaryIO, status: HTTPStatus, with_body: bool) -> None:
        state = fstat(stream.fileno())
        tag = _tag(state)
        same = status is HTTPStatus.OK and self.headers.get("If-None-Match") == tag
        self.send_response(HTTPStatus.NOT_MODIFIED if same else status)
        self.send_header("ETag", tag)
        if not same:
            self.send_header("Content-Type", _kind(file))
            self.send_header("Content-Length", str(state.st_size))
            self.send_header("Last-Modified", formatdate(state.st_mtime, usegmt=True))
        self.end_headers()
        if with_body and not same:
            shutil.copyfileobj(stream, self.wfile)


def inside(folder: Path, path: str) -> Path | None:
    """What lies at a path of a folder (absolute, free of links), once its links are followed.

    None if that is nothing, outside the folder, or behind a name that begins with a dot.
    """
    parts = [part for part in path.split("/") if part]
    if any(part.startswith(".") or "\\" in part or "\0" in part for part in parts):
        return None
    try:
        found = folder.joinpath(*parts).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    if not found.is_relative_to(folder) or any(part[0] == "." for part in found.relative_to(folder).parts):
        return None
    return found


def _name(host: str) -> str:
    """The name of a host without its port, as a request gives it."""
    with suppress(ValueError):
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    return ""


def _tag(state: stat_result) -> str:
    """Another one for each content that a file had: what is written anew has another time."""
    return f'"{state.st_mtime_ns:x}-{state.st_size:x}"'


def _kind(file: Path) -> str:
    kind = _KINDS.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith(_TEXTS) else kind
