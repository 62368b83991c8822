"""build-site: what a user types. Commands are thin and import what is heavy inside themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from generator import __version__
from generator.config import presets
from generator.console.group import CommandGroup
from generator.console.options import (
    CachePlace,
    ConfigPath,
    config_argument,
    debug_option,
    publish_options,
    quiet_option,
    refuse_idle,
    render_options,
    shard_option,
)
from generator.console.wording import many, short, size
from generator.errors import SomeFailed, UserError

if TYPE_CHECKING:
    from generator.selection import Shard

# TensorFlow's own start-up messages are of no use to our users; --debug brings them back.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

EPILOG = """\b
Examples:
  build-site                           render what is missing, then write the pages
  build-site plan                      what is due, how long it will take, how much disk
  build-site status                    how far each model and layer is
  build-site --only vgg19/block4*/0-15 only these channels
  build-site --time-limit 2h           stop cleanly after two hours; run again to go on
  build-site init my.yaml              write a commented config to start from
Stopping at any moment (Ctrl-C, kill, power cut) loses no finished picture.
Exit codes: 0 done, 1 some pictures failed, 2 the input is wrong, 130 interrupted."""


@click.group(cls=CommandGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="build-site")
def main() -> None:
    """Your own OpenAI Microscope: pictures of what every channel of a vision network looks for.

    `build-site [CONFIG]` reads CONFIG (default: config.yaml), renders the pictures that its cache does
    not hold yet, and writes the gallery. `build-site build --help` lists its options.
    """


# -- the main job ----------------------------------------------------------------------------------


@main.command()
@config_argument
@render_options
def build(config: Path, debug: bool, **options: Any) -> None:
    """Render what is missing, then write the pages. This is what `build-site` does by itself."""
    from generator.console.session import work_off

    work_off(config, pages=True, **options)


@main.command()
@config_argument
@render_options
def render(config: Path, debug: bool, **options: Any) -> None:
    """Render what is missing into the cache; write no pages."""
    from generator.console.session import work_off

    work_off(config, pages=False, **options)


@main.command()
@config_argument
@click.option("--strict", is_flag=True, help="Warnings are failures.")
@quiet_option
@debug_option
def html(config: Path, strict: bool, quiet: bool, debug: bool) -> None:
    """Write the pages from what the cache holds; render nothing."""
    from generator.console import session
    from generator.console.log import Log

    session.write_pages(session.open_plan(config, quiet), strict=strict, quiet=quiet, log=Log())


# -- looking around --------------------------------------------------------------------------------


@main.command()
@config_argument
@shard_option
@click.option("--values", is_flag=True, help="For scripts: `due=` how many, `cache=` and `site=` where.")
@debug_option
def plan(config: Path, shard: Shard | None, values: bool, debug: bool) -> None:
    """Show what is due: pictures, the time they will take from measured speed, and disk."""
    from generator.console import due
    from generator.console.session import open_plan, warn_of_guesses

    opened = open_plan(config, quiet=values)
    warn_of_guesses(opened.models)
    for line in due.values(opened, shard) if values else due.what_is_due(opened, shard):
        click.echo(line)


@main.command()
@config_argument
@debug_option
def status(config: Path, debug: bool) -> None:
    """Show how much of each model and layer is done, due and failed, and how long the rest will take."""
    from generator.console.session import open_plan
    from generator.console.status import how_it_stands

    for line in how_it_stands(open_plan(config, quiet=False)):
        click.echo(line)


@main.command()
@click.argument("model")
@click.option(
    "--config", type=ConfigPath, default=None, help="Where MODEL may be named. Default: config.yaml."
)
@click.option("--weights", help="imagenet, none or a file. Default: as the config says, else none.")
@debug_option
def layers(model: str, config: Path | None, weights: str | None, debug: bool) -> None:
    """List a network's layers: names, shapes and channel counts.

    MODEL is a name in the config, a built-in, a keras.applications name, a saved model's file or a
    factory `package.module:function`.
    """
    from generator.console.session import model_settings, warn_of_guesses
    from generator.console.wording import input_words, layer_table
    from generator.models.zoo import open_model
    from generator.pipeline import look_beside

    settings = model_settings(model, config, weights)
    look_beside(config or Path("config.yaml"))
    anatomy = open_model(model, settings).anatomy
    warn_of_guesses({model: anatomy})
    click.echo(input_words(anatomy))
    for line in layer_table(anatomy.layers):
        click.echo(line)


@main.command()
@debug_option
def models(debug: bool) -> None:
    """List the networks that can be opened by name."""
    from generator.models.zoo import BUILT_IN, model_names

    click.echo("Built in, with their ImageNet weights (no download):")
    click.echo("\n".join(f"  {name}" for name in BUILT_IN))
    click.echo("From keras.applications (weights: imagenet downloads, none is random, or name a file):")
    click.echo("\n".join(f"  {name}" for name in model_names()[len(BUILT_IN) :]))
    click.echo("Your own: a saved .keras or .h5 file, or a factory package.module:function.")


@main.command()
@click.argument("name", required=False)
@click.option(
    "--config", type=ConfigPath, default=None, help="Whose recipes to show too. Default: config.yaml."
)
@debug_option
def recipes(name: str | None, config: Path | None, debug: bool) -> None:
    """List the recipes, or show the recipe NAME in full: what it needs, and every setting."""
    from generator.console.session import known_recipes
    from generator.console.wording import in_full, overview

    known = known_recipes(config, name)
    for line in in_full(name, known) if name else overview(known):
        click.echo(line)


@main.command()
@click.argument("config", type=ConfigPath, default=Path("config.yaml"))
@click.option("--preset", type=click.Choice(presets.names()), default=presets.DEFAULT, show_default=True)
def init(config: Path, preset: str) -> None:
    """Write a commented config to start from. Never overwrites a file."""
    presets.write(preset, config)
    click.echo(f"Wrote {config}. Look through it, then run `build-site {config}`.")
    click.echo("Labels and notes of your own go into notes.yaml beside it; docs/config.md has their form.")


@main.command()
@config_argument
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 shows it to other machines.")
@click.option("--render", "rendering", is_flag=True, help="Render what is missing meanwhile; pages follow.")
@debug_option
@click.pass_context
def serve(ctx: click.Context, config: Path, port: int, host: str, rendering: bool, debug: bool) -> None:
    """Show the gallery at http://127.0.0.1:PORT, to this machine only, until Ctrl-C.

    With --render it need not be there: it grows meanwhile, and open pages say when there is more to see.
    """
    from generator.config.reading import read_config
    from generator.console import serving

    folder = read_config(config).check().output
    if rendering:
        serving.serve_meanwhile(folder, port, host, lambda: ctx.invoke(build, config=config))
    elif not (folder / "index.html").exists():
        raise UserError(f"{short(folder)}: holds no gallery yet; `build-site {config}` writes it")
    else:
        serving.serve_folder(folder, port, host)


# -- to the public ---------------------------------------------------------------------------------


@main.command()
@config_argument
@publish_options
@debug_option
def publish(config: Path, debug: bool, **options: Any) -> None:
    """Check that the gallery is fit for a public host, and bring it there.

    Without options it only checks. --branch commits the gallery to a branch of the repository that CONFIG is
    in and pushes that; nothing else of the repository is touched. --workflow writes a GitHub workflow that
    renders and publishes by itself. Exit code 1 if a check fails.
    """
    from generator.console import publishing

    source = click.get_current_context().get_parameter_source
    refuse_idle([name for name in options if source(name) is ParameterSource.COMMANDLINE])
    publishing.publish(config, **options)


# -- upkeep of the cache ---------------------------------------------------------------------------


@main.command()
@config_argument
@click.option(
    "--fix", is_flag=True, help="Set broken entries aside, so that the next run renders them again."
)
@debug_option
def verify(config: Path, fix: bool, debug: bool) -> None:
    """Check that every picture in the cache is whole. Exit code 1 if one is not."""
    from generator.cache.entries import Cache
    from generator.config.reading import read_config

    cache = Cache(read_config(config).check().cache)
    count = len(cache.recorded())
    broken = list(cache.verify())
    for key, reason in broken:
        click.echo(f"Broken: {key}: {reason}", err=True)
        if fix:
            cache.set_aside(key)
    if broken and not fix:
        raise SomeFailed(f"{len(broken)} of {count:,} entries are broken; --fix sets them aside.")
    mended = f" {len(broken)} broken ones set aside, under `broken` in the cache." if broken else ""
    click.echo(f"{count - len(broken):,} entries are whole.{mended}")


@main.command()
@config_argument
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@debug_option
def prune(config: Path, dry_run: bool, debug: bool) -> None:
    """Remove from the cache what the config no longer asks for, and leftovers of killed runs."""
    from generator.cache.entries import Cache
    from generator.console.session import open_plan
    from generator.inquiries.everything import kept

    plan = open_plan(config, quiet=False)
    cache = Cache(plan.config.cache)
    with cache.store.only_run():
        count, freed = cache.prune(plan.keys | kept(plan, cache), dry_run=dry_run)
    verb = "Would remove" if dry_run else "Removed"
    click.echo(f"{verb} {many(count, 'file')}, {size(freed)}.")


@main.command()
@click.argument("others", nargs=-1, required=True, type=CachePlace(), metavar="OTHER_CACHE...")
@click.option(
    "--config",
    type=ConfigPath,
    default=Path("config.yaml"),
    help="Whose cache they are copied into. Default: config.yaml.",
)
@debug_option
def merge(others: tuple[Path | str, ...], config: Path, debug: bool) -> None:
    """Copy into the config's cache what other caches hold and it lacks, each byte verified.

    What is there already stays as it is; the other caches are only read. Exit code 1 if something is
    broken and in none of them whole.
    """
    from generator.config.reading import read_config
    from generator.console.merging import merge_caches

    merge_caches(read_config(config).check().cache, others)
