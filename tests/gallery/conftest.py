"""Galleries of synthetic pictures, built through the one public door: build_site."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.synthetic import rich_plan, varied_plan
from generator.cache.entries import Cache
from generator.evidence.facts import Evidence
from generator.gallery.site import SiteReport, build_site
from generator.plan import Plan
from tests.evident import evidence_of
from tests.unruly import unruly_plan


def build(plan: Plan, evidence: Evidence | None = None) -> SiteReport:
    """The gallery of a plan, from the plan's own cache."""
    return build_site(plan, Cache(plan.config.cache), evidence)


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file in a folder by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def moments_of(folder: Path) -> dict[str, tuple[int, int]]:
    """When each file was written, and as which file."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> SiteReport:
    """A gallery with everything in it, with an address of its own. Tests only look at it."""
    folder = tmp_path_factory.mktemp("rich")
    return build(rich_plan(folder, url="https://example.org/microscope/"))


@pytest.fixture(scope="session")
def evident(tmp_path_factory: pytest.TempPathFactory) -> SiteReport:
    """The same with evidence of all kinds. Tests only look at it."""
    plan = rich_plan(tmp_path_factory.mktemp("evident"), url="https://example.org/microscope/")
    return build(plan, evidence_of(plan))


@pytest.fixture(scope="session")
def varied(tmp_path_factory: pytest.TempPathFactory) -> SiteReport:
    """A gallery of every kind of picture. Tests only look at it."""
    return build(varied_plan(tmp_path_factory.mktemp("varied")))


@pytest.fixture(scope="session")
def unruly(tmp_path_factory: pytest.TempPathFactory) -> SiteReport:
    """A gallery of unruly names and texts. Tests only look at it."""
    return build(unruly_plan(tmp_path_factory.mktemp("unruly")))
