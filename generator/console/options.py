"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.config.addresses import Place, place_of
from generator.console.wording import seconds
from generator.errors import UserError

if TYPE_CHECKING:
    from generator.selection import Shard

ConfigPath = click.Path(path_type=Path)


class CachePlace(click.ParamType[Place]):
    """A cache's folder, or its address in an object store."""

    name = "cache"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        """The place that a text names."""
        return place_of(value)


config_argument = click.argument("config", type=ConfigPath, default=Path("config.yaml"))
debug_option = click.option("--debug", is_flag=True, help="Show tracebacks and TensorFlow's messages.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else seconds(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _shard(_: click.Context, __: click.Parameter, value: str | None) -> Shard | None:
    """The shard that is named; None for the only one of one, which is all there is."""
    from generator.selection import Shard

    try:
        shard = None if value is None else Shard.parse(value)
    except ValueError as error:
        raise UserError(f"--shard {value}: {error}") from None
    return None if shard is None or shard.count == 1 else shard


shard_option = click.option(
    "--shard",
    callback=_shard,
    metavar="N/COUNT",
    help="Only the Nth of COUNT parts, always the same; `merge` brings them together.",
)


WHAT = [
    click.option(
        "--only",
        multiple=True,
        metavar="MODEL[/LAYER[/CHANNELS]]",
        help="Render only these; names may be globs, CHANNELS as in 0-15. May be repeated.",
    ),
    shard_option,
    click.option("--force", is_flag=True, help="Render again what the cache already holds."),
    click.option(
        "--retry-failed",
        is_flag=True,
        help="Try again what has failed in a way that can't pass by itself.",
    ),
]
"""Options on what is rendered."""

WHERE = [
    click.option(
        "--jobs",
        "-j",
        type=click.IntRange(1, 256),
        metavar="N",
        help="Worker processes. Default: one a core, if memory allows.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["local", "dask"]),
        help="Render here, or on a Dask cluster. Default: as the config says, else local.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="The Dask scheduler, tcp://HOST:8786. Default: one of this machine's own.",
    ),
    click.option(
        "--scheduler-file",
        type=ConfigPath,
        metavar="FILE",
        help="Where a Dask scheduler left its address.",
    ),
]
"""Options on where."""

HOW = [
    click.option(
        "--time-limit",
        callback=_seconds,
        metavar="DURATION",
        help="Stop rendering after this long (90s, 30m, 2h); the pages are still written.",
    ),
    click.option("--strict", is_flag=True, help="Stop at the first failure; warnings are failures too."),
    click.option(
        "--wait",
        is_flag=True,
        help="Wait while another run has the cache, instead of failing.",
    ),
    click.option(
        "--log-json", type=ConfigPath, metavar="FILE", help="Add what happens to FILE, an event a line."
    ),
    quiet_option,
    debug_option,
]
"""Options on when a run ends, and what it says."""


def render_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All options of a command that renders."""
    for option in reversed([*WHAT, *WHERE, *HOW]):
        command = option(command)
    return command


def publish_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--branch", metavar="NAME", help="Publish to this branch of the remote, e.g. gh-pages."),
        click.option("--remote", default="origin", show_default=True, help="Which remote has the branch."),
        click.option("--squash", is_flag=True, help="Keep no history: the branch gets a single commit."),
        click.option(
            "--split", is_flag=True, help="Write a site of its own for each model, to publish singly."
        ),
        click.option("--workflow", is_flag=True, help="Write or update .github/workflows/microscope.yml."),
        click.option(
            "--shards",
            type=click.IntRange(1, 64),
            default=1,
            help="Of the workflow: on how many machines it renders at a time.  [default: 1]",
        ),
        click.option(
            "--runs",
            type=click.IntRange(0, 200),
            default=10,
            help="Of the workflow: how often it starts itself again while anything is due.  [default: 10]",
        ),
        click.option(
            "--install",
            multiple=True,
            metavar="REQUIREMENT",
            help="Of the workflow: what pip installs Pocket Microscope from. Default: the repository, "
            "if it is Pocket Microscope's own.",
        ),
        click.option(
            "--site", type=ConfigPath, metavar="FOLDER", help="Another folder than the config's `output`."
        ),
        click.option("--force", is_flag=True, help="Replace a workflow or a branch that others wrote."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


_ONLY_WITH = {
    "squash": ("branch",),
    "remote": ("branch",),
    "shards": ("workflow",),
    "runs": ("workflow",),
    "install": ("workflow",),
    "force": ("branch", "workflow"),
}


def refuse_idle(given: Collection[str]) -> None:
    """Raises UserError when one of these options of `publish` would do nothing beside the others."""
    if "split" in given and (others := [name for name in given if name not in ("split", "config", "debug")]):
        raise UserError(
            f"--split and --{others[0]}: --split only writes a site for each model; afterwards publish each "
            "to a repository of its own: `publish --site site-split/MODEL --remote NAME --branch gh-pages`"
        )
    for name, companions in _ONLY_WITH.items():
        if name in given and not set(companions) & set(given):
            raise UserError(f"--{name} does nothing without {' or '.join(f'--{one}' for one in companions)}")
    if "site" in given and "workflow" in given and "branch" not in given:
        raise UserError("--site does nothing beside --workflow, which publishes the config's `output`")
