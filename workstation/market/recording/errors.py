"""What goes wrong with recordings."""

from __future__ import annotations


class RecordingError(Exception):
    """The recording cannot be read or written; the text is one sentence for the trader."""


class DamagedFrame(Exception):
    """One part of a recording does not match its checksum."""
