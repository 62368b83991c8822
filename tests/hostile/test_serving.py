"""`build-site serve`: hands out the files of a gallery, and nothing else of a machine, whatever is asked."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from generator.console.serving import Server
from generator.errors import UserError
from tests.conftest import click_run

SECRET = "what no stranger may read"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery as a stranger might have packed it, beside files that are none of its business."""
    top = tmp_path_factory.mktemp("serving")
    site, outside = top / "site", top / "outside"
    for path in (site / "models" / "net", site / ".git", outside, top / "site-too"):
        path.mkdir(parents=True)
    (outside / "secret.txt").write_text(SECRET)
    (top / "site-too" / "secret.txt").write_text(SECRET)
    (site / ".git" / "config").write_text(SECRET)
    (site / ".pocket-microscope.json").write_text(SECRET)
    (site / "index.html").write_text("models é", "utf-8")
    (site / "404.html").write_text("no such page")
    (site / "models" / "net" / "index.html").write_text("layers")
    (site / "models" / "nét #1?.html").write_text("odd")
    (site / "empty").mkdir()
    (site / "empty" / "data.json").write_text("{}")
    (site / "sheet.webp").write_bytes(b"RIFF")
    (site / "style.css").write_text("a{}")
    (site / "program.js").write_text("1")
    (site / "out").symlink_to(outside)
    (site / "out.txt").symlink_to(outside / "secret.txt")
    (site / "sibling.txt").symlink_to("../site-too/secret.txt")
    (site / "git.txt").symlink_to(".git/config")
    (site / "git").symlink_to(".git")
    (site / "loop").symlink_to("loop")
    (site / "within").symlink_to("models/net")
    (site / "up").mkdir()
    (site / "up" / "index.html").symlink_to(outside / "secret.txt")
    os.mkfifo(site / "pipe")
    return site


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with Server(folder, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    """What is answered to a request for exactly this path."""
    connection = HTTPConnection(*server.server_address[:2], timeout=20)
    connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer, answer.read()


OUTSIDE = [
    *("/out/secret.txt", "/out.txt", "/sibling.txt", "/git.txt", "/git/config", "/up/", "/up/index.html"),
    *("/../outside/secret.txt", "/%2e%2e/outside/secret.txt", "/models/%2e%2e/%2E%2E/outside/secret.txt"),
    *("/..%2foutside%2fsecret.txt", "/models/..%2f..%2foutside/secret.txt", "/..%5coutside%5csecret.txt"),
    *("/..\\outside\\secret.txt", "/../site-too/secret.txt", "/%2e%2e%2fsite-too/secret.txt"),
    *("//outside/secret.txt", "/%2e./outside/secret.txt", "/%252e%252e/outside/secret.txt"),
    *("/.git/config", "/%2egit/config", "/.pocket-microscope.json", "/./.git/config"),
    *("/loop", "/loop/x", "/pipe", "/index.html/", "/index.html/x", "/index.html%00", "/%00", "/%00/../x"),
    *("/" + "a" * 5000, "/" + "a/" * 5000, "/C:/x", "/CON", "/%ff%fe", "/models/%c0%ae%c0%ae/x", "*", "x:y"),
]


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path[:40])
def test_nothing_but_the_gallerys_own_files_is_handed_out(server: Server, folder: Path, path: str) -> None:
    for asked in (path, f"{path}?x=/", f"{folder.parent}{path}", f"http://127.0.0.1{path}"):
        answer, body = ask(server, asked, Host="127.0.0.1")
        assert answer.status == 404 and body == b"no such page" and SECRET.encode() not in body


def test_absolute_paths_lead_nowhere(server: Server, folder: Path) -> None:
    secret = folder.parent / "outside" / "secret.txt"
    for path in (
        str(secret),
        f"/{secret}",
        f"//{secret}",
        f"file://{secret}",
        "/etc/passwd",
        "/%2fetc%2fpasswd",
    ):
        assert ask(server, path)[0].status == 404


def test_folders_are_not_listed(server: Server) -> None:
    assert ask(server, "/empty/")[0].status == 404
    answer, _ = ask(server, "/empty")
    assert (answer.status, answer.getheader("Location")) == (301, "/empty/")


