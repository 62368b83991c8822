"""What a long run says meanwhile: a bar on a terminal, a line now and then on a pipe, nothing when quiet."""

from __future__ import annotations

import io
import re
import sys

import pytest

from generator.console import progress
from generator.console.progress import Reporter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with Reporter(1200) as reporter:
        reporter.advance(8)
        reporter.advance(592)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("8 of 1,200 pictures, ")
    assert re.fullmatch(r"600 of 1,200 pictures, [\d.]+ a second, about \d+ min \d\d s left", second)


def test_nothing_done_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As when a run is stopped before its first picture is finished."""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with Reporter(10) as reporter:
        reporter.advance(0)
    assert capsys.readouterr().err == ""


def test_lines_do_not_come_with_every_picture(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(1000) as reporter:
        for _ in range(1000):
            reporter.advance(1)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Reporter(10) as reporter:
        reporter.advance(4)
        reporter.advance(6)
    assert "10/10" in terminal.getvalue() and "pictures/s" in terminal.getvalue()


def test_quiet_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Reporter(10, quiet=True) as reporter:
        reporter.advance(10)
    assert terminal.getvalue() == ""
