"""Side by side with what a user would pick instead: speed, quality, memory, and a sheet of all pictures.

    python -m benchmarks.peers                  everything: makes the peers' environments, runs all tools
    python -m benchmarks.peers --only-ours      ours anew, the peers from the last run
    python -m benchmarks.peers --reuse-peers    ours anew, and those peers that have no results yet
    python -m benchmarks.peers --channels 3 --layers block5c_add       a trial of a few minutes
    python -m benchmarks.peers --scaling        ours, for 16 to 1,280 channels
    python -m benchmarks.peers --vgg19          ours, on VGG19: the share of the machine's matrix products

A run with other layers, channels, sizes or steps than the defaults is a trial: what it finds goes to
benchmarks/.results/trial/ and RESULTS.md stays as it is. Linux only (memory is read from /proc).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from benchmarks.results_file import put
from benchmarks.runs import RESULTS, TOOLS, Spec, Stored, command, machine, run_tool, stored
from benchmarks.tools.common import Job
from generator.config.channels import Channels

LAYERS = ("block3b_add", "block5c_add", "block6d_add")
HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 when a tool failed."""
    options = _parser().parse_args(arguments)
    options.trial = _is_trial(options)
    options.results = RESULTS / "trial" if options.trial else RESULTS
    options.report = options.results / "RESULTS.md" if options.trial else HERE / "RESULTS.md"
    options.results.mkdir(parents=True, exist_ok=True)
    try:
        return _single(options) if options.scaling or options.vgg19 else _compare(options)
    except subprocess.CalledProcessError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--layers", nargs="+", default=list(LAYERS), metavar="LAYER")
    add("--channels", default="0-15", help="as in config.yaml: 7, 0-15 or 0-3,7")
    add("--peer-channels", type=int, metavar="N", help="peers render only the first N of the channels")
    add("--peer-batch", type=int, default=1, metavar="N", help="tf-keras-vis, Xplique: N pictures at a time")
    add("--tools", nargs="+", choices=TOOLS, default=list(TOOLS), help="which to run")
    add("--size", type=int, default=160, metavar="PX")
    add("--steps", type=int, metavar="N", help="for every tool, instead of its own default: a quick trial")
    add("--only-ours", action="store_true", help="the same as --tools ours")
    add("--reuse-peers", action="store_true", help="don't run a peer that has results")
    add("--scaling", action="store_true")
    add("--upto", type=int, default=1280, metavar="N", help="with --scaling: no more channels than N")
    add("--vgg19", action="store_true")
    add("--precision", nargs="+", default=["float32", "bfloat16"], help="with --vgg19: each in turn")
    return parser


def _is_trial(options: argparse.Namespace) -> bool:
    usual = _parser().parse_args([])
    return any(
        getattr(options, name) != getattr(usual, name)
        for name in ("layers", "channels", "size", "steps", "upto")
    )


# -- the comparison --------------------------------------------------------------------------------


def _compare(options: argparse.Namespace) -> int:
    from benchmarks.network import hand_out
    from benchmarks.sheet import write_sheet

    channels = Channels.parse(options.channels).select(1 << 30)
    layers = {layer: channels for layer in options.layers}
    files = hand_out(RESULTS / "network", options.size)
    job = Job(options.size, layers, "", **files, started=0, steps=options.steps)
    failures = _run_all(options, job)
    found = [stored(spec, options.results / name, job) for name, spec in TOOLS.items()]
    tools = [tool for tool in found if tool is not None]
    if tools:
        text = _section(tools, job)
        put(options.report, "table", text)
        write_sheet(_sheet_path(options), tools, job.layers)
        print(f"\n{text}\nwritten: {options.report}, {_sheet_path(options)}")
    return 1 if failures or not tools else 0


def _sheet_path(options: argparse.Namespace) -> Path:
    return (options.results if options.trial else HERE) / "peers.webp"


