"""Pocket Microscope: an offline generator of a personal OpenAI Microscope."""

__version__ = "0.1.0"
