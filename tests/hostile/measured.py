"""How far the memory of a process grows while it reads a file: by a process of its own, on Linux."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, environment

_SCRIPT = """
import importlib, json, re, sys, time
from pathlib import Path

def status(what):
    return int(re.search(what + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

module, name, *paths = sys.argv[1:]
read = getattr(importlib.import_module(module), name)
said = {}
for path in paths:
    Path("/proc/self/clear_refs").write_text("5")  # the peak is taken from here on
    before = status("VmRSS")
    try:
        answer = "read: " + repr(read(Path(path)))[:80]
    except Exception as error:
        answer = type(error).__name__ + ": " + str(error)
    said[path] = [answer, status("VmHWM") - before]
print("\\n" + json.dumps(said))
"""


def growth(reader: str, *paths: Path, modules: Path | None = None) -> dict[str, tuple[str, float]]:
    """What a reader, `module:function` of a path, answers of each file, and the MB that it took at most.

    They are read one after the other in one process, which also finds Python modules in the folder `modules`.
    """
    extra = {"PYTHONPATH": os.pathsep.join(map(str, filter(None, (ROOT, modules))))}
    command = [sys.executable, "-c", _SCRIPT, *reader.split(":"), *map(str, paths)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(extra), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return {Path(path).name: (answer, mebibytes) for path, (answer, mebibytes) in found.items()}