def _run_all(options: argparse.Namespace, job: Job) -> list[str]:
    """Run what is to be run; names of those that failed."""
    fewer = {layer: channels[: options.peer_channels] for layer, channels in job.layers.items()}
    for_peers = replace(job, layers=fewer, batch=options.peer_batch)
    failures = []
    for spec in _due(options, job):
        try:
            run_tool(spec, options.results / spec.name, job if spec.is_ours else for_peers)
        except subprocess.CalledProcessError as error:
            print(f"{spec.name} failed: {error}", file=sys.stderr)
            failures.append(spec.name)
    return failures


def _due(options: argparse.Namespace, job: Job) -> list[Spec]:
    specs = [TOOLS[name] for name in (["ours"] if options.only_ours else options.tools)]
    if not options.reuse_peers:
        return specs
    return [spec for spec in specs if spec.is_ours or not stored(spec, options.results / spec.name, job)]


def _section(tools: Sequence[Stored], job: Job) -> str:
    from benchmarks import tables
    from benchmarks.roofline import best_matmul_rate

    matmul = best_matmul_rate(RESULTS / "matmul.json")
    settings = f"{job.steps} steps for all" if job.steps else "each tool at its own defaults"
    found = tables.scores(tools, job.layers, job.size)
    per_channel = "\n".join(tables.channel_table(tools, found, *item) for item in job.layers.items())
    return "\n".join(
        (
            f"`{command()}`, {date.today()}, {machine()};",
            f"float32 matrix products {matmul / 1e9:.0f} GFLOP/s.",
            f"EfficientNet-Lite0 (ImageNet), pictures of {job.size} px, {settings}.\n",
            tables.speed_table(tools, matmul),
            _notes(tools),
            "Robust activation, mean over channels:\n",
            tables.quality_table(tools, found, list(job.layers)),
            f"<details><summary>Channel by channel</summary>\n\n{per_channel}\n</details>\n",
            "All pictures: [peers.webp](peers.webp).",
        )
    )


def _notes(tools: Sequence[Stored]) -> str:
    lines = [
        "- *s per picture*: wall-clock without start-up: of the peers, the median of each layer's pictures; "
        "of ours, everything rendered a second time by the same workers.",
        "- *with start-up*: from the command to the last picture, over the number of pictures: imports, "
        "opening the network and compiling included.",
        "- *peak memory*: largest sum of resident memory over the tool's processes (shared pages count in "
        "each).",
        "- *roofline share*: FLOPs that one step needs (network up to the layer at the side it is fed with, "
        "forward and back to the input) times steps, over seconds and the rate of matrix products.",
        "- *robust activation*: see benchmarks/scoring.py; the same views and network for every tool.",
        *(f"- {tool.label}: {'; '.join(_facts(tool))}." for tool in tools),
    ]
    return "\n".join(lines) + "\n"


def _facts(tool: Stored) -> list[str]:
    known = {name: value for name, value in tool.report["facts"].items() if name != "versions"}
    facts = [f"{name} {_short(value)}" for name, value in known.items()]
    if tool.spec.module == "lucent":
        facts.append("benchmarks/shims stands in for torchvision, which it imports and here has no use for")
    if tool.report["batch"] > 1:
        facts.append(f"{tool.report['batch']} pictures at a time")
    return [*facts, f"measured {tool.report['date']}"]


def _short(value: object) -> str:
    return f"{value:.1e}" if isinstance(value, float) else str(value).strip("[]")


# -- ours alone ------------------------------------------------------------------------------------


def _single(options: argparse.Namespace) -> int:
    from benchmarks import single

    if options.scaling:
        text = single.scaling(options.results, options.size, options.steps, options.upto)
        put(options.report, "scaling", text)
    if options.vgg19:
        text = single.vgg19(options.results, options.steps, options.precision)
        put(options.report, "vgg19", text)
    print(f"{text}\nwritten: {options.report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
