"""What `build-site publish` does and says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import click

from generator.cache.entries import Cache
from generator.config.reading import read_config
from generator.console.due import count_due
from generator.console.session import open_plan
from generator.console.wording import many, short
from generator.errors import SomeFailed, UserError
from generator.gallery.names import safe_names
from generator.gallery.output import Output
from generator.gallery.pages_host import SITE_LIMIT, megabytes
from generator.gallery.site import build_site, only_writer, planned_pages
from generator.inquiries.everything import settled
from generator.plan import Plan, of_model
from generator.publishing import branch as branches
from generator.publishing.checking import Checked, check_site, expect_pages
from generator.publishing.git import Git
from generator.publishing.workflow import Choices, write_workflow


def publish(
    path: Path,
    *,
    branch: str | None,
    remote: str,
    squash: bool,
    workflow: bool,
    shards: int,
    runs: int,
    install: Sequence[str],
    site: Path | None,
    split: bool,
    force: bool,
) -> None:
    """Do what the options ask for, or only check and say what may come next.

    Raises SomeFailed when a check fails, before anything is published.
    """
    if workflow:
        _write_workflow(path, Choices(shards, runs, install), force=force)
        if not branch:
            return
    plan = open_plan(path, quiet=True)
    if split:
        split_site(plan, path)
        return
    folder = plan.config.output if site is None else site.absolute()
    if not (folder / "index.html").is_file():
        raise UserError(f"{short(folder)}: holds no gallery yet; `build-site {path}` writes it")
    with only_writer(folder) if os.access(folder, os.W_OK) else nullcontext():
        _check(plan, path, folder, own=site is None)
        if branch:
            _publish(Git(path.absolute().parent), folder, branch, remote, squash=squash, force=force)
    if not branch:
        _say_what_next(path)


def _write_workflow(path: Path, choices: Choices, *, force: bool) -> None:
    config = read_config(path).check()
    if isinstance(config.cache, str):
        raise UserError(f"{path}: `cache`: the workflow keeps a folder of the repository, not {config.cache}")
    git = Git(path.absolute().parent)
    place, changed = write_workflow(git, path, config.cache, config.output, choices, force=force)
    if not changed:
        click.echo(f"{short(place)} is as it should be.")
        return
    click.echo(f"Wrote {short(place)}. Commit and push it, and choose GitHub Actions in Settings > Pages.")


def _check(plan: Plan, path: Path, folder: Path, *, own: bool) -> None:
    """Check a site, saying what was found; of the config's own, whether it has the plan's pages too."""
    secrets = {Path.home(), path.absolute().parent, folder}
    if isinstance(plan.config.cache, Path):
        secrets.add(plan.config.cache)
    hosted = plan.config.pictures_folder if own else None
    if hosted is not None:
        secrets.add(hosted)
    found = check_site(folder, secrets, (plan.config.pictures_base, hosted) if hosted else None)
    if own:
        expect_pages(found, planned_pages(plan), path)
    for warning in found.warnings:
        click.echo(f"Warning: {warning}", err=True)
    for problem in found.problems:
        click.echo(f"Unfit: {problem}", err=True)
    if found.problems:
        raise SomeFailed(
            f"{short(folder)} is not fit to be published: {many(len(found.problems), 'problem')}."
        )
    click.echo(_told(folder, found))
    if own and (due := count_due(plan)):
        what = "picture or piece of evidence is" if due == 1 else "pictures or pieces of evidence are"
        click.echo(f"{due:,} {what} still due; pages say where one is missing.")


def _told(folder: Path, found: Checked) -> str:
    share = round(100 * found.bytes / SITE_LIMIT)
    return (
        f"{short(folder)} is fit to be published: {many(found.files, 'file')}, {megabytes(found.bytes)} "
        f"({share} % of what GitHub Pages takes), {many(found.links, 'link')} that all lead somewhere."
    )


def _publish(git: Git, folder: Path, branch: str, remote: str, *, squash: bool, force: bool) -> None:
    done = branches.publish(git, folder, branch, remote, squash=squash, force=force)
    place = f"branch {branch} of {remote}"
    if not done.commit:
        click.echo(f"Nothing to publish: {place} holds just this already.")
        return
    click.echo(
        f"Published {many(done.files, 'file')}, {done.changed:,} of them new, changed or gone, to {place}: "
        f"commit {done.commit[:12]}."
    )
    if done.address:
        click.echo(f"{done.address} shows it once Settings > Pages deploys from branch {branch}.")


def split_site(plan: Plan, path: Path) -> None:
    """Write a site of its own for each model, and check each; those of models that are gone go too."""
    above = plan.config.output.with_name(f"{plan.config.output.name}-split")
    slugs = safe_names(plan.config.models)
    cache = Cache(plan.config.cache)
    for folder in above.glob("*/"):
        if folder.name not in slugs.values() and not folder.is_symlink():
            Output(folder, cache.gallery_path(folder)).remove()
    for name, slug in slugs.items():
        part = of_model(plan, name, above / slug)
        build_site(part, cache, settled(part, cache))
        _check(part, path, part.config.output, own=True)
    click.echo(f"Next: publish each of the folders in {short(above)}, from a repository of its own, say.")


def _say_what_next(path: Path) -> None:
    words = f"build-site publish {'' if str(path) == 'config.yaml' else f'{path} '}"
    click.echo(f"Next: `{words}--branch gh-pages` publishes it from here,")
    click.echo(f"      `{words}--workflow` has GitHub render and publish it.")
