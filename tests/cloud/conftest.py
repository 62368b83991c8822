"""A real server of the S3 protocol in a process of its own, and a proxy before it that fails when told to."""

from __future__ import annotations

import http.client
import itertools
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ERRORS = {"503": "ServiceUnavailable", "403": "AccessDenied"}
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@dataclass
class Proxy:
    """Passes requests on to `port` and counts them; `trouble` is asked first, and may answer itself.

    It is given the method and path and says one of ERRORS, `reset`, seconds to wait, or nothing.
    """

    port: int
    trouble: Callable[[str, str], str | float | None] = lambda method, path: None
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def calm(self) -> None:
        """No trouble from now on, and nothing asked yet."""
        self.trouble = lambda method, path: None
        self.asked.clear()


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy.asked.append(f"{self.command} {self.path}")
            trouble = proxy.trouble(self.command, self.path)
            if trouble == "reset":
                # Without the usual words of farewell.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
            if trouble in ERRORS:
                self.reply(int(trouble), [], f"<Error><Code>{ERRORS[trouble]}</Code></Error>".encode())
                return
            time.sleep(float(trouble or 0))
            there = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
            there.request(self.command, self.path, body, dict(self.headers))
            found = there.getresponse()
            self.reply(found.status, found.getheaders(), found.read())
            there.close()

        def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            length = str(len(body))
            for name, value in headers:
                if name.lower() == "content-length" and self.command == "HEAD":
                    length = value
                elif name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


@pytest.fixture(scope="session")
def server() -> Iterator[Proxy]:
    """The proxy before a server that runs as long as the tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    proxy = Proxy(port)
    front = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    proxy.address = f"http://127.0.0.1:{front.server_port}"
    threading.Thread(target=front.serve_forever, daemon=True).start()
    try:
        _await(port)
        yield proxy
    finally:
        front.shutdown()
        process.kill()
        process.wait()


def _await(port: int) -> None:
    end = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < end, "the server never came up"
            time.sleep(0.05)


_numbers = itertools.count()


@pytest.fixture
def s3(server: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Proxy]:
    """The server, without trouble, found as a user's environment says; what is of this machine is apart."""
    import s3fs

    settings = {**ACCOUNT, "AWS_ENDPOINT_URL": server.address, "XDG_CACHE_HOME": str(tmp_path / "home")}
    settings["no_proxy"] = "127.0.0.1"
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    server.calm()
    yield server
    server.calm()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def bucket(s3: Proxy) -> str:
    """The address of a new bucket."""
    import s3fs

    name = f"bucket-{next(_numbers)}"
    s3fs.S3FileSystem(use_listings_cache=False).mkdir(name)
    s3.asked.clear()
    return f"s3://{name}"
