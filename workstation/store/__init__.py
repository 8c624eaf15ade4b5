"""The store: one SQLite file a mode, an append-only journal first. Importing this is cheap, `Store.open` is not."""

from typing import TYPE_CHECKING, Any

from workstation.store.errors import DuplicateFill, StoreError

if TYPE_CHECKING:
    from workstation.store.reader import EquitySnapshot, LogEntry, Receipt
    from workstation.store.store import Store

__all__ = ["DuplicateFill", "EquitySnapshot", "LogEntry", "Receipt", "Store", "StoreError"]


def __getattr__(name: str) -> Any:
    """Reader and store come when they are asked for: the first frame waits for neither."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("workstation.store.store" if name == "Store" else "workstation.store.reader"), name)
