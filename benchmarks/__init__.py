"""Measurements of Pocket Microscope beside what a user would pick instead."""
