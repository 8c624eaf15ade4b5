"""What the desk refuses, in sentences for the trader."""

from __future__ import annotations


class Refused(Exception):
    """The desk will not do what was asked; the text says why and what can be done. Nothing has changed."""
