"""Whether four shards, merged, give the site of one run, file for file but for times.

    python -m benchmarks.shards --folder /tmp/shards

runs `build-site` as a user does, on EfficientNet-Lite0 and the photographs of the repository: once in one go,
and once as four shards, each with a cache of its own, that are merged and finished. Says how long each took,
and names every file in which the two sites differ; the exit code is 1 if there is any.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = """
cache: cache
output: site
size: 64
steps: 32
datasets:
  photos: {{path: {photos}}}
models:
  efficientnet-lite0:
    layers: [{{name: block2b_add, channels: 0-15}}, {{name: block4c_add, channels: 0-15}}]
    recipes: [channel, negative]
recipes:
  channel: {{precision: float32}}
  negative: {{precision: float32}}
"""
TIMES = re.compile(rb"rendered     .* UTC, in \S+ s\n")
"""What a channel's page says of when its picture was rendered, and in how long."""


def config_in(folder: Path) -> Path:
    """A config with a cache and a site of its own."""
    folder.mkdir(parents=True)
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(photos=ROOT / "photos"))
    return path


def build_site(*arguments: str | Path) -> float:
    """Seconds that build-site takes with these arguments."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "generator", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - started


def content(site: Path) -> dict[str, bytes]:
    """The files of a site, without the times that they tell."""
    paths = (path for path in sorted(site.rglob("*")) if path.is_file())
    return {str(path.relative_to(site)): TIMES.sub(b"", path.read_bytes()) for path in paths}


def main() -> int:
    """Render, merge and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="is emptied")
    parser.add_argument("--shards", type=int, default=4)
    options = parser.parse_args()
    folder, count = options.folder, options.shards
    shutil.rmtree(folder, ignore_errors=True)
    whole, merged = config_in(folder / "whole"), config_in(folder / "merged")
    print(f"one run: {build_site(whole):.0f} s", flush=True)
    caches = []
    for number in range(1, count + 1):
        config = config_in(folder / f"shard-{number}")
        caches.append(config.parent / "cache")
        print(f"shard {number}/{count}: {build_site('render', config, '--shard', f'{number}/{count}'):.0f} s")
    print(f"merge: {build_site('merge', *caches, '--config', merged):.1f} s", flush=True)
    print(f"what is left, and the pages: {build_site(merged):.0f} s", flush=True)
    one, other = content(whole.parent / "site"), content(merged.parent / "site")
    differ = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    print(
        f"{len(one):,} files, {sum(map(len, one.values())):,} bytes; {len(differ)} differ", *differ, sep="\n"
    )
    return bool(differ)


if __name__ == "__main__":
    sys.exit(main())
