"""Products that TensorFlow gets wrong end whole processes: they are tried in one that may be lost."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT, environment


def test_any_number_of_colours_comes_back_as_it_went_in() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.render.stress"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-2000:]}"
