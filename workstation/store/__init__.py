"""The store: one SQLite file a mode, an append-only journal first. Importing this is cheap, `Store.open` is not."""

from workstation.store.errors import DuplicateFill, StoreError
from workstation.store.reader import EquitySnapshot, LogEntry, Receipt
from workstation.store.store import Store

__all__ = ["DuplicateFill", "EquitySnapshot", "LogEntry", "Receipt", "Store", "StoreError"]
