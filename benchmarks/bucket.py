"""How long planning takes with a cache of 100,000 entries in an object store, on this machine's own server.

    python -m benchmarks.bucket --folder /tmp/bucket

starts moto's server of the S3 protocol, puts synthetic entries into it from within, writes the index of what
is whole, and runs `plan` as a user does. Beside that stands the bare listing by boto3 in one go, which is
what the server itself needs. Its rows go to docs/scaling.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.million import CHANNELS, RECIPES, know_layers, timed
from benchmarks.synthetic import png, record, texture
from generator.cache.contents import files_of
from generator.cache.encoding import RECORD, entry_name, written_record
from generator.cache.entries import Cache
from generator.cache.index import Index
from generator.pipeline import load_plan

BUCKET = "measured"
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "no_proxy": "127.0.0.1",
}


def write_config(folder: Path, entries: int) -> Path:
    """A config that asks for so many pictures of a network that is known already."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.keras").write_text("a stand-in that is never opened")
    path = folder / "config.yaml"
    path.write_text(
        f"cache: s3://{BUCKET}/prefix\noutput: site\nsize: 32\nsteps: 16\nmodels:\n  network:\n"
        f"    source: network.keras\n    layers: [all]\n    recipes: [{', '.join(RECIPES)}]\n"
    )
    know_layers(path, {"network": entries // CHANNELS // len(RECIPES)})
    return path


def serve(folder: Path, entries: int) -> None:
    """Be the server, with all entries in it, until the process is ended; `address` in the folder is written
    when they are there."""
    from moto.s3.models import s3_backends
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    store = s3_backends["123456789012"]["aws"]
    store.create_bucket(BUCKET, "us-east-1")
    plan = load_plan(write_config(folder, entries))
    picture = png(texture(1, 32))
    for job in plan.jobs:
        files = {"png": picture}
        written = written_record(job.key, record(plan, job).to_json(), files)
        for kind, data in {**files, RECORD: written}.items():
            store.put_object(BUCKET, f"prefix/{entry_name(job.key, kind)}", data)
    (folder / "address").write_text(os.environ["AWS_ENDPOINT_URL"])
    while True:
        time.sleep(3600)


@contextmanager
def server_of(folder: Path, entries: int) -> Iterator[str]:
    """The address of such a server in a process of its own."""
    (folder / "address").unlink(missing_ok=True)
    command = ["-m", "benchmarks.bucket", "--folder", str(folder), "--entries", str(entries), "--serve"]
    with subprocess.Popen([sys.executable, *command], stderr=subprocess.DEVNULL) as process:
        try:
            while not (folder / "address").exists():
                assert process.poll() is None, "the server ended"
                time.sleep(0.2)
            yield (folder / "address").read_text()
        finally:
            process.kill()


def bare_listing() -> tuple[float, float, int]:
    """Seconds, seconds of our own processor time, and objects, of one listing by boto3."""
    import boto3

    began, own = time.perf_counter(), time.process_time()
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    count = sum(len(page.get("Contents", ())) for page in pages)
    return time.perf_counter() - began, time.process_time() - own, count


def our_listing() -> tuple[float, float, int]:
    """The same of our own listing, which writes an index as if each record had been read and found whole."""
    began, own = time.perf_counter(), time.process_time()
    store = Cache(f"s3://{BUCKET}/prefix").store
    index, count = Index(store), 0
    for key, files in files_of(store):
        index.add(key, files)
        count += len(files)
    index.close(complete=True)
    return time.perf_counter() - began, time.process_time() - own, count


def measured(folder: Path, entries: int) -> Iterator[str]:
    """Rows of the table."""
    with server_of(folder, entries) as address:
        os.environ["AWS_ENDPOINT_URL"] = address
        for who, listing in (("boto3", bare_listing), ("us", our_listing)):
            seconds, own, count = listing()
            yield f"| the listing of {count:,} objects by {who} | {seconds:.1f} s | {own:.1f} s | |"
        seconds, own, megabytes, said = timed("plan", folder / "config.yaml")
        assert said.startswith("In all 0 of"), said
        yield f"| `plan` | {seconds:.1f} s | {own:.1f} s | {megabytes:,.0f} MB |"


def main() -> None:
    """Measure and say what it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(ACCOUNT, XDG_CACHE_HOME=str(options.folder / "home"))
    if options.serve:
        serve(options.folder, options.entries)
        return
    print("| | time | our processor time | peak memory |", "|---|---|---|---|", sep="\n")
    for row in measured(options.folder, options.entries):
        print(row, flush=True)


if __name__ == "__main__":
    main()
