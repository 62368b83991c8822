"""The numeric core: a recipe and a cut network -> pictures. It knows no files, config or progress bars."""

RENDERER_VERSION = 2
"""Raised whenever the same recipe gives other pictures; it enters every key, so old pictures are redone."""
