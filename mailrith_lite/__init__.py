"""Mailrith's import and export jobs on one box."""

__version__ = "0.1.0"
