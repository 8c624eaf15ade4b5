"""Recordings of markets: our own format (`.tws`), raw Binance sessions and raw cryptofeed sessions.

`open_recording` reads any of them, recognised by content; `RecordingWriter` writes our own.
"""

from workstation.market.recording.errors import RecordingError
from workstation.market.recording.opening import open_recording
from workstation.market.recording.source import RecordingSource
from workstation.market.recording.writer import RecordingWriter

__all__ = ["RecordingError", "RecordingSource", "RecordingWriter", "open_recording"]
