"""build-site: what a user types. Commands are thin and import what is heavy inside themselves."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator import __version__
from generator.errors import EXIT_INTERRUPTED, Interrupted, SomeFailed, UserError

if TYPE_CHECKING:
    from generator.config import Config, ModelConfig
    from generator.engines.local import LocalEngine
    from generator.pipeline import Outcome
    from generator.plan import Job, Plan

# TensorFlow's own start-up messages are of no use to our users; --debug brings them back.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

EPILOG = """\b
Examples:
  build-site                           render what is missing, then write the pages
  build-site plan                      what is due, how long it will take, how much disk
  build-site --only vgg19/block4*/0-15 only these channels
  build-site --time-limit 2h           stop cleanly after two hours; run again to go on
  build-site init my.yaml              write a commented config to start from
Stopping at any moment (Ctrl-C, kill, power cut) loses no finished picture.
Exit codes: 0 done, 1 some pictures failed, 2 the input is wrong, 130 interrupted."""


class _Group(click.Group):
    """`build-site [CONFIG]` is `build-site build [CONFIG]`; a user's mistake is one line."""

    debug = False

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "-h", "--version")):
            args = ["build", *args]
        return super().parse_args(ctx, args)

    def main(self, *args: Any, **options: Any) -> Any:
        given = args[0] if args and args[0] is not None else options.get("args") or sys.argv[1:]
        self.debug = "--debug" in given
        if self.debug:
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
        try:
            return super().main(*args, **options)
        except Exception as error:
            if self.debug:
                raise
            text = " ".join(str(error).split())
            click.echo(f"Error: {type(error).__name__}: {text}; --debug shows where", err=True)
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            if self.debug and error.__cause__ is not None:
                traceback.print_exception(error.__cause__)
            raise
        except KeyboardInterrupt:
            raise Interrupted("\nStopped; finished pictures are kept. The same command goes on.") from None


@click.group(cls=_Group, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="build-site")
def main() -> None:
    """Your own OpenAI Microscope: pictures of what every channel of a vision network looks for.

    `build-site [CONFIG]` reads CONFIG (default: config.yaml), renders the pictures that its cache does
    not hold yet, and writes the gallery. `build-site build --help` lists its options.
    """


# -- options that several commands share -----------------------------------------------------------

