"""What docs/scaling.md rests on beside batches: how quickly entries reach the disk, and how
quickly tallies add up.

    python -m benchmarks.costs --folder /tmp/costs

writes entries of 75 kB into a cache on the disk of that folder, as workers do, and adds up tallies of 128
pictures of layers of several widths, as a second look at a layer does.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import time
from pathlib import Path

import numpy as np

from generator.cache.entries import Cache
from generator.evidence.summary import Merger
from generator.evidence.tally import Counter, Tally

SIZE = 75_000
PICTURES = 128
SIDE = 7
WIDTHS = (24, 112, 1280)


def entries_a_second(folder: Path, count: int) -> float:
    """How many entries, each a picture and a record, reach the disk for good in a second."""
    cache, picture = Cache(folder / "cache"), os.urandom(SIZE)
    keys = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]
    started = time.perf_counter()
    for key in keys:
        cache.put_entry(key, {"kind": "measured"}, {"png": picture})
    return count / (time.perf_counter() - started)


def tally_of(channels: int) -> bytes:
    """A block's tally as it is kept, of values as a ReLU gives them."""
    random = np.random.default_rng(channels)
    counter = Counter(channels, (SIDE, SIDE))
    for start in range(0, PICTURES, 16):
        digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(start, start + 16)]
        values = random.normal(size=(16, SIDE * SIDE, channels)).astype(np.float32)
        counter.add(digests, np.maximum(values - 1, 0))
    return counter.tally().to_bytes()


def merged_a_second(data: bytes, count: int) -> float:
    """How often such a tally is read and added to the others, in a second of processor time."""
    merger = Merger()
    started = time.process_time()
    for _ in range(count):
        merger.add(Tally.from_bytes(data))
    merger.summary()
    return count / (time.process_time() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="a new one, removed afterwards")
    options = parser.parse_args()
    print("| figure | measured |", "| --- | --- |", sep="\n")
    options.folder.mkdir(parents=True)
    print(f"| durable entries of {SIZE // 1000} kB | {entries_a_second(options.folder, 300):.0f} a second |")
    shutil.rmtree(options.folder)
    for channels in WIDTHS:
        data = tally_of(channels)
        rate = merged_a_second(data, max(40, 4000 // channels))
        what = f"tallies of {channels:,} channels, {len(data) / 1e6:.1f} MB each"
        print(f"| {what} | {rate:.0f} a second of processor time |")


if __name__ == "__main__":
    main()
