"""What hosts of static pages need and forbid; the limits are those of GitHub Pages."""

from __future__ import annotations

from collections.abc import Iterator

from generator.gallery.pages import SiteView

SITE_LIMIT = 1_000_000_000
"""Bytes of a published site: https://docs.github.com/pages/getting-started-with-github-pages/github-pages-limits"""
FILE_LIMIT = 100_000_000
"""Bytes of a file in a repository."""
WARN_FROM = 0.9


def needed_files() -> dict[str, bytes]:
    """Files that a host wants to see: `.nojekyll` keeps GitHub from leaving some of ours out."""
    return {".nojekyll": b""}


def size_warnings(total: int, largest: tuple[str, int], site: SiteView) -> Iterator[str]:
    """What is near or over a limit, and what to change."""
    if total >= WARN_FROM * SITE_LIMIT:
        share = round(100 * total / SITE_LIMIT)
        channels = sum(model.channel_count for model in site.models)
        frames = any(recipe.recipe.frames for recipe in site.recipes)
        fewer = "`channels`, `recipes` or `frames`" if frames else "`channels` or `recipes`"
        yield (
            f"the gallery has {megabytes(total)}, {share} % of what GitHub Pages allows "
            f"({megabytes(SITE_LIMIT)}), {round(total / max(channels, 1) / 1000)} kB a channel: "
            f"choose fewer {fewer}, or a smaller `size`; docs/publishing.md names more ways"
        )
    path, size = largest
    if size >= WARN_FROM * FILE_LIMIT:
        yield (
            f"{path} has {megabytes(size)}, and GitHub allows {megabytes(FILE_LIMIT)} a file: "
            "choose fewer `channels` in that layer"
        )


def megabytes(size: int) -> str:
    """A size as people read it."""
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"