ConfigPath = click.Path(path_type=Path, dir_okay=False)
config_argument = click.argument("config", type=ConfigPath, default=Path("config.yaml"))
debug_option = click.option("--debug", is_flag=True, help="Show tracebacks and TensorFlow's messages.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (value[:-1], value[-1]) if value[-1:] in units else (value, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        raise click.BadParameter(f"{value!r} is no duration; write 90s, 30m or 2h") from None
    if seconds <= 0:
        raise click.BadParameter("should be more than nothing")
    return seconds


def _render_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option(
            "--only",
            multiple=True,
            metavar="MODEL[/LAYER[/CHANNELS]]",
            help="Render only these; names may be globs, CHANNELS as in 0-15. May be repeated.",
        ),
        click.option("--force", is_flag=True, help="Render again what the cache already holds."),
        click.option(
            "--jobs",
            "-j",
            type=click.IntRange(1, 256),
            metavar="N",
            help="Worker processes. Default: one a core, if memory allows.",
        ),
        click.option(
            "--time-limit",
            callback=_seconds,
            metavar="DURATION",
            help="Start nothing new after this long (90s, 30m, 2h); the pages are still written.",
        ),
        click.option("--strict", is_flag=True, help="Stop at the first failure; warnings are failures too."),
        quiet_option,
        debug_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


# -- the main job ----------------------------------------------------------------------------------


@main.command()
@config_argument
@_render_options
def build(config: Path, strict: bool, quiet: bool, debug: bool, **options: Any) -> None:
    """Render what is missing, then write the pages. This is what `build-site` does by itself."""
    plan = _plan(config, quiet)
    outcome = _render(plan, config, strict=strict, quiet=quiet, **options)
    _write_pages(plan, strict=strict, quiet=quiet)
    _report_failures(outcome)


@main.command()
@config_argument
@_render_options
def render(config: Path, strict: bool, quiet: bool, debug: bool, **options: Any) -> None:
    """Render what is missing into the cache; write no pages."""
    plan = _plan(config, quiet)
    _report_failures(_render(plan, config, strict=strict, quiet=quiet, **options))


@main.command()
@config_argument
@click.option("--strict", is_flag=True, help="Warnings are failures.")
@quiet_option
@debug_option
def html(config: Path, strict: bool, quiet: bool, debug: bool) -> None:
    """Write the pages from what the cache holds; render nothing."""
    _write_pages(_plan(config, quiet), strict=strict, quiet=quiet)


def _plan(path: Path, quiet: bool) -> Plan:
    from generator.pipeline import load_plan

    return load_plan(path, say=(lambda text: None) if quiet else click.echo)


def _render(
    plan: Plan,
    path: Path,
    *,
    only: tuple[str, ...],
    force: bool,
    jobs: int | None,
    time_limit: float | None,
    strict: bool,
    quiet: bool,
) -> Outcome:
    from generator.cache import Cache
    from generator.engines.local import LocalEngine
    from generator.pipeline import Outcome, run
    from generator.progress import Reporter

    due = _due(plan, Cache(plan.config.cache), only, force)
    if not due:
        if not quiet:
            click.echo(
                f"Nothing to render: all {len(plan.keys):,} pictures are in {_short(plan.config.cache)}."
            )
        return Outcome()
    engine = LocalEngine(jobs)
    if not quiet:
        click.echo(f"Rendering {len(due):,} of {len(plan.keys):,} pictures in {engine.jobs} processes ...")
    with _stops(engine) as interrupted, Reporter(len(due), quiet=quiet) as reporter:
        outcome = run(plan, due, engine, reporter, time_limit=time_limit, stop_at_failure=strict)
    if interrupted() and outcome.left:
        raise Interrupted(f"Stopped: {outcome.done:,} rendered, {outcome.left:,} left. {_resume(path)}")
    if not quiet:
        click.echo(_summary(outcome, path))
    return outcome


def _due(plan: Plan, cache: Any, only: tuple[str, ...], force: bool) -> list[Job]:
    from generator.plan import only as select

    chosen = select(plan, only) if only else list(plan.jobs)
    if force:
        return list({job.key: job for job in chosen}.values())
    due = {job.key for job in plan.due(cache)}
    return list({job.key: job for job in chosen if job.key in due}.values())


def _summary(outcome: Outcome, path: Path) -> str:
    rate = outcome.done / outcome.seconds if outcome.seconds else 0.0
    text = f"Rendered {outcome.done:,} pictures in {_duration(outcome.seconds)} ({rate:.2f} a second)."
    if outcome.left:
        text += f" {outcome.left:,} are left. {_resume(path)}"
    return text


def _resume(path: Path) -> str:
    command = "build-site" if path == Path("config.yaml") else f"build-site {path}"
    return f"`{command}` goes on from there."


@contextmanager
def _stops(engine: LocalEngine) -> Iterator[Callable[[], bool]]:
    """Ctrl-C or SIGTERM lets the batches under way finish; a second one ends them at once."""
    count = 0

    def stop(*_: object) -> None:
        nonlocal count
        count += 1
        if count == 1:
            engine.stop()
            click.echo("\nStopping when the pictures under way are done; once more stops at once.", err=True)
        else:
            engine.kill()
            click.echo("\nStopped at once; finished pictures are kept.", err=True)
            os._exit(EXIT_INTERRUPTED)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: count > 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write_pages(plan: Plan, *, strict: bool, quiet: bool) -> None:
    from generator.cache import Cache
    from generator.gallery.site import build_site

    started = time.monotonic()
    report = build_site(plan, Cache(plan.config.cache))
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    if not quiet:
        click.echo(f"Wrote the gallery in {_duration(time.monotonic() - started)}: {report.index}")
    if strict and report.warnings:
        raise SomeFailed(f"{len(report.warnings)} warnings, and --strict was given.")


def _report_failures(outcome: Outcome) -> None:
    if not outcome.failures:
        return
    shown = outcome.failures[:20]
    for failure in shown:
        name = f"{failure.model}/{failure.layer}/{failure.channel} ({failure.recipe_name})"
        click.echo(f"Failed: {name}: {failure.reason}", err=True)
    more = len(outcome.failures) - len(shown)
    rest = f" ({more} more are not listed)" if more else ""
    raise SomeFailed(f"{len(outcome.failures)} pictures failed{rest}; their pages say why.")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


# -- looking around --------------------------------------------------------------------------------


@main.command()
@config_argument
@debug_option
def plan(config: Path, debug: bool) -> None:
    """Show what is due: pictures, the time they will take from measured speed, and disk."""
    from generator.cache import Cache
    from generator.plan import group
    from generator.timings import Timings

    whole = _plan(config, quiet=False)
    cache = Cache(whole.config.cache)
    due = {job.key for job in whole.due(cache)}
    timings = Timings(cache)
    seconds: list[float | None] = []
    for members in group(whole.jobs):
        waiting = [job for job in members.jobs if job.key in due]
        estimate = timings.estimate(
            whole, type(members)(members.model, members.layer, members.recipe_name, tuple(waiting))
        )
        seconds.append(estimate if waiting else 0.0)
        name = f"{members.model}/{members.layer} ({members.recipe_name})"
        time_ = "done" if not waiting else f"about {_duration(estimate)}" if estimate else "time unknown yet"
        click.echo(f"{name:<60} {len(waiting):>6,} of {len(members.jobs):>6,} due  {time_}")
    known = [value for value in seconds if value is not None]
    total = (
        f"about {_duration(sum(known))}"
        if len(known) == len(seconds)
        else "time unknown until a first picture is made"
    )
    disk = sum(1.2 * 3 * whole.recipes[job.recipe_name].size ** 2 for job in whole.jobs if job.key in due)
    click.echo(
        f"In all {len(due):,} of {len(whole.keys):,} pictures are due: {total if due else 'nothing to do'}, "
        f"{_size(disk)} of cache at most."
    )


@main.command()
@click.argument("model")
@click.option("--config", type=ConfigPath, default=Path("config.yaml"), help="Where MODEL may be named.")
@click.option(
    "--weights", default=None, help="imagenet, none or a file. Default: as the config says, else none."
)
@debug_option
def layers(model: str, config: Path, weights: str | None, debug: bool) -> None:
    """List a network's layers: names, shapes and channel counts.

    MODEL is a name in the config, a built-in, a keras.applications name, a saved model's file or a
    factory `package.module:function`.
    """
    from generator.models.zoo import open_model

    settings = _model_settings(model, config, weights)
    sys.path.insert(0, str(config.resolve().parent))
    anatomy = open_model(model, settings).anatomy
    click.echo(f"{'layer':<44} {'kind':<24} {'shape':<18} {'channels':>8} {'sees':>7}")
    for layer in anatomy.layers:
        if layer.renderable:
            shape = " x ".join("?" if n is None else str(n) for n in layer.shape)
            sees = f"{layer.receptive_field} px" if layer.receptive_field else "all"
            click.echo(f"{layer.name:<44} {layer.kind:<24} {shape:<18} {layer.channels:>8} {sees:>7}")


def _model_settings(model: str, config: Path, weights: str | None) -> ModelConfig:
    """The model's settings in the config, if it is named there, else those of a bare source."""
    from generator.config import ModelConfig
    from generator.config_file import read_config

    named: Config | None = read_config(config).config if config.exists() else None
    if named is not None and model in named.models:
        found = named.models[model]
        return found if weights is None else found.model_copy(update={"weights": weights})
    # Shapes need no weights: nothing is downloaded to list layers.
    return ModelConfig.model_validate({"source": model, "weights": weights or "none", "layers": ["all"]})


@main.command()
@debug_option
def models(debug: bool) -> None:
    """List the networks that can be opened by name."""
    from generator.models.zoo import BUILT_IN, model_names

    click.echo("Built in, with their ImageNet weights (no download):")
    for name in BUILT_IN:
        click.echo(f"  {name}")
    click.echo("From keras.applications (weights: imagenet downloads, none is random, or name a file):")
    for name in model_names()[len(BUILT_IN) :]:
        click.echo(f"  {name}")
    click.echo("Your own: a saved .keras or .h5 file, or a factory package.module:function.")


@main.command()
@click.argument("config", type=ConfigPath, default=Path("config.yaml"))
def init(config: Path) -> None:
    """Write a commented config to start from. Never overwrites a file."""
    from generator.resources import default_config

    try:
        with config.open("x", encoding="utf-8") as stream:
            stream.write(default_config())
    except FileExistsError:
        raise UserError(f"{config}: exists already; name another file, or remove it first") from None
    except OSError as error:
        raise UserError(f"{config}: can't be written: {error.strerror}") from None
    click.echo(f"Wrote {config}. Look through it, then run `build-site {config}`.")


@main.command()
@config_argument
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free one."
)
@debug_option
def serve(config: Path, port: int, debug: bool) -> None:
    """Show the gallery at http://127.0.0.1:PORT, to this machine only, until Ctrl-C."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    from generator.config_file import read_config

    folder = read_config(config).check().output
    if not (folder / "index.html").exists():
        raise UserError(f"{_short(folder)}: holds no gallery yet; `build-site {config}` writes it")
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(SimpleHTTPRequestHandler, directory=folder))
    except OSError as error:
        raise UserError(f"port {port} can't be used: {error.strerror}; choose one with --port") from None
    click.echo(f"http://127.0.0.1:{server.server_address[1]}/ shows {_short(folder)}; Ctrl-C ends it.")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("")


# -- upkeep of the cache ---------------------------------------------------------------------------


@main.command()
@config_argument
@click.option("--fix", is_flag=True, help="Remove broken entries, so that the next run renders them again.")
@debug_option
def verify(config: Path, fix: bool, debug: bool) -> None:
    """Check that every picture in the cache is whole. Exit code 1 if one is not."""
    from generator.cache import Cache
    from generator.config_file import read_config

    cache = Cache(read_config(config).check().cache)
    count = len(cache.keys())
    broken = list(cache.verify())
    for key, reason in broken:
        click.echo(f"Broken: {key}: {reason}", err=True)
        if fix:
            cache.remove(key)
    if broken and not fix:
        raise SomeFailed(f"{len(broken)} of {count:,} entries are broken; --fix removes them.")
    click.echo(
        f"{count - len(broken):,} entries are whole."
        + (f" {len(broken)} broken ones removed." if broken else "")
    )


@main.command()
@config_argument
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@debug_option
def prune(config: Path, dry_run: bool, debug: bool) -> None:
    """Remove from the cache what the config no longer asks for, and leftovers of killed runs."""
    from generator.cache import Cache
    from generator.pipeline import only_run

    plan = _plan(config, quiet=False)
    cache = Cache(plan.config.cache)
    with only_run(cache):
        count, size = cache.prune(plan.keys, dry_run=dry_run)
    verb = "Would remove" if dry_run else "Removed"
    click.echo(f"{verb} {count:,} files, {_size(size)}.")