@pytest.mark.parametrize("path", ["//models/net", "/models//net", "///models/net?x", "/within/../models/net"])
def test_no_redirection_leaves_this_host(server: Server, path: str) -> None:
    answer, _ = ask(server, path)
    if ".." in path:
        assert answer.status == 404
    else:
        assert (answer.status, answer.getheader("Location")) == (301, "/models/net/")


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/", "models é", "text/html; charset=utf-8"),
        ("/index.html?x=1", "models é", "text/html; charset=utf-8"),
        ("/models/net/", "layers", "text/html; charset=utf-8"),
        ("/within/", "layers", "text/html; charset=utf-8"),
        ("/models/n%C3%A9t%20%231%3F.html", "odd", "text/html; charset=utf-8"),
        ("/empty/data.json", "{}", "application/json; charset=utf-8"),
        ("/style.css", "a{}", "text/css; charset=utf-8"),
        ("/program.js", "1", "text/javascript; charset=utf-8"),
        ("/sheet.webp", "RIFF", "image/webp"),
    ],
)
def test_files_are_sent_as_what_they_are(server: Server, path: str, body: str, kind: str) -> None:
    answer, data = ask(server, path)
    assert (answer.status, data.decode(), answer.getheader("Content-Type")) == (200, body, kind)
    head, nothing = ask(server, path, "HEAD")
    assert nothing == b"" and head.status == 200
    assert {**dict(head.getheaders()), "Date": ""} == {**dict(answer.getheaders()), "Date": ""}


def test_every_answer_has_the_headers_that_keep_browsers_in_bounds(server: Server) -> None:
    for method, path in [
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/gone"),
        ("POST", "/"),
        ("GET", "/empty"),
        ("PUT", "/x"),
    ]:
        answer, _ = ask(server, path, method)
        assert answer.getheader("X-Content-Type-Options") == "nosniff"
        assert answer.getheader("Cache-Control") == "no-cache"
        assert answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"
        assert "Python" not in (answer.getheader("Server") or "")
    assert ask(server, "/", "POST")[0].status == ask(server, "/", "DELETE")[0].status == 501


def test_a_page_that_was_built_anew_is_seen_at_once(server: Server, folder: Path) -> None:
    page = folder / "models" / "changing.html"
    page.write_text("one")
    tag = ask(server, "/models/changing.html")[0].getheader("ETag")
    assert tag
    answer, body = ask(server, "/models/changing.html", If_None_Match=tag)
    assert (answer.status, body) == (304, b"")
    page.write_text("two")
    answer, body = ask(server, "/models/changing.html", If_None_Match=tag)
    assert (answer.status, body) == (200, b"two")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *[(host, 200) for host in ("127.0.0.1", "localhost:8000", "LOCALHOST:1", "[::1]:8000", "localhost.")],
        *[
            (host, 421)
            for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "", "[", "a b")
        ],
    ],
)
def test_another_hosts_name_for_this_machine_gets_nothing(server: Server, host: str, status: int) -> None:
    answer, body = ask(server, "/", Host=host)
    assert answer.status == status and ("models" in body.decode()) == (status == 200)


def test_only_who_asks_for_it_shows_the_gallery_to_others(folder: Path) -> None:
    with Server(folder, 0) as server:
        assert server.server_address[0] == "127.0.0.1" and server.is_ours
    with Server(folder, 0, "0.0.0.0") as server:
        assert not server.is_ours
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = ("127.0.0.1", server.server_address[1])
        connection = HTTPConnection(*address, timeout=20)
        connection.request("GET", "/", headers={"Host": "gallery.example"})
        assert connection.getresponse().status == 200
        server.shutdown()


def test_a_reader_who_goes_away_and_one_who_talks_nonsense_say_nothing(
    server: Server, capfd: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "large.bin").write_bytes(bytes(30_000_000))
    with socket.create_connection(server.server_address[:2]) as away:
        away.sendall(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        away.recv(10)
    for nonsense in (b"\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\xff" * 70_000):
        with socket.create_connection(server.server_address[:2], timeout=20) as strange:
            strange.sendall(nonsense + b"\r\n\r\n")
            strange.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                assert SECRET.encode() not in strange.recv(1 << 16)
    assert ask(server, "/")[0].status == 200
    assert "Traceback" not in capfd.readouterr().err


def test_an_address_that_is_none_is_told_in_a_line(folder: Path, tmp_path: Path) -> None:
    from generator.console.serving import serve_folder

    with pytest.raises(UserError, match=r"--host no such host: is no address"):
        serve_folder(folder, 0, "no such host")
    with pytest.raises(UserError, match=r"192\.0\.2\.1, port 0, can't be used: "):
        serve_folder(folder, 0, "192.0.2.1")
    assert "--host" in click_run("serve", "--help").output
